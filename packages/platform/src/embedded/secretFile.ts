import { readFile, writeFile } from 'node:fs/promises';
import type { Random } from '@noa/core';
import { folderError } from './prepareInstall.ts';

/** 144 bits. */
const SECRET_BYTES = 18;

/** Reads a secret, or makes a random one with mode 0600; two starters at once agree on the first one's. */
export async function readOrCreateSecret(path: string, random: Random): Promise<string> {
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
  try {
    await writeFile(path, secret, { mode: 0o600, flag: 'wx' });
    return secret;
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw folderError(path, error);
    return (await readFile(path, 'utf8')).trim();
  }
}
