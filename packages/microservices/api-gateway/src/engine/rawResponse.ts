import { STATUS_CODES } from 'node:http';
import type { FieldList, LocalResponse } from './HTTPEngine.ts';

/** A whole HTTP/1.1 answer for a bare socket; it closes the connection. */
export function rawResponse(local: LocalResponse): string {
  const head = rawHead(local.status, [...local.fields, 'content-length', String(Buffer.byteLength(local.body)), 'connection', 'close']);
  return head + local.body;
}

export function rawHead(status: number, fields: FieldList): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i] as string}: ${fields[i + 1] as string}\r\n`;
  return `${head}\r\n`;
}
