import pc from 'picocolors';

/** What a command prints: lines for people, or one JSON object for programs; never both. */
export class Console {
  readonly isJSON: boolean;

  constructor(options: { isJSON: boolean }) {
    this.isJSON = options.isJSON;
  }

  /** For people only. */
  line(text = ''): void {
    if (!this.isJSON) process.stdout.write(`${text}\n`);
  }

  /** The command's result, for programs only. */
  json(value: unknown): void {
    if (this.isJSON) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A complaint, on standard error. */
  complain(text: string): void {
    process.stderr.write(`${pc.red('noa:')} ${text.replaceAll('\n', '\n     ')}\n`);
  }

  /** Columns, padded to their widest cell. */
  table(header: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
    const render = (cells: readonly string[]): string =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
    this.line(pc.dim(render(header)));
    for (const row of rows) this.line(render(row));
  }
}

/** `850 ms`, `3.4 s`. */
export function formatDuration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
