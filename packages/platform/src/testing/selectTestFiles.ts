import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { NoaError } from '@noa/core';

/** Kinds of test files: no I/O; a real PostgreSQL; a whole system over the public wire. */
export const TEST_KINDS = ['unit', 'engine', 'acceptance'] as const;
export type TestKind = (typeof TEST_KINDS)[number];

const ROOTS = ['packages', 'scripts', 'bench', 'acceptance'];
const FOLDERS_SKIPPED = new Set(['node_modules', 'dist', '.noa']);

/** A test file, from the repository's root, with forward slashes. */
export function kindOf(path: string): TestKind {
  if (path.startsWith('acceptance/') && path.endsWith('.acceptance.test.ts')) return 'acceptance';
  return path.endsWith('.engine.test.ts') ? 'engine' : 'unit';
}

/**
 * Test files under the root, sorted.
 * @param paths - files or folders from the root; all when empty.
 * @throws NoaError `NOT_FOUND` when one of the paths holds no test: a run that silently leaves it out would lie.
 */
export async function selectTestFiles(root: string, paths: readonly string[], only?: TestKind): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ROOTS) await collect(root, folder, found);
  const wanted = paths.map((path) => path.split(sep).join('/').replace(/^\.\//, '').replace(/\/$/, ''));
  for (const path of wanted) {
    if (!found.some((file) => isUnder(file, path))) throw new NoaError('NOT_FOUND', { message: `No test file is ${path} or lies under it` });
  }
  return found
    .filter((file) => wanted.length === 0 || wanted.some((path) => isUnder(file, path)))
    .filter((file) => only === undefined || kindOf(file) === only)
    .toSorted();
}

function isUnder(file: string, path: string): boolean {
  return path === '' || path === '.' || file === path || file.startsWith(`${path}/`);
}

async function collect(root: string, folder: string, found: string[]): Promise<void> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !FOLDERS_SKIPPED.has(entry.name)) await collect(root, path, found);
    else if (entry.isFile() && entry.name.endsWith('.test.ts')) found.push(path.split(sep).join('/'));
  }
}
