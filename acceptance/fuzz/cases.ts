import { randomBelow, type Random } from '@noa/core';
import type { Operation, Schema } from './openapi.ts';
import { sampleOf } from './sample.ts';

/** One request that a careless or hostile client might send. */
export interface FuzzCase {
  readonly name: string;
  readonly method: string;
  /** As on the request line, already escaped. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Nothing but a 4xx is right; otherwise the request may also be fine. */
  readonly mustFail: boolean;
}

const JSON_TYPE = { 'content-type': 'application/json' };
/** More than any JSON route takes. */
const OVERSIZED_BYTES = 11 * 1_048_576;
const DEPTH_NESTED = 20_000;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Values of a wrong type for anything, and some that only look right. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  'x'.repeat(5_000),
  'a\u0000b',
  '\ud800',
  '\u202e\u0301',
  "'; DROP TABLE users; --",
  '${jndi:ldap://x}',
  '../../etc/passwd',
  [],
  [[[]]],
  {},
  { $ne: null },
  { toString: 1, __proto__x: 2 },
];

const ODD_SEGMENTS: readonly string[] = [
  'x',
  '0',
  '-1',
  '%00',
  '%ff%fe',
  '%c3%28',
  '%2e%2e%2f%2e%2e',
  '..%5c..',
  '%F0%9F%92%A9',
  "'%20OR%20'1'='1",
  'a'.repeat(1_500),
  '00000000-0000-0000-0000-000000000000',
  '%zz',
];

/** All requests for one operation: the same seed gives the same requests. */
export function casesOf(operation: Operation, random: Random): FuzzCase[] {
  return [
    ...methodCases(operation, random),
    ...pathCases(operation, random),
    ...queryCases(operation, random),
    ...headerCases(operation, random),
    ...(operation.body === undefined ? [] : bodyCases(operation, operation.body, random)),
  ];
}

/** The path with every parameter filled in. */
export function targetOf(operation: Operation, random: Random, segments: Readonly<Record<string, string>> = {}): string {
  return operation.path.replaceAll(/\{([^}]+)\}|\*/g, (_, name: string | undefined) => {
    const given = name === undefined ? 'rest' : segments[name];
    if (given !== undefined) return given;
    const schema = operation.parameters.find((parameter) => parameter.name === name)?.schema ?? {};
    return encodeURIComponent(String(sampleOf(schema, random, name)));
  });
}

function request(operation: Operation, random: Random, more: Partial<FuzzCase> & { name: string }): FuzzCase {
  const body = operation.body === undefined ? undefined : json(sampleOf(operation.body, random));
  return {
    method: operation.method,
    target: targetOf(operation, random),
    headers: body === undefined ? {} : JSON_TYPE,
    ...(body === undefined ? {} : { body }),
    mustFail: false,
    ...more,
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value) ?? 'null');
}

function methodCases(operation: Operation, random: Random): FuzzCase[] {
  // Another path of the document may take the method where a parameter stands; then it is no failure.
  const mustFail = !operation.path.includes('{') && !operation.path.includes('*');
  return METHODS.filter((method) => !operation.methodsOfPath.includes(method)).map((method) => {
    const {
      body: _,
      headers: __,
      ...rest
    } = request(operation, random, { name: `wrong method ${method}`, method, mustFail: mustFail && method !== 'GET' });
    return { ...rest, headers: {} };
  });
}

function pathCases(operation: Operation, random: Random): FuzzCase[] {
  const names = operation.parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
  return names.flatMap((name) =>
    ODD_SEGMENTS.map((segment) =>
      request(operation, random, {
        name: `odd path parameter ${name}=${segment.slice(0, 30)}`,
        target: targetOf(operation, random, { [name]: segment }),
      }),
    ),
  );
}

function queryCases(operation: Operation, random: Random): FuzzCase[] {
  const names = operation.parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name);
  const queries = [
    ...names.flatMap((name) => ODD_SEGMENTS.map((segment) => `${name}=${segment}`)),
    ...names.map((name) => `${name}=1&${name}=2`),
    ...names.map((name) => `${name}[]=1&${name}[x]=2`),
    '&&&=&a=b=c',
    `q=${'y'.repeat(3_000)}`,
  ];
  return queries.map((query) =>
    request(operation, random, { name: `odd query ${query.slice(0, 40)}`, target: `${targetOf(operation, random)}?${query}` }),
  );
}

