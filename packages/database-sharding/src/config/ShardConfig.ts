import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { NoaError } from '@noa/core';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KEY_TYPES } from '../hash/KeyType.ts';
import { KEYSPACE_NAME_PATTERN, KEYSPACES_MAX, SHARD_ID_PATTERN, SHARDS_MAX } from '../ShardMap.ts';

const exact = { additionalProperties: false } as const;
const POSTGRES_URL = '^postgres(ql)?://[^\\s,]+$';

/** Shard definitions and routing rules, as in the file that NOA_SHARDS names. */
export const ShardConfigSchema = Type.Object(
  {
    shards: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: SHARD_ID_PATTERN, description: 'a name of lower-case letters, digits and -' }),
          /** Where it is. A password belongs into `urlFile`, the environment (PGPASSWORD) or a service file. */
          url: Type.Optional(Type.String({ pattern: POSTGRES_URL, description: 'a postgres:// URL' })),
          /** A file that holds the URL, such as a mounted secret; relative to the configuration file. */
          urlFile: Type.Optional(Type.String({ minLength: 1, description: 'the path of a file' })),
        },
        { ...exact, description: 'an object with id and url or urlFile' },
      ),
      { minItems: 1, maxItems: SHARDS_MAX, description: `a list of 1..${SHARDS_MAX} shards` },
    ),
    keyspaces: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ pattern: KEYSPACE_NAME_PATTERN, description: 'a name of lower-case letters, digits, _ and -' }),
            strategy: Type.Literal('hash', { description: '"hash"' }),
            keyType: Type.Enum([...KEY_TYPES], { description: `one of ${KEY_TYPES.map((keyType) => JSON.stringify(keyType)).join(', ')}` }),
          },
          { ...exact, description: 'an object with name, strategy and keyType' },
        ),
        { maxItems: KEYSPACES_MAX, description: `a list of at most ${KEYSPACES_MAX} keyspaces` },
      ),
    ),
  },
  { ...exact, description: 'an object with shards and keyspaces' },
);

export interface ConfiguredShard {
  readonly id: string;
  /** May hold a password: never log it. */
  readonly url: string;
}

export type ConfiguredKeyspace = NonNullable<Static<typeof ShardConfigSchema>['keyspaces']>[number];

export interface ShardConfig {
  readonly shards: readonly ConfiguredShard[];
  /** Routing rules; empty when NOA_SHARDS was a list of URLs, for then the services' own declarations rule. */
  readonly keyspaces: readonly ConfiguredKeyspace[];
}

/**
 * Reads NOA_SHARDS: postgres:// URLs separated by commas, which become `shard-0`, `shard-1` … in that order, or the path of a JSON file
 * of `ShardConfigSchema`.
 * @throws NoaError `CONFIG_INVALID` naming each wrong value: its path, the value (unless it may hold a password) and what was expected.
 */
export function loadShardConfig(text: string): ShardConfig {
  const trimmed = text.trim();
  const config = /^[a-z]+:\/\//i.test(trimmed) || trimmed.includes(',') ? fromURLs(trimmed) : fromFile(trimmed);
  refuseDuplicates(config);
  return Object.freeze(config);
}

function fromURLs(text: string): ShardConfig {
  const urls = text.split(',').map((url) => url.trim());
  const wrong = urls.flatMap((url, index) => (isPostgresURL(url) ? [] : [`NOA_SHARDS[${index}]: expected a postgres:// URL, got ${redacted(url)}`]));
  if (urls.length > SHARDS_MAX) wrong.push(`NOA_SHARDS: expected 1..${SHARDS_MAX} shards, got ${urls.length}`);
  if (wrong.length > 0) throw invalid(wrong);
  return { shards: urls.map((url, index) => ({ id: `shard-${index}`, url })), keyspaces: [] };
}

const validator = Compile(ShardConfigSchema);

