import { chmod, link, open, readFile, rename, rm } from 'node:fs/promises';
import type { Random } from '@noa/core';
import { folderError } from './prepareInstall.ts';

/** 144 bits. */
const SECRET_BYTES = 18;

/**
 * Reads a secret, or makes a random one with mode 0600. It appears whole and synced: a crash leaves none or all of it,
 * and two starters at once agree on the first one's.
 * @throws NoaError `DATA_UNWRITABLE`, `DISK_FULL`.
 */
export async function readOrCreateSecret(path: string, random: Random): Promise<string> {
  const kept = await readSecret(path);
  if (kept !== undefined) return kept;
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(beside, path).catch(async (error: { code?: string }) => {
      if (error.code !== 'EEXIST') throw error;
      // Somebody was faster; or an empty file, which no starter makes, is in the way.
      if ((await readSecret(path)) === undefined) await rename(beside, path);
    });
    return (await readSecret(path)) ?? secret;
  } catch (error) {
    throw folderError(path, error);
  } finally {
    // Its absence is what counts: the error above says why it could not even be looked for.
    await rm(beside, { force: true }).catch(() => undefined);
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (text === '') return undefined;
  await chmod(path, 0o600);
  return text;
}
