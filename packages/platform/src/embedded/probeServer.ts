import { connectDatabase, silentLogger, type Clock, type Database } from '@noa/core';

/** Pause between two knocks while a server starts. */
const KNOCK_MS = 15;

/**
 * Resolves true when the server answers a query, false when `isOver` says that waiting is pointless. The log is not
 * read: its words depend on level and language, and a hot standby never writes the usual ones.
 */
export async function waitUntilAnswering(options: { url: string; clock: Clock; timeoutMs: number; isOver: () => boolean }): Promise<boolean> {
  const { url, clock, timeoutMs, isOver } = options;
  const untilMs = clock.monotonicMs() + timeoutMs;
  while (!isOver() && clock.monotonicMs() < untilMs) {
    if (await answers(url, clock)) return true;
    await clock.sleep(KNOCK_MS);
  }
  return false;
}

/** One connection, one query. */
export async function answers(url: string, clock: Clock): Promise<boolean> {
  const database = adminDatabase(url, clock);
  try {
    await database.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await database.stop();
  }
}

/** The data directory that the server behind `url` serves; undefined when it does not answer. */
export async function servedDataPath(url: string, clock: Clock): Promise<string | undefined> {
  const database = adminDatabase(url, clock);
  try {
    const { rows } = await database.query<{ path: string }>("SELECT current_setting('data_directory') AS path");
    return rows[0]?.path;
  } catch {
    return undefined;
  } finally {
    await database.stop();
  }
}

export function adminDatabase(url: string, clock: Clock): Database {
  return connectDatabase({ url, clock, logger: silentLogger, poolMax: 1, connectTimeoutMs: 2_000, applicationName: 'noa-supervisor' });
}
