import type { Refusal } from './HTTPEngine.ts';

/** Longest request target. */
export const TARGET_BYTES_MAX = 8_192;
/** Most fields in a head. */
export const FIELDS_MAX = 100;

/** A head as the parser gives it. */
export interface ParsedHead {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Name, value, … as sent. */
  readonly rawFields: readonly string[];
}

/** What the strict layer learnt. */
export interface CheckedHead {
  /** Origin form, or `*`. */
  readonly target: string;
  readonly host: string;
  readonly isWebSocketUpgrade: boolean;
  readonly isChunked: boolean;
  readonly bodyBytes: number | undefined;
}

/** Fields that may come once only: two values are two opinions about one message. */
const SINGLE = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'authorization',
  'expect',
  'upgrade',
  'origin',
  'noa-timeout-ms',
]);
/** What `Connection` may not name: dropping these would change framing, identity or policy. */
const NOT_CONNECTION_OPTIONS = new Set([
  ...SINGLE,
  'trailer',
  'cookie',
  'date',
  'cache-control',
  'max-forwards',
  'pragma',
  'via',
  'x-request-id',
  'x-real-ip',
  'forwarded',
  'traceparent',
  'idempotency-key',
]);
NOT_CONNECTION_OPTIONS.delete('upgrade');

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

const malformed = (message: string): Refused => new Refused({ status: 400, code: 'REQUEST_MALFORMED', message });

/**
 * The strict layer over a lenient parser: refuses what two readers of the same message could take differently
 * (RFC 9112 sections 3.2, 6.1, 6.3, 9.6; RFC 9110 section 7.6.1). It refuses, it never repairs.
 */
export function checkHead(head: ParsedHead): CheckedHead | Refusal {
  try {
    return check(head);
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

export function isRefusal(value: CheckedHead | Refusal): value is Refusal {
  return 'status' in value;
}

function check(head: ParsedHead): CheckedHead {
  const { version, method } = head;
  if (version === '0.9') throw malformed('The request line has no HTTP version');
  if (version !== '1.1' && version !== '1.0') {
    throw new Refused({ status: 505, code: 'HTTP_VERSION_UNSUPPORTED', message: 'Only HTTP/1.1 and HTTP/1.0 are spoken here' });
  }
  if (head.target.length > TARGET_BYTES_MAX) {
    throw new Refused({ status: 414, code: 'REQUEST_LINE_TOO_LONG', message: `The request target is longer than ${TARGET_BYTES_MAX} bytes` });
  }
  if (head.rawFields.length / 2 > FIELDS_MAX) {
    throw new Refused({ status: 431, code: 'HEAD_TOO_LARGE', message: `The request has more than ${FIELDS_MAX} fields` });
  }
  const fields = collect(head.rawFields);
  const host = checkHost(fields.get('host'), version);
  const options = checkConnection(fields.get('connection'));
  const framing = checkFraming(fields, version);
  const isUpgrade = version === '1.1' && method === 'GET' && options.has('upgrade') && fields.get('upgrade')?.toLowerCase() === 'websocket';
  if (isUpgrade && (framing.isChunked || (framing.bodyBytes ?? 0) > 0)) throw malformed('An upgrade may not carry a body');
  return { target: checkTarget(method, head.target, host), host, isWebSocketUpgrade: isUpgrade, ...framing };
}

function collect(raw: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    const earlier = fields.get(name);
    if (earlier !== undefined && SINGLE.has(name)) throw malformed(`The field ${name} comes twice`);
    fields.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return fields;
}

function checkHost(host: string | undefined, version: string): string {
  if (host === undefined) {
    if (version === '1.0') return '';
    throw malformed('The Host field is missing');
  }
  if (!HOST.test(host)) throw malformed('The Host field is not a host name with an optional port');
  const port = /:(\d+)$/.exec(host)?.[1];
  if (port !== undefined && !host.endsWith(']') && Number(port) > 65_535) throw malformed('The port of the Host field is out of range');
  return host;
}

function checkConnection(value: string | undefined): Set<string> {
  const options = new Set<string>();
  if (value === undefined) return options;
  for (const part of value.split(',')) {
    const option = part.trim().toLowerCase();
    if (option === '') continue;
    if (!TOKEN.test(option)) throw malformed('The Connection field is not a list of tokens');
    if (NOT_CONNECTION_OPTIONS.has(option) || option.startsWith('x-forwarded-')) {
      throw malformed(`The Connection field may not name ${option}`);
    }
    options.add(option);
  }
  return options;
}

function checkFraming(fields: Map<string, string>, version: string): { isChunked: boolean; bodyBytes: number | undefined } {
  const coding = fields.get('transfer-encoding');
  const length = fields.get('content-length');
  if (coding !== undefined) {
    if (version === '1.0') throw malformed('HTTP/1.0 knows no Transfer-Encoding');
    if (length !== undefined) throw malformed('Transfer-Encoding and Content-Length contradict each other');
    if (coding.toLowerCase() !== 'chunked') throw malformed('The only Transfer-Encoding is chunked');
    return { isChunked: true, bodyBytes: undefined };
  }
  if (length === undefined) return { isChunked: false, bodyBytes: 0 };
  if (!/^\d{1,15}$/.test(length)) throw malformed('The Content-Length is not a number');
  return { isChunked: false, bodyBytes: Number(length) };
}

function checkTarget(method: string, target: string, host: string): string {
  if (target === '*') {
    if (method !== 'OPTIONS') throw malformed('The target * belongs to OPTIONS only');
    return target;
  }
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute === null) throw malformed('The request target is neither a path nor an http URL');
  const [, authority, rest] = absolute as unknown as [string, string, string];
  if (authority.toLowerCase() !== host.toLowerCase()) throw malformed('The request target and the Host field name different hosts');
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  if (!rest.startsWith('/')) throw malformed('The request target is not a path');
  return rest;
}
