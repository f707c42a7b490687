import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

/** A log that grew past this is moved to `<name>.old` when it is next opened: two files are the bound. */
const LOG_BYTES_MAX = 50 * 1_048_576;

/** Opens a log file for appending; lines are written synchronously, so a crash loses none. */
export function openLogFile(path: string): { write(line: string): void; close(): void } {
  rotateLogFile(path);
  const file = openSync(path, 'a', 0o600);
  return { write: (line) => void writeSync(file, line), close: () => closeSync(file) };
}

/** Moves an overgrown log aside. */
export function rotateLogFile(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.old`);
}
