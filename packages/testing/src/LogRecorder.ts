import type { Logger } from '@noa/core';

export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** Keeps what was logged. */
export class LogRecorder implements Logger {
  readonly entries: LogEntry[];
  readonly #bindings: object;

  constructor(entries: LogEntry[] = [], bindings: object = {}) {
    this.entries = entries;
    this.#bindings = bindings;
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }

  child(bindings: Readonly<Record<string, unknown>>): Logger {
    return new LogRecorder(this.entries, { ...this.#bindings, ...bindings });
  }

  #add(level: LogEntry['level'], fields: object, message: string): void {
    this.entries.push({ level, fields: { ...this.#bindings, ...fields }, message });
  }
}
