import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { fieldOf } from './fields.ts';
import type { CheckedHead } from './checkHead.ts';
import type { RequestHead } from './HTTPEngine.ts';

/** A checked head over Node's raw field list; Node's own header object is never built. */
export class NodeRequestHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly remoteAddress: string;
  readonly isEncrypted: boolean;
  readonly hasBody: boolean;
  readonly bodyBytes: number | undefined;
  readonly isWebSocketUpgrade: boolean;
  readonly #rawFields: readonly string[];

  constructor(request: IncomingMessage, checked: CheckedHead) {
    this.method = request.method ?? '';
    this.target = checked.target;
    this.host = checked.host;
    this.remoteAddress = plainAddress(request.socket.remoteAddress ?? '');
    this.isEncrypted = (request.socket as Partial<TLSSocket>).encrypted === true;
    this.hasBody = checked.isChunked || (checked.bodyBytes ?? 0) > 0;
    this.bodyBytes = checked.bodyBytes;
    this.isWebSocketUpgrade = checked.isWebSocketUpgrade;
    this.#rawFields = request.rawHeaders;
  }

  field(name: string): string | undefined {
    return fieldOf(this.#rawFields, name);
  }
}

/** `::ffff:10.0.0.1`, as dual-stack sockets report IPv4 peers, is the same client as `10.0.0.1`. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
