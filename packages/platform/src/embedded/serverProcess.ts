import type { Clock } from '@noa/core';
import { endProcess, isSameProcess } from '../data/processIdentity.ts';

/** A running server, told apart from a later process with the same number. */
export interface ServerProcess {
  readonly pid: number;
  readonly startTicks: string;
}

/** A checkpoint of full buffers on a slow disk takes seconds. */
const STOP_MS_MAX = 20_000;
const LOOK_MS = 10;

/** Ends a server by a fast shutdown, with a checkpoint; by a kill only when that has not ended it in 20 s. */
export async function stopServer(server: ServerProcess, clock: Clock): Promise<void> {
  if (!isSameProcess(server)) return;
  try {
    process.kill(server.pid, 'SIGINT');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
  const untilMs = clock.monotonicMs() + STOP_MS_MAX;
  while (isSameProcess(server) && clock.monotonicMs() < untilMs) await clock.sleep(LOOK_MS);
  await endProcess(server, { clock, signal: 'SIGKILL', graceMs: 0 });
}
