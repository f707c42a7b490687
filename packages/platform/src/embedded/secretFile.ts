import { chmod, link, open, readFile, rm } from 'node:fs/promises';
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
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept.trim() !== '') {
    await chmod(path, 0o600);
    return kept.trim();
  }
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
    await link(beside, path);
    return secret;
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw folderError(path, error);
    return (await readFile(path, 'utf8')).trim();
  } finally {
    await rm(beside, { force: true });
  }
}
