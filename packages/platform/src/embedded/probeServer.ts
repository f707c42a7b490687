import { connectDatabase, silentLogger, type Clock, type Database } from '@noa/core';

/** Pause between two knocks while a server starts. */
const KNOCK_MS = 15;

/** `silent` after the time, or when waiting is pointless; `refused` when a server answers but not to our secret. */
export type ProbeOutcome = 'answering' | 'refused' | 'silent';

/** SQLSTATEs of a server that knows us not: wrong password, no such role or no rule for us in pg_hba.conf. */
const REFUSALS = ['28P01', '28000'];

/**
 * Knocks until the server answers a query, refuses our secret, or `isOver` says that waiting is pointless. The log is
 * not read: its words depend on level and language, and a hot standby never writes the usual ones.
 */
export async function waitUntilAnswering(options: { url: string; clock: Clock; timeoutMs: number; isOver: () => boolean }): Promise<ProbeOutcome> {
  const { url, clock, timeoutMs, isOver } = options;
  const untilMs = clock.monotonicMs() + timeoutMs;
  while (!isOver() && clock.monotonicMs() < untilMs) {
    const outcome = await knock(url, clock);
    if (outcome !== 'silent') return outcome;
    await clock.sleep(KNOCK_MS);
  }
  return 'silent';
}

/** One connection, one query. */
async function knock(url: string, clock: Clock): Promise<ProbeOutcome> {
  const database = adminDatabase(url, clock);
  try {
    await database.query('SELECT 1');
    return 'answering';
  } catch (error) {
    return REFUSALS.includes((error as { code?: string }).code ?? '') ? 'refused' : 'silent';
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
