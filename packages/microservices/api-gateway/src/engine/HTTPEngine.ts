import type { Deadline } from '@noa/core';

/**
 * The seam between HTTP on the wire and everything the gateway decides. An engine reads request heads, asks the handler
 * what to do with each, and moves the bytes; it knows no routes, tokens or limits. The handler never sees a socket or a
 * stream. Heads are asked field by field and fields are flat lists, so that an engine on `node:net` needs no header objects.
 *
 *   head ──decide──► respond   (answered by the gateway itself)
 *                ├─► forward   ──next──► attempt ──accept──► response streams through ──ended
 *                │                 ▲        └─failed/refused─┐
 *                │                 └──────── again ◄─────────┘──► or a local answer
 *                └─► tunnel    the same until the 101; from then on bytes pass both ways
 */
export interface HTTPEngine {
  /** Resolves when connections are accepted. `port` 0 takes a free one. */
  listen(options: { host: string; port: number; handler: ExchangeHandler }): Promise<{ host: string; port: number }>;
  /** From now on every answer closes its connection; new connections are still taken. */
  drain(): void;
  /** Refuses new connections, lets what runs end within `graceMs`, then cuts. May be called before `listen` or twice. */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** Exchanges and tunnels in progress. */
  readonly activity: { readonly exchanges: number; readonly tunnels: number };
}

/** Name, value, name, value …; names in lower case. Not an object: order and repetition survive, and no engine has to build one. */
export type FieldList = readonly string[];

/** What arrived, already strict: the engine refused what is malformed before anyone sees it. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as sent (origin form); `*` only with OPTIONS. */
  readonly target: string;
  /** Host field as sent, with its port; '' when an HTTP/1.0 client sent none. */
  readonly host: string;
  /** Address of the peer of the connection. */
  readonly remoteAddress: string;
  readonly isEncrypted: boolean;
  readonly hasBody: boolean;
  /** Content-Length; undefined for a chunked body. */
  readonly bodyBytes: number | undefined;
  readonly isWebSocketUpgrade: boolean;
  /** Value of a field by its lower-case name, repeated ones joined by `, `. */
  field(name: string): string | undefined;
}

/** An answer of the gateway itself. The engine adds Date, Content-Length and Connection. */
export interface LocalResponse {
  readonly status: number;
  readonly fields: FieldList;
  readonly body: string;
  /** The connection cannot be used again. */
  readonly closes?: boolean;
}

/** Why an engine refuses a message by itself. */
export interface Refusal {
  readonly status: 400 | 408 | 413 | 414 | 417 | 431 | 501 | 505;
  readonly code: string;
  /** Safe to show. */
  readonly message: string;
}

/** One instance to send the request to. */
export interface Attempt {
  readonly host: string;
  readonly port: number;
  /** Set on top of the forwarding's own fields: what is left of the deadline. */
  readonly requestFields: FieldList;
  /** A response head came. False: drop this response and ask for the next attempt. */
  accept(status: number, retryAfter: string | undefined): boolean;
  /** No response head came. Answers the client, or undefined: ask for the next attempt. */
  failed(failure: AttemptFailure): LocalResponse | undefined;
  /** After `accept` said true: the response passed wholly, or broke off. Called once. */
  ended(result: { isComplete: boolean; byClient: boolean }): void;
}

export interface AttemptFailure {
  readonly kind: 'connect' | 'reset' | 'malformed' | 'deadline' | 'client-gone' | 'refused-body';
  /** Bytes of the request may have reached the instance; false is a proof that none did. */
  readonly mayHaveBeenSent: boolean;
  /** The body can no longer be sent a second time. */
  readonly isBodyConsumed: boolean;
  /** For the log. */
  readonly error?: unknown;
}

export interface Forwarding {
  readonly kind: 'forward' | 'tunnel';
  /** Path and query for the instance: exactly what was matched. */
  readonly target: string;
  /** Set on the request; replaces what the client sent under these names. */
  readonly requestFields: FieldList;
  /** Client fields that do not go further, beside the hop-by-hop ones. */
  isDropped(name: string): boolean;
  /** Set on the response, whoever makes it; replaces what the instance sent under these names. */
  readonly responseFields: FieldList;
  readonly bodyBytesMax: number;
  /** Of the whole exchange; for a tunnel, until it is open. */
  readonly deadline: Deadline;
  /**
   * Where to send it next; may wait for an instance to appear.
   * @param signal - gives the signal that ends the wait (client gone, deadline); only who waits asks for it.
   */
  next(signal: () => AbortSignal): Attempt | LocalResponse | Promise<Attempt | LocalResponse>;
  /** Makes an answer of an engine's refusal. */
  refuse(refusal: Refusal): LocalResponse;
  /** The deadline ran out before a response head. */
  expire(cause: 'client' | 'upstream'): LocalResponse;
}

export interface ExchangeResult {
  /** Status sent; 0 when the client left before one was. */
  readonly status: number;
  /** False when the response broke off. */
  readonly isComplete: boolean;
}

export type Decision = { readonly kind: 'respond'; readonly response: LocalResponse } | Forwarding;

/** What the engine asks. `decide` is called once per good head, `refuse` once per bad one. */
export interface ExchangeHandler {
  decide(head: RequestHead): Decided | Promise<Decided>;
  refuse(refusal: Refusal): LocalResponse;
}

/** A decision and who wants to know how it ended. */
export interface Decided {
  readonly decision: Decision;
  /** Called exactly once. */
  finished(result: ExchangeResult): void;
}
