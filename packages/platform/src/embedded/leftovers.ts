import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@noa/core';
import { findLockOwner } from './postmasterFile.ts';
import { folderError, postgresHomes } from './prepareInstall.ts';
import { stopServer } from './serverProcess.ts';

/**
 * Ends the servers of a data folder that a killed supervisor has left, by a fast shutdown: whoever is still connected
 * is sent away, what was acknowledged stays.
 * @returns ids of the clusters that were ended.
 */
export async function stopLeftoverPostgres(dataPath: string, clock: Clock): Promise<string[]> {
  const stopped: string[] = [];
  for (const home of postgresHomes(dataPath)) {
    for (const name of await readdir(home).catch(() => [])) {
      const owner = await findLockOwner(join(home, name));
      if (owner.kind !== 'server') continue;
      await stopServer({ pid: owner.file.pid, startTicks: owner.startTicks }, clock);
      stopped.push(name);
    }
  }
  return stopped;
}

/**
 * Ends leftover servers of a data folder and deletes all its clusters, wherever they live.
 * @throws NoaError `DATA_UNWRITABLE`.
 */
export async function removeEmbeddedPostgres(dataPath: string, clock: Clock): Promise<void> {
  await stopLeftoverPostgres(dataPath, clock);
  for (const home of postgresHomes(dataPath)) {
    await rm(home, { recursive: true, force: true }).catch((error: unknown) => {
      throw folderError(home, error);
    });
  }
}
