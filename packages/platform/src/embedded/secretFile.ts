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
    // An empty file is there only where a crash or a hand has left it: a whole one appears by the link.
    await rm(path, { force: true });
    await link(beside, path);
    return secret;
  } catch (error) {
    const other = (error as { code?: string }).code === 'EEXIST' ? await readSecret(path) : undefined;
    if (other === undefined) throw folderError(path, error);
    return other;
  } finally {
    await rm(beside, { force: true });
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (text === '') return undefined;
  await chmod(path, 0o600);
  return text;
}
