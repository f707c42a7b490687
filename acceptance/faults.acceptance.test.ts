import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '@noa/core';
import { waitFor } from '@noa/testing';
import { call, login, register, type Person } from './client.ts';
import { AcceptanceSystem, type ProcessOf } from './harness.ts';

/** Long enough for a restart with a backed-off retry on a busy machine. */
const HEALED_MS_MAX = 60_000;

/** Keeps changing one user's record, one write after the other, and remembers what was acknowledged. */
class Writer {
  acknowledged = 0;
  refused = 0;
  readonly #system: AcceptanceSystem;
  readonly #person: Person;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #token = '';

  constructor(system: AcceptanceSystem, person: Person) {
    this.#system = system;
    this.#person = person;
  }

  async start(): Promise<void> {
    this.#token = (await login(this.#system.at.gateway, this.#person)).accessToken;
    this.#running = (async () => {
      for (let value = 1; !this.#stopping.signal.aborted; value += 1) await this.#write(value);
    })();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** The number that the record holds. */
  async read(): Promise<number> {
    const { accessToken: token } = await login(this.#system.at.gateway, this.#person);
    const answer = await call<{ displayName: string }>(this.#system.at.gateway, 'GET', '/api/users/me', { token });
    assert.equal(answer.status, 200, answer.text);
    return Number(answer.body.displayName.slice('write '.length));
  }

  async #write(value: number): Promise<void> {
    const answer = await call(this.#system.at.gateway, 'PATCH', '/api/users/me', {
      token: this.#token,
      body: { displayName: `write ${value}` },
    }).catch(() => undefined);
    if (answer?.status === 200) this.acknowledged = value;
    else {
      this.refused += 1;
      // A refused connection answers at once: asking without a pause would only keep the machine from healing.
      await systemClock.sleep(20);
    }
  }
}

function kill({ pid }: ProcessOf): void {
  process.kill(pid, 'SIGKILL');
}

/** Waits until the system answers a whole request again; starts it again when its supervisor is gone. */
async function heal(system: AcceptanceSystem, isSupervisorGone: boolean): Promise<void> {
  if (isSupervisorGone) await system.up();
  await waitFor(async () => (await system.status()).isHealthy, { timeoutMs: HEALED_MS_MAX, intervalMs: 200, message: 'a healthy system' });
}

describe('kill -9 loses nothing that was acknowledged', () => {
  const system = new AcceptanceSystem({ env: { NOA_GATEWAY_RATE_LIMIT: '100000' } });
  before(() => system.up());
  after(() => system.dispose());

  const victims: readonly [string, () => readonly ProcessOf[]][] = [
    ['the user service', () => system.at.processes.filter(({ name }) => name === 'user')],
    ['the auth service', () => system.at.processes.filter(({ name }) => name === 'auth')],
    ['the notification service', () => system.at.processes.filter(({ name }) => name === 'notification')],
    ['the gateway', () => system.at.processes.filter(({ name }) => name === 'gateway')],
    ['the PostgreSQL of the control database and first shard', () => system.at.engines.slice(0, 1)],
    ['the PostgreSQL of the second shard', () => system.at.engines.slice(1, 2)],
    ['the supervisor', () => [system.at.supervisor]],
    ['everything at once', () => [system.at.supervisor, ...system.at.processes, ...system.at.engines]],
  ];

  for (const [what, choose] of victims) {
    test(`of ${what}`, async (t) => {
      // Several people, so that both shards are written.
      const people = await Promise.all(Array.from({ length: 4 }, () => register(system.at.gateway)));
      const writers = people.map((person) => new Writer(system, person));
      t.after(() => Promise.all(writers.map((writer) => writer.stop())));
      await Promise.all(writers.map((writer) => writer.start()));
      await waitFor(() => writers.every(({ acknowledged }) => acknowledged > 0), { message: 'a first write of each' });
      const killed = choose();
      assert.ok(killed.length > 0, `nothing to kill in ${JSON.stringify(system.at.processes)}`);
      for (const victim of killed) kill(victim);
      await heal(
        system,
        killed.some(({ name }) => name === 'supervisor'),
      );
      const before = writers.map(({ acknowledged }) => acknowledged);
      await waitFor(() => writers.every(({ acknowledged }, index) => acknowledged > (before[index] ?? 0)), {
        timeoutMs: HEALED_MS_MAX,
        message: 'writes that are acknowledged again',
      });
      await Promise.all(writers.map((writer) => writer.stop()));
      for (const writer of writers) {
        // A write whose answer was lost may have been done: never less than the acknowledged one, never one that was not sent.
        assert.ok((await writer.read()) >= writer.acknowledged, 'an acknowledged write is gone');
      }
      for (const person of people) await login(system.at.gateway, person);
      t.diagnostic(`${writers.reduce((sum, { refused }) => sum + refused, 0)} writes refused meanwhile`);
      await refreshProcesses(system);
    });
  }
});

/** Restarted processes have new numbers; `status` tells them. */
async function refreshProcesses(system: AcceptanceSystem): Promise<void> {
  const { parts } = await system.status();
  const pids = new Map(parts.map(({ name, pid }) => [name, pid]));
  for (const record of [...system.at.processes, ...system.at.engines] as { name: string; pid: number }[])
    record.pid = pids.get(record.name) ?? record.pid;
}