function headerCases(operation: Operation, random: Random): FuzzCase[] {
  const odd: readonly [string, string][] = [
    ['authorization', 'Bearer not.a.token'],
    ['authorization', 'Basic YTpi'],
    ['authorization', `Bearer ${'x'.repeat(6_000)}`],
    ['if-match', 'never quoted'],
    ['if-match', '"999999999999999999999999"'],
    ['if-none-match', 'W/"'],
    ['traceparent', '00-zzzz'],
    ['x-request-id', '${x} {y}'],
    ['x-noa-deadline-ms', '-5'],
    ['idempotency-key', 'k'.repeat(2_000)],
    ['accept', 'application/x-nothing'],
    ['accept-encoding', ';q=,,'],
    ['cookie', '=;;=\u0001'.replace('\u0001', '!')],
    ['range', 'bytes=9-1'],
    ['content-type', 'application/json; charset=utf-16'],
    ['expect', 'nothing'],
  ];
  return odd.map(([header, value]) => {
    const base = request(operation, random, { name: `odd header ${header}: ${value.slice(0, 30)}` });
    return { ...base, headers: { ...base.headers, [header]: value } };
  });
}

function bodyCases(operation: Operation, schema: Schema, random: Random): FuzzCase[] {
  const target = targetOf(operation, random);
  const raw = (name: string, body: Buffer, headers: Readonly<Record<string, string>> = JSON_TYPE, mustFail = true): FuzzCase => ({
    name,
    method: operation.method,
    target,
    headers,
    body,
    mustFail,
  });
  const valid = json(sampleOf(schema, random));
  const text = valid.toString('utf8');
  return [
    raw('JSON that stops in the middle', Buffer.from(text.slice(0, -1))),
    raw('JSON with a comma too many', Buffer.from(`${text.slice(0, -1)},}`)),
    raw('no JSON at all', Buffer.from('<xml/>')),
    raw('bytes that are no UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])),
    raw('UTF-16', Buffer.from(text, 'utf16le')),
    raw('a NUL after the JSON', Buffer.concat([valid, Buffer.from([0])])),
    raw('nested beyond reason', Buffer.from('['.repeat(DEPTH_NESTED) + ']'.repeat(DEPTH_NESTED))),
    raw('a prototype in disguise', Buffer.from('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}')),
    raw('a body that is not an object', json([])),
    raw('a text as body', json('text')),
    raw('a number beyond any', Buffer.from('1e999')),
    raw('an oversized body', Buffer.concat([Buffer.from('{"a":"'), Buffer.alloc(OVERSIZED_BYTES, 0x61), Buffer.from('"}')])),
    raw('a wrong content type', valid, { 'content-type': 'text/plain' }, operation.isBodyRequired),
    raw('a form instead of JSON', Buffer.from('a=b'), { 'content-type': 'application/x-www-form-urlencoded' }, operation.isBodyRequired),
    raw('multipart without a boundary', valid, { 'content-type': 'multipart/form-data' }, operation.isBodyRequired),
    raw('a content type that is none', valid, { 'content-type': ';;' }, operation.isBodyRequired),
    raw('said to be gzip', valid, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
    raw('no body', Buffer.alloc(0), JSON_TYPE, operation.isBodyRequired),
    ...fieldCases(schema, random).map(({ name, value, mustFail }) => raw(name, json(value), JSON_TYPE, mustFail)),
  ];
}

/** Each field wrong on its own, in an otherwise good body. */
function fieldCases(schema: Schema, random: Random): { name: string; value: unknown; mustFail: boolean }[] {
  const properties = Object.entries(schema.properties ?? {});
  const good = (): Record<string, unknown> => sampleOf(schema, random) as Record<string, unknown>;
  const missing = (schema.required ?? []).map((name) => {
    const { [name]: _, ...value } = good();
    return { name: `without ${name}`, value, mustFail: true };
  });
  const odd = properties.flatMap(([name, property]) =>
    pick(ODD_VALUES, 8, random).map((odd) => ({
      name: `${name} = ${JSON.stringify(odd)?.slice(0, 40)}`,
      value: { ...good(), [name]: odd },
      mustFail: isOfWrongType(property, odd),
    })),
  );
  const more = { name: 'with a field too many', value: { ...good(), surprise: 1 }, mustFail: schema.additionalProperties === false };
  return properties.length === 0 ? [] : [...missing, ...odd, more];
}

/** Only for schemas of one plain type; combinations are left to the service. */
function isOfWrongType(schema: Schema, value: unknown): boolean {
  if (typeof schema.type !== 'string') return false;
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const expected = schema.type === 'integer' ? 'number' : schema.type;
  return actual !== expected;
}

function pick<T>(items: readonly T[], count: number, random: Random): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(randomBelow(random, left.length), 1)[0] as T);
}
