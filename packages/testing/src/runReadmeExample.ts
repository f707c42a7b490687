import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const EXAMPLE_MS_MAX = 30_000;

/**
 * Runs the first TypeScript example of a README as it is printed, as a program of its own beside the package's sources.
 * @param sourcePath - the package's src folder; the README lies one above.
 * @param options.env - added to the environment. @param options.flags - of Node.
 * @returns what the example printed. @throws Error when there is none, or it fails.
 */
export async function runReadmeExample(
  sourcePath: string,
  options: { env?: Readonly<Record<string, string>>; flags?: readonly string[] } = {},
): Promise<string> {
  const readme = await readFile(join(sourcePath, '..', 'README.md'), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
  if (example === undefined) throw new Error(`the README beside ${sourcePath} has no TypeScript example`);
  // The example is no part of the test run that starts it.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [...(options.flags ?? []), '--input-type=module-typescript', '--eval', example], {
    cwd: sourcePath,
    env: { ...inherited, ...options.env },
    timeout: EXAMPLE_MS_MAX,
  });
  return stdout;
}
