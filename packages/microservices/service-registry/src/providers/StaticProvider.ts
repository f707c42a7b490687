import { readFile } from 'node:fs/promises';
import { Compile } from 'typebox/compile';
import { Type, type Static } from 'typebox';
import { RouteDeclarationSchema } from '@noa/contracts';
import { describeError, NoaError, type Stoppable } from '@noa/core';
import type { RegistryCapabilities } from '../capabilities.ts';
import { InstanceStatus, type Instance } from '../Instance.ts';
import type { RegistryProvider, RegistrySnapshot } from './RegistryProvider.ts';

const StaticListSchema = Type.Array(
  Type.Object(
    {
      service: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
      host: Type.String({ minLength: 1 }),
      port: Type.Integer({ minimum: 1, maximum: 65_535 }),
      id: Type.Optional(Type.String({ minLength: 1 })),
      version: Type.Optional(Type.String()),
      weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
      zone: Type.Optional(Type.String()),
      metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
      routes: Type.Optional(Type.Array(RouteDeclarationSchema)),
    },
    { additionalProperties: false },
  ),
  { maxItems: 10_000 },
);

/** A fixed list: `static:` followed by JSON, or by the path of a file that holds it. Nothing can be registered. */
export class StaticProvider implements RegistryProvider {
  readonly capabilities: RegistryCapabilities = { provider: 'static', registration: false, watch: false, leases: false };
  readonly #source: string;
  #instances: readonly Instance[] = [];

  /** @param source - JSON text or a path. */
  constructor(source: string) {
    this.#source = source;
  }

  /** @throws NoaError `REGISTRY_STATIC_INVALID`. */
  async start(): Promise<void> {
    const isInline = this.#source.trimStart().startsWith('[');
    try {
      const text = isInline ? this.#source : await readFile(this.#source, 'utf8');
      this.#instances = parseStaticList(JSON.parse(text));
    } catch (error) {
      if (error instanceof NoaError) throw error;
      const place = isInline ? 'the static list' : this.#source;
      throw new NoaError('REGISTRY_STATIC_INVALID', { message: `${place} cannot be read: ${describeError(error)}`, cause: error });
    }
  }

  async stop(): Promise<void> {}

  async register(): Promise<void> {
    throw readOnly();
  }

  async renew(): Promise<boolean> {
    throw readOnly();
  }

  async setStatus(): Promise<boolean> {
    throw readOnly();
  }

  async deregister(): Promise<void> {
    throw readOnly();
  }

  async list(): Promise<RegistrySnapshot> {
    return { instances: this.#instances, revision: 'static' };
  }

  watch(onHint: () => void): Stoppable {
    onHint();
    return { stop: async () => undefined };
  }
}

function readOnly(): NoaError {
  return new NoaError('REGISTRY_READ_ONLY', { message: 'This registry is a fixed list', httpStatus: 405 });
}

function parseStaticList(value: unknown): readonly Instance[] {
  const validator = Compile(StaticListSchema);
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value);
    throw new NoaError('REGISTRY_STATIC_INVALID', {
      message: `The static list is wrong at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown'}`,
    });
  }
  const instances = (value as Static<typeof StaticListSchema>).map((entry): Instance => ({
    id: entry.id ?? `${entry.service}-${entry.host}-${entry.port}`,
    service: entry.service,
    host: entry.host,
    port: entry.port,
    version: entry.version ?? '0',
    weight: entry.weight ?? 100,
    ...(entry.zone === undefined ? {} : { zone: entry.zone }),
    status: InstanceStatus.Passing,
    metadata: entry.metadata ?? {},
    routes: entry.routes ?? [],
  }));
  assertUnique(instances);
  return instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function assertUnique(instances: readonly Instance[]): void {
  const seen = new Set<string>();
  for (const [index, { id }] of instances.entries()) {
    if (seen.has(id))
      throw new NoaError('REGISTRY_STATIC_INVALID', { message: `The static list is wrong at /${index}: the id ${id} is there twice` });
    seen.add(id);
  }
}
