import type { FieldList, Forwarding } from './HTTPEngine.ts';

/** Fields that belong to one connection (RFC 9110 section 7.6.1), both ways; `Connection` may name more. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Our name in Via. */
const VIA = '1.1 noa';

/** Names that `Connection` lists beside its own options. */
function namedByConnection(raw: readonly string[]): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() !== 'connection') continue;
    for (const part of (raw[i + 1] as string).split(',')) {
      const name = part.trim().toLowerCase();
      if (name !== '' && name !== 'close' && name !== 'keep-alive') (names ??= new Set()).add(name);
    }
  }
  return names;
}

/**
 * The request fields that go to the instance: the client's without hop-by-hop ones, `Expect`, and those that the
 * gateway sets itself.
 */
export function requestFields(raw: readonly string[], forwarding: Forwarding, extra: FieldList): string[] {
  const named = namedByConnection(raw);
  const own = namesOf(forwarding.requestFields, extra);
  const fields: string[] = [];
  let via = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (HOP_BY_HOP.has(name) || name === 'expect' || named?.has(name) || own.has(name) || forwarding.isDropped(name)) continue;
    if (name === 'via') via += `${raw[i + 1] as string}, `;
    else fields.push(name, raw[i + 1] as string);
  }
  fields.push('via', via + VIA, ...forwarding.requestFields, ...extra);
  return fields;
}

/** The response fields that go to the client. */
export function responseFields(raw: readonly string[], own: FieldList): string[] {
  const named = namedByConnection(raw);
  const replaced = namesOf(own);
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (HOP_BY_HOP.has(name) || named?.has(name) || replaced.has(name)) continue;
    fields.push(name, raw[i + 1] as string);
  }
  fields.push(...own);
  return fields;
}

/** `fields` and those of `more` whose names are not there yet. */
export function mergeFields(fields: FieldList, more: FieldList): string[] {
  const names = namesOf(fields);
  const merged = [...fields];
  for (let i = 0; i < more.length; i += 2) if (!names.has(more[i] as string)) merged.push(more[i] as string, more[i + 1] as string);
  return merged;
}

function namesOf(...lists: FieldList[]): Set<string> {
  const names = new Set<string>();
  for (const list of lists) for (let i = 0; i < list.length; i += 2) names.add(list[i] as string);
  return names;
}

export function fieldOf(raw: readonly string[], wanted: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() === wanted) value = value === undefined ? (raw[i + 1] as string) : `${value}, ${raw[i + 1] as string}`;
  }
  return value;
}
