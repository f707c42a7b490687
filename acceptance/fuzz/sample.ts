import { randomBelow, type Random } from '@noa/core';
import type { Schema } from './openapi.ts';

/** Values for names and patterns that a schema alone does not give. */
const BY_NAME: Readonly<Record<string, (unique: string) => unknown>> = {
  email: (unique) => `${unique}@example.test`,
  password: () => 'a long enough password',
  displayName: (unique) => `Fuzz ${unique}`,
  locale: () => 'en',
  to: (unique) => `${unique}@example.test`,
};

const ANY_TEXT = 'sample';
const DEPTH_MAX = 8;

/** A value that the schema most likely takes; near-valid input gets deeper than noise. */
export function sampleOf(schema: Schema, random: Random, name = '', depth = 0): unknown {
  if (depth > DEPTH_MAX) return null;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined && schema.enum.length > 0) return schema.enum[randomBelow(random, schema.enum.length)];
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice !== undefined && choice.length > 0) return sampleOf(choice[randomBelow(random, choice.length)] as Schema, random, name, depth + 1);
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((part) => sampleOf(part, random, name, depth + 1))) as unknown;
  const type = Array.isArray(schema.type) ? (schema.type as readonly string[])[0] : (schema.type as string | undefined);
  if (type === 'object' || schema.properties !== undefined) return sampleObject(schema, random, depth);
  if (type === 'array') return schema.items === undefined ? [] : [sampleOf(schema.items, random, '', depth + 1)];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return random.next() < 0.5;
  if (type === 'null') return null;
  return sampleText(schema, random, name);
}

function sampleObject(schema: Schema, random: Random, depth: number): Record<string, unknown> {
  const entries = Object.entries(schema.properties ?? {})
    .filter(([key]) => schema.required?.includes(key) === true || random.next() < 0.5)
    .map(([key, property]) => [key, sampleOf(property, random, key, depth + 1)] as const);
  return Object.fromEntries(entries);
}

function sampleText(schema: Schema, random: Random, name: string): string {
  const unique = `fuzz-${Buffer.from(random.bytes(5)).toString('hex')}`;
  const known = Object.hasOwn(BY_NAME, name) ? String(BY_NAME[name]?.(unique)) : undefined;
  if (known !== undefined) return known;
  if (schema.format === 'date-time') return '2026-11-24T00:00:00Z';
  const uuid = '01930000-0000-7000-8000-000000000000';
  const candidates = [unique, uuid, ANY_TEXT, `${unique}@example.test`, 'https://example.test/', 'A', '1'];
  const pattern = schema.pattern === undefined ? undefined : new RegExp(schema.pattern, 'u');
  return (
    candidates.find((text) => pattern?.test(text) !== false && text.length >= (schema.minLength ?? 0)) ?? unique.padEnd(schema.minLength ?? 0, 'x')
  );
}
