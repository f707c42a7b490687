import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBelow, systemClock, systemRandom } from '@noa/core';

/** What `noa up --json` prints. */
export interface UpAnswer {
  readonly gateway: string;
  readonly admin: string;
  readonly adminToken: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
  readonly dataPath: string;
  readonly topology: string;
  readonly supervisor: ProcessOf;
  readonly processes: readonly ProcessOf[];
  readonly engines: readonly ProcessOf[];
  readonly durationMs: number;
}

export interface ProcessOf {
  readonly name: string;
  readonly pid: number;
  readonly port?: number;
}

/** One row of `noa status --json`. */
export interface PartOf extends ProcessOf {
  readonly kind: string;
  readonly isHealthy: boolean;
  readonly detail: string;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = resolve(import.meta.dirname, '..');
const COMMAND_MS_MAX = 120_000;
/** Offsets from the port base that a system with two clusters takes; see the port table of the README. */
const PORT_OFFSETS = [0, 1, 2, 6, 10, 25, 32, 33];

/** Runs `./noa …` as a person would, with nothing of our own environment but the way to Node. */
export function noa(args: readonly string[], options: { env?: Readonly<Record<string, string>>; timeoutMs?: number } = {}): Promise<CommandResult> {
  const child = spawn(join(ROOT, 'noa'), args, { cwd: ROOT, env: cleanEnvironment(options.env), stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const timer = systemClock.schedule(options.timeoutMs ?? COMMAND_MS_MAX, () => child.kill('SIGKILL'));
  return new Promise((resolveResult, reject) => {
    child.once('error', reject);
    // `exit`, not `close`: a detached supervisor may hold the pipes longer than the command lives.
    child.once('exit', (code) => {
      timer.cancel();
      systemClock.schedule(20, () => resolveResult({ code, ...output }));
    });
  });
}

/** The environment without any setting of Noa, so that a developer's shell does not change what is tested. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(NOA_|NODE_TEST_|DATABASE_URL$|POSTGRES_URL$|LOG_LEVEL$|RATE_LIMIT$)/.test(name));
  const home = process.env['NOA_HOME'];
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    ...(home === undefined ? {} : { NOA_HOME: home }),
    NOA_NODE: process.execPath,
    ...extra,
  };
}

/** Below the range from which systems take ports for outgoing connections. */
const PORT_BASES = { first: 20_000, step: 100, count: 120 } as const;

/** A base whose ports are all free at the moment; all lie below those of outgoing connections. */
export async function freePortBase(): Promise<number> {
  // Test files run side by side: each process looks elsewhere first.
  for (let index = process.pid * 7 + randomBelow(systemRandom, 7); ; index += 1) {
    const base = PORT_BASES.first + (index % PORT_BASES.count) * PORT_BASES.step;
    const free = await Promise.all(PORT_OFFSETS.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolveFree) => {
    const server = createServer();
    server.once('error', () => resolveFree(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolveFree(true)));
  });
}

/** Folders that hold a running system; stopped when the test process is told to end early. */
const running = new Set<string>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    for (const dataPath of running) spawnSync(join(ROOT, 'noa'), ['down', '--data', dataPath], { env: cleanEnvironment(), stdio: 'ignore' });
    process.exit(1);
  });
}

/** A whole system of its own: `noa up --detach` on free ports and in a folder of its own. */
export class AcceptanceSystem {
  readonly dataPath: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #topology: string;
  #answer: UpAnswer | undefined;
  #portBase = 0;

  constructor(options: { topology?: 'processes' | 'inline'; env?: Readonly<Record<string, string>> } = {}) {
    this.dataPath = mkdtempSync(join(tmpdir(), 'noa-acceptance-'));
    // When we are root, PostgreSQL runs under another account, which must get through to its clusters.
    chmodSync(this.dataPath, 0o711);
    // As root the embedded server runs under another account, which has to pass through.
    chmodSync(this.dataPath, 0o711);
    this.#topology = options.topology ?? 'processes';
    this.#env = options.env ?? {};
  }

  /** @throws Error when it is not up. */
  get at(): UpAnswer {
    if (this.#answer === undefined) throw new Error('the system is not up');
    return this.#answer;
  }

  get portBase(): number {
    return this.#portBase;
  }

  /** Starts it, or starts it again on the same folder and ports. @throws Error with everything the command said. */
  async up(): Promise<UpAnswer> {
    if (this.#portBase === 0) this.#portBase = await freePortBase();
    running.add(this.dataPath);
    const result = await this.tryUp();
    if (result.code !== 0) throw new Error(`noa up ended with ${result.code}: ${result.stdout}${result.stderr}${await this.lastWords()}`);
    this.#answer = JSON.parse(result.stdout) as UpAnswer;
    return this.#answer;
  }

  /** Starts it and hands over whatever the command says. */
  async tryUp(more: readonly string[] = []): Promise<CommandResult> {
    if (this.#portBase === 0) this.#portBase = await freePortBase();
    const args = ['up', '--detach', '--json', '--data', this.dataPath, '--port-base', String(this.#portBase), '--topology', this.#topology, ...more];
    return noa(args, { env: this.#env });
  }

  async status(): Promise<{ isHealthy: boolean; parts: readonly PartOf[] }> {
    const { stdout } = await noa(['status', '--json', '--data', this.dataPath], { env: this.#env });
    return JSON.parse(stdout) as { isHealthy: boolean; parts: readonly PartOf[] };
  }

  async down(): Promise<CommandResult> {
    return noa(['down', '--json', '--data', this.dataPath], { env: this.#env });
  }

  /** Stops it, whatever state it is in, and removes its folder. */
  async dispose(): Promise<void> {
    await this.down();
    running.delete(this.dataPath);
    rmSync(this.dataPath, { recursive: true, force: true });
  }

  /** The ends of all logs, for a failure's message. */
  async lastWords(): Promise<string> {
    const { stdout } = await noa(['logs', '--data', this.dataPath, '-n', '15'], { env: this.#env });
    return `\n${stdout.slice(-8_000)}`;
  }
}
