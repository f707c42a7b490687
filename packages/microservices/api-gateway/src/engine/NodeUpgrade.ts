import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Timer } from '@noa/core';
import { checkHead, isRefusal } from './checkHead.ts';
import { isConnectFailure } from './connectFailure.ts';
import { mergeFields, requestFields, responseFields } from './fields.ts';
import type { Attempt, Decided, Forwarding, LocalResponse } from './HTTPEngine.ts';
import type { ExchangeContext } from './NodeExchange.ts';
import { NodeRequestHead } from './NodeRequestHead.ts';
import { rawHead, rawResponse } from './rawResponse.ts';
import { WebSocketTunnel } from './WebSocketTunnel.ts';

/** An instance that refuses the upgrade may explain itself in this many bytes. */
const REFUSAL_BYTES_MAX = 65_536;

type Outcome = { readonly upstream: Duplex; readonly first: Buffer; readonly rawFields: readonly string[] } | LocalResponse | 'again';

/** One upgrade request: decision, handshake with an instance, then a WebSocketTunnel. */
export class NodeUpgrade {
  readonly #context: ExchangeContext;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #first: Buffer;
  readonly #abort = new AbortController();
  #decided: Decided | undefined;
  #timer: Timer | undefined;
  #status = 0;
  #isExpired = false;
  #tunnel: WebSocketTunnel | undefined;

  constructor(context: ExchangeContext, request: IncomingMessage, socket: Duplex, first: Buffer) {
    this.#context = context;
    this.#request = request;
    this.#socket = socket;
    this.#first = first;
  }

  run(onClosed: () => void): void {
    const { handler, logger } = this.#context;
    const socket = this.#socket;
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#timer?.cancel();
      this.#abort.abort(new Error('client-gone'));
      this.#decided?.finished({ status: this.#status, isComplete: this.#status !== 0 });
      if (this.#tunnel === undefined) onClosed();
    });
    const { method = '', url = '', httpVersion, rawHeaders } = this.#request;
    const checked = checkHead({ method, target: url, version: httpVersion, rawFields: rawHeaders });
    if (isRefusal(checked)) return this.#answer(handler.refuse(checked));
    if (!checked.isWebSocketUpgrade) {
      return this.#answer(handler.refuse({ status: 400, code: 'REQUEST_MALFORMED', message: 'This is not a WebSocket handshake' }));
    }
    const head = new NodeRequestHead(this.#request, checked);
    this.#start(head, onClosed).catch((error: unknown) => {
      logger.error({ err: error }, 'the handler of an upgrade failed');
      socket.destroy();
    });
  }

  goAway(): void {
    this.#tunnel?.goAway();
  }

  destroy(): void {
    this.#tunnel?.destroy();
    this.#socket.destroy();
  }

  async #start(head: NodeRequestHead, onClosed: () => void): Promise<void> {
    const decided = await this.#context.handler.decide(head);
    if (this.#socket.destroyed) return decided.finished({ status: 0, isComplete: false });
    this.#decided = decided;
    const { decision } = decided;
    if (decision.kind === 'respond') return this.#answer(decision.response);
    this.#timer = this.#context.clock.schedule(decision.deadline.remainingMs(), () => this.#expire(decision), { keepAlive: false });
    while (!this.#socket.destroyed && !this.#isExpired) {
      const next = await decision.next(() => this.#abort.signal);
      if (this.#socket.destroyed || this.#isExpired) {
        if ('accept' in next) next.failed({ kind: 'client-gone', mayHaveBeenSent: false, isBodyConsumed: false });
        return;
      }
      if ('status' in next) return this.#answer(next, decision);
      const outcome = await this.#shakeHands(decision, next);
      if (outcome === 'again') continue;
      this.#timer.cancel();
      if ('status' in outcome) return this.#answer(outcome, decision);
      return this.#open(decision, outcome, next, onClosed);
    }
  }

  #shakeHands(forwarding: Forwarding, attempt: Attempt): Promise<Outcome> {
    return new Promise((resolve) => {
      const key = ['connection', 'Upgrade', 'upgrade', 'websocket'];
      const outgoing = httpRequest({
        host: attempt.host,
        port: attempt.port,
        method: 'GET',
        path: forwarding.target,
        headers: [...requestFields(this.#request.rawHeaders, forwarding, attempt.requestFields), ...key],
        agent: false,
        signal: this.#abort.signal,
      });
      outgoing.once('upgrade', (response, upstream, first) => {
        if (!attempt.accept(101, undefined)) {
          upstream.destroy();
          return resolve('again');
        }
        resolve({ upstream, first, rawFields: response.rawHeaders });
      });
      outgoing.once('response', (response) => void this.#readRefusal(response, attempt).then(resolve));
      outgoing.once('error', (error) => {
        const isConnect = isConnectFailure(error);
        const kind = this.#abort.signal.aborted ? 'client-gone' : isConnect ? 'connect' : 'reset';
        resolve(attempt.failed({ kind, mayHaveBeenSent: !isConnect, isBodyConsumed: false, error }) ?? 'again');
      });
      outgoing.end();
    });
  }

  /** The instance answered something else than 101: pass it on whole, or not at all. */
  async #readRefusal(response: IncomingMessage, attempt: Attempt): Promise<LocalResponse | 'again'> {
    const status = response.statusCode ?? 502;
    response.on('error', () => undefined);
    if (!attempt.accept(status, response.headers['retry-after'])) {
      response.destroy();
      return 'again';
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > REFUSAL_BYTES_MAX) break;
        chunks.push(chunk);
      }
    } catch {
      bytes = Number.POSITIVE_INFINITY;
    }
    const isComplete = response.complete && bytes <= REFUSAL_BYTES_MAX;
    attempt.ended({ isComplete, byClient: false });
    const fields = responseFields(response.rawHeaders, []).filter((_item, i, all) => (all[i - (i % 2)] as string) !== 'content-length');
    return { status, fields, body: isComplete ? Buffer.concat(chunks).toString() : '', closes: true };
  }

  #open(forwarding: Forwarding, opened: Exclude<Outcome, LocalResponse | 'again'>, attempt: Attempt, onClosed: () => void): void {
    this.#status = 101;
    const fields = [...responseFields(opened.rawFields, forwarding.responseFields), 'connection', 'Upgrade', 'upgrade', 'websocket'];
    this.#socket.write(rawHead(101, fields));
    this.#tunnel = new WebSocketTunnel(this.#socket, opened.upstream, this.#context.clock);
    this.#tunnel.run(() => {
      attempt.ended({ isComplete: true, byClient: false });
      onClosed();
    });
    // What came together with the heads belongs to the conversation.
    if (opened.first.length > 0) opened.upstream.unshift(opened.first);
    if (this.#first.length > 0) this.#socket.unshift(this.#first);
    if (this.#context.isDraining()) this.#tunnel.goAway();
  }

  #expire(forwarding: Forwarding): void {
    this.#isExpired = true;
    this.#abort.abort(new Error('deadline'));
    this.#answer(forwarding.expire('upstream'), forwarding);
  }

  #answer(local: LocalResponse, forwarding?: Forwarding): void {
    if (this.#socket.destroyed || this.#status !== 0) return;
    this.#status = local.status;
    const fields = mergeFields(local.fields, forwarding?.responseFields ?? []);
    this.#socket.end(rawResponse({ ...local, fields }), () => this.#socket.destroy());
  }
}
