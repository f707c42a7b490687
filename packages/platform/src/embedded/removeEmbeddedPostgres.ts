import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@noa/core';
import { findLockOwner } from './postmasterFile.ts';
import { folderError, postgresHomes } from './prepareInstall.ts';
import { stopServer } from './serverProcess.ts';

/**
 * Ends servers of a data folder that a killed supervisor has left, and deletes all clusters, wherever they live.
 * @throws NoaError `DATA_UNWRITABLE`.
 */
export async function removeEmbeddedPostgres(dataPath: string, clock: Clock): Promise<void> {
  for (const home of postgresHomes(dataPath)) {
    for (const name of await readdir(home).catch(() => [])) {
      const owner = await findLockOwner(join(home, name));
      if (owner.kind === 'server') await stopServer({ pid: owner.file.pid, startTicks: owner.startTicks }, clock);
    }
    await rm(home, { recursive: true, force: true }).catch((error: unknown) => {
      throw folderError(home, error);
    });
  }
}
