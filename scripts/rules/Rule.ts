import type { Repository } from './Repository.ts';
import type { SourceFile } from './SourceFile.ts';

/** A place where a rule is broken. */
export interface Finding {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly rule: string;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

/** A convention that a machine can check. */
export interface Rule {
  readonly name: string;
  check(repository: Repository): Finding[];
}

/** A finding at an offset of a source file. */
export function findingAt(file: SourceFile, offset: number, rule: string, message: string): Finding {
  return { path: file.path, line: file.lineOf(offset), rule, message };
}

/** `path:line rule message`: editors and people can follow it. */
export function formatFinding({ path, line, rule, message }: Finding): string {
  return `${path}:${line} ${rule} ${message}`;
}
