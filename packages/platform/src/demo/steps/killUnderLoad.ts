import { systemClock } from '@noa/core';
import { call, personOf, prove, until, type DemoContext, type DemoStep } from '../DemoContext.ts';

const WRITERS = 4;
const RECOVERY_MS_MAX = 20_000;
const LOAD_BEFORE_MS = 500;
const LOAD_AFTER_MS = 500;
const PAUSE_MS = 40;

/** A writer that counts up a field of its own and remembers the last value that was acknowledged. */
interface Writer {
  readonly field: string;
  next: number;
  acknowledged: number;
}

export const killUnderLoad: DemoStep = {
  title: 'kill -9 of the user service under load',
  async run(context) {
    const before = (await context.state()).processes.find((process) => process.name === 'user');
    if (before === undefined) return { skipped: 'in the topology inline the service has no process of its own' };
    const writers = Array.from({ length: WRITERS }, (_, index): Writer => ({ field: `counter${index}`, next: 1, acknowledged: 0 }));
    const statuses = new Map<number, number>();
    let isOver = false;
    const load = Promise.all(writers.map((writer) => write(context, writer, statuses, () => isOver)));
    await systemClock.sleep(LOAD_BEFORE_MS);
    process.kill(before.pid, 'SIGKILL');
    const duringOutage = await call(context.gateway, 'GET', '/.well-known/openid-configuration');
    const after = await until('the supervisor starts the service again', RECOVERY_MS_MAX, async () => {
      const found = (await context.state()).processes.find((process) => process.name === 'user');
      const isNew = found !== undefined && found.pid !== before.pid;
      return isNew && (await reads(context)) ? found : undefined;
    });
    await systemClock.sleep(LOAD_AFTER_MS);
    isOver = true;
    await load;
    prove(duringOutage.status === 200, `the gateway answers on for other services, got ${duringOutage.status}`);
    const me = await call<{ profile: Record<string, number> }>(context.gateway, 'GET', '/api/users/me', { token: personOf(context).accessToken });
    for (const { field, acknowledged, next } of writers) {
      const stored = me.body.profile[field] ?? 0;
      // A write without an answer may have happened; an acknowledged one must have.
      prove(stored >= acknowledged && stored < next, `${field} holds the acknowledged ${acknowledged}, found ${stored}`);
    }
    const writes = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    const told = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} x ${status}`);
    return `process ${before.pid} → ${after.pid}; ${writes} acknowledged writes, none lost (${told.join(', ')})`;
  },
};

async function reads(context: DemoContext): Promise<boolean> {
  const answer = await call(context.gateway, 'GET', '/api/users/me', { token: personOf(context).accessToken });
  return answer.status === 200;
}

async function write(context: DemoContext, writer: Writer, statuses: Map<number, number>, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const value = writer.next;
    writer.next += 1;
    const answer = await call(context.gateway, 'PATCH', '/api/users/me', {
      token: personOf(context).accessToken,
      body: { profile: { [writer.field]: value } },
    });
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (answer.status === 200) writer.acknowledged = value;
    await systemClock.sleep(PAUSE_MS);
  }
}
