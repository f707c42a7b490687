import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NoaError } from '@noa/core';

/** An account to run PostgreSQL under. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Existing accounts that are nobody's own, in the order of preference. */
const CANDIDATES = ['postgres', 'nobody', '_postgres'];

/**
 * When we are root: an existing unprivileged account, since PostgreSQL refuses to run as root. Undefined when we are
 * not. No account is ever created.
 * @throws NoaError `EMBEDDED_ACCOUNT_MISSING`.
 */
export function findUnprivilegedUser(passwdPath = '/etc/passwd'): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync(passwdPath, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  const found = CANDIDATES.map((name) => accounts.find((account) => account.name === name && account.uid > 0)).find(
    (account) => account !== undefined,
  );
  if (found === undefined) {
    throw new NoaError('EMBEDDED_ACCOUNT_MISSING', {
      message: `PostgreSQL does not run as root and none of the accounts ${CANDIDATES.join(', ')} exists; run ./noa as an ordinary user, or set NOA_DATABASE_URL`,
    });
  }
  return found;
}

/**
 * The account to run under: the owner of clusters that exist, so that an account which appears later, or a first start
 * as an ordinary user, does not lock them; else `findUnprivilegedUser`. Undefined when we are not root.
 * @throws NoaError `EMBEDDED_ACCOUNT_MISSING`.
 */
export async function chooseAccount(clusterPaths: readonly string[], passwdPath = '/etc/passwd'): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const path of clusterPaths) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && found.uid > 0) return { name: `user ${found.uid}`, uid: found.uid, gid: found.gid };
  }
  return findUnprivilegedUser(passwdPath);
}

/** The first part of the way to `path`, itself included, that the account may not pass or run; undefined when all are open. */
export async function findClosedFolder(path: string, account: Account): Promise<string | undefined> {
  const parents: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    parents.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  for (const folder of parents) {
    const found = await stat(folder).catch(() => undefined);
    if (found === undefined) return undefined;
    const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001;
    if ((found.mode & bit) === 0) return folder;
  }
  return undefined;
}
