import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import type { Clock } from '@noa/core';

/**
 * When the process began, in an opaque form that differs for a later process with the same number: clock ticks since
 * boot on Linux (proc(5), field 22), `ps`'s start time elsewhere. Undefined when it does not run.
 */
export function startTicksOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startTimeByPs(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold spaces and brackets: count fields after its closing one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function startTimeByPs(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

/** True while the recorded process runs. */
export function isSameProcess(record: { pid: number; startTicks: string }): boolean {
  const ticks = startTicksOf(record.pid);
  return ticks !== undefined && ticks === record.startTicks;
}

/** Asks a process to end with `signal`, waits up to `graceMs`, then kills it. @returns false when it had ended before. */
export async function endProcess(
  record: { pid: number; startTicks: string },
  options: { clock: Clock; signal: 'SIGTERM' | 'SIGKILL'; graceMs: number },
): Promise<boolean> {
  if (!isSameProcess(record)) return false;
  kill(record.pid, options.signal);
  const untilMs = options.clock.monotonicMs() + options.graceMs;
  while (isSameProcess(record)) {
    if (options.clock.monotonicMs() > untilMs) kill(record.pid, 'SIGKILL');
    await options.clock.sleep(25);
  }
  return true;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}
