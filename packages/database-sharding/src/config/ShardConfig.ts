import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { NoaError } from '@noa/core';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KEY_TYPES } from '../hash/KeyType.ts';
import { describeErrors, redacted, type DescribedSchema } from './complaints.ts';
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
  const shards = value.shards.map((shard, index) => ({ id: shard.id, url: urlOf(shard, path, `${path}: shards[${index}]`, wrong) }));
  if (wrong.length > 0) throw invalid(wrong);
  return { shards, keyspaces: value.keyspaces ?? [] };
}

/** The shard's URL, from wherever it is; what is wrong with it is added to `wrong`. */
function urlOf(shard: { url?: string; urlFile?: string }, path: string, at: string, wrong: string[]): string {
  const { url, urlFile } = shard;
  if (url !== undefined && urlFile === undefined) {
    if (!isPostgresURL(url)) wrong.push(`${at}.url: expected a postgres:// URL, got ${redacted(url)}`);
    return url;
  }
  if (urlFile === undefined || url !== undefined) {
    wrong.push(`${at}: expected either url or urlFile, got ${url === undefined ? 'neither' : 'both'}`);
    return '';
  }
  const found = readText(resolve(dirname(path), urlFile), `${at}.urlFile`, 'a readable file', urlFile).trim();
  if (!isPostgresURL(found)) wrong.push(`${at}.urlFile: expected a file that holds a postgres:// URL, got ${redacted(found)}`);
  return found;
}

function complaintsOf(path: string, value: unknown): string[] {
  const isSecret = (property: string | undefined): boolean => property === 'url';
  return describeErrors(validator.Errors(value), { schema: ShardConfigSchema as DescribedSchema, value, isSecret }).map((line) => `${path}: ${line}`);
}

function parseFile(path: string): unknown {
  const content = readText(path, 'NOA_SHARDS', 'postgres:// URLs or the path of a readable file');
  try {
    return JSON.parse(content);
  } catch {
    // The parser's message quotes the text, which may be a part of a password.
    throw invalid([`${path}: expected a file of JSON, got ${content.length} characters that are not`]);
  }
}

function readText(path: string, at: string, expected: string, shown = path): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as { code?: string };
    throw invalid([`${at}: expected ${expected}, got ${shown.includes('@') ? redacted(shown) : JSON.stringify(shown)} (${code})`]);
  }
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
  return placeOf(new URL(a)) === placeOf(new URL(b));
}

function placeOf(url: URL): string {
  return `${url.hostname}:${url.port || POSTGRES_PORT}${url.pathname}${url.search}`;
}

const POSTGRES_PORT = 5432;

function isPostgresURL(url: string): boolean {
  return new RegExp(POSTGRES_URL).test(url) && URL.canParse(url);
}

function invalid(complaints: readonly string[]): NoaError {
  return new NoaError('CONFIG_INVALID', { message: complaints.join('\n') });
}