function fromFile(path: string): ShardConfig {
  const value = parseFile(path);
  if (!validator.Check(value)) throw invalid(complaintsOf(path, value));
  const wrong: string[] = [];
  const shards = value.shards.map(({ id, url, urlFile }, index) => {
    const at = `${path}: shards[${index}]`;
    if ((url === undefined) === (urlFile === undefined))
      wrong.push(`${at}: expected either url or urlFile, got ${url === undefined ? 'neither' : 'both'}`);
    const found = url ?? (urlFile === undefined ? '' : readText(resolve(dirname(path), urlFile), `${at}.urlFile`).trim());
    if (urlFile !== undefined && !isPostgresURL(found))
      wrong.push(`${at}.urlFile: expected a file that holds a postgres:// URL, got ${redacted(found)}`);
    return { id, url: found };
  });
  if (wrong.length > 0) throw invalid(wrong);
  return { shards, keyspaces: value.keyspaces ?? [] };
}

function parseFile(path: string): unknown {
  const content = readText(path, 'NOA_SHARDS');
  try {
    return JSON.parse(content);
  } catch (error) {
    throw invalid([`${path}: expected JSON, got ${(error as Error).message}`]);
  }
}

function readText(path: string, at: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as { code?: string };
    throw invalid([`${at}: expected postgres:// URLs or the path of a readable file, got ${JSON.stringify(path)} (${code})`]);
  }
}

/** One line a wrong value, in the words of its schema's description. */
function complaintsOf(path: string, value: unknown): string[] {
  const lines = validator.Errors(value).map((error) => {
    const at = error.instancePath.split('/').slice(1);
    const found = at.reduce<unknown>((parent, name) => (parent as Record<string, unknown> | undefined)?.[name], value);
    const schema = schemaAt(at);
    const shown = at.at(-1) === 'url' ? redacted(String(found)) : JSON.stringify(found)?.slice(0, SHOWN_MAX);
    const place = at.reduce((text, name) => (/^\d+$/.test(name) ? `${text}[${name}]` : text === '' ? name : `${text}.${name}`), '') || '(root)';
    return `${path}: ${place}: expected ${schema.description ?? error.message}, got ${shown}`;
  });
  return [...new Set(lines)];
}

/** Characters of a wrong value that are shown. */
const SHOWN_MAX = 100;

interface DescribedSchema {
  readonly description?: string;
  readonly items?: DescribedSchema;
  readonly properties?: Readonly<Record<string, DescribedSchema>>;
}

function schemaAt(at: readonly string[]): DescribedSchema {
  return at.reduce<DescribedSchema>((schema, name) => schema.items ?? schema.properties?.[name] ?? {}, ShardConfigSchema as DescribedSchema);
}

function refuseDuplicates(config: ShardConfig): void {
  const wrong: string[] = [];
  for (const [index, shard] of config.shards.entries()) {
    const first = config.shards.findIndex((other) => other.id === shard.id || sameDatabase(other.url, shard.url));
    if (first < index) wrong.push(`shards[${index}]: expected an id and a database of its own, got those of shards[${first}]`);
  }
  for (const [index, keyspace] of config.keyspaces.entries()) {
    const first = config.keyspaces.findIndex((other) => other.name === keyspace.name);
    if (first < index) wrong.push(`keyspaces[${index}].name: expected a name of its own, got ${JSON.stringify(keyspace.name)}`);
  }
  if (wrong.length > 0) throw invalid(wrong);
}

/** Catches the obvious copy; two names of one server are found by the identity check at start. */
function sameDatabase(a: string, b: string): boolean {
  const [one, other] = [new URL(a), new URL(b)];
  return one.host === other.host && one.pathname === other.pathname && one.search === other.search;
}

function isPostgresURL(url: string): boolean {
  return new RegExp(POSTGRES_URL).test(url) && URL.canParse(url);
}

/** Only the scheme and host of what may be a URL with a password. */
function redacted(text: string): string {
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0];
  return scheme === undefined ? (text === '' ? 'nothing' : '[not shown, it may hold a password]') : `${scheme}[not shown]`;
}

function invalid(complaints: readonly string[]): NoaError {
  return new NoaError('CONFIG_INVALID', { message: complaints.join('\n') });
}
