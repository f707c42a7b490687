import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Logger, Timer } from '@noa/core';
import { checkHead, isRefusal } from './checkHead.ts';
import { mergeFields } from './fields.ts';
import type { Decided, ExchangeHandler, Forwarding, LocalResponse, Refusal } from './HTTPEngine.ts';
import { NodeRequestHead } from './NodeRequestHead.ts';
import { NodeAttempt, type CancelReason } from './NodeAttempt.ts';
import type { UpstreamPools } from './UpstreamPools.ts';

/** What every exchange of an engine shares. */
export interface ExchangeContext {
  readonly handler: ExchangeHandler;
  readonly pools: UpstreamPools;
  readonly clock: Clock;
  readonly logger: Logger;
  isDraining(): boolean;
}

/** After a refusal the rest of a body is read and thrown away, this much, so that the client sees the answer before the close. */
const LINGER_BYTES = 1_048_576;
const LINGER_MS = 1_000;

/**
 * One request and its response on `node:http`.
 *
 * States: deciding → (answered | forwarding → answered) → closed. The client's going, the deadline and an oversized body
 * each end the attempt in progress; whoever comes first wins, the others find `isSettled`.
 */
export class NodeExchange {
  readonly #context: ExchangeContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #sendsContinue: boolean;
  /** Made when someone waits: most exchanges never need one. */
  #abort: AbortController | undefined;
  readonly #onClosing: () => void;
  #decided: Decided | undefined;
  #attempt: NodeAttempt | undefined;
  #timer: Timer | undefined;
  #isSettled = false;
  #hasBody = false;

  constructor(
    context: ExchangeContext,
    request: IncomingMessage,
    response: ServerResponse,
    options: { sendsContinue: boolean; onClosing: () => void },
  ) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#sendsContinue = options.sendsContinue;
    this.#onClosing = options.onClosing;
  }

  /** @param onClosed - when neither side has anything to do any more. */
  run(onClosed: () => void): void {
    const { handler } = this.#context;
    const request = this.#request;
    this.#response.once('close', () => {
      this.#close();
      onClosed();
    });
    request.on('error', () => undefined);
    this.#response.on('error', () => undefined);
    const checked = checkHead({
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      rawFields: request.rawHeaders,
    });
    if (isRefusal(checked)) return this.refuse(checked);
    const head = new NodeRequestHead(request, checked);
    this.#hasBody = head.hasBody;
    const decided = handler.decide(head);
    if (decided instanceof Promise) decided.then((value) => this.#begin(value, head), this.#crash);
    else this.#begin(decided, head);
  }

  /** Ends the exchange with the engine's refusal, or cuts the connection when an answer is already under way. */
  refuse(refusal: Refusal): void {
    if (this.#response.headersSent) {
      this.#settle('client-gone');
      this.#response.destroy();
      return;
    }
    this.#settle('client-gone');
    this.#hasBody = false;
    const forwarding = this.#forwarding;
    this.#answer(forwarding === undefined ? this.#context.handler.refuse(refusal) : forwarding.refuse(refusal), true);
  }

  get #forwarding(): Forwarding | undefined {
    const decision = this.#decided?.decision;
    return decision === undefined || decision.kind === 'respond' ? undefined : decision;
  }

  readonly #crash = (error: unknown): void => {
    this.#context.logger.error({ err: error }, 'the handler of an exchange failed');
    this.#response.destroy();
  };

  readonly #signal = (): AbortSignal => {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  };

  #begin(decided: Decided, head: NodeRequestHead): void {
    this.#decided = decided;
    if (this.#response.closed) return decided.finished({ status: 0, isComplete: false });
    const { decision } = decided;
    if (decision.kind === 'respond') {
      this.#isSettled = true;
      return this.#answer(decision.response);
    }
    if ((head.bodyBytes ?? 0) > decision.bodyBytesMax) return this.#tooLarge(decision);
    this.#timer = this.#context.clock.schedule(decision.deadline.remainingMs(), () => this.#expire(decision), { keepAlive: false });
    this.#forward(decision).catch(this.#crash);
  }

  async #forward(forwarding: Forwarding): Promise<void> {
    while (!this.#isSettled) {
      const next = await forwarding.next(this.#signal);
      if ('status' in next) {
        if (this.#isSettled) return;
        this.#settle('client-gone');
        return this.#answer(next);
      }
      this.#attempt = new NodeAttempt({
        attempt: next,
        forwarding,
        request: this.#request,
        response: this.#response,
        hasBody: this.#hasBody,
        isDraining: () => this.#context.isDraining(),
        onBodyStart: () => {
          if (this.#sendsContinue) this.#response.writeContinue();
        },
        onBodyTooLarge: () => this.#tooLarge(forwarding),
      });
      if (this.#isSettled) return this.#attempt.cancel('client-gone');
      const outcome = await this.#attempt.run(this.#context.pools.pool(next.host, next.port));
      if (outcome === 'again') continue;
      if (outcome === 'passed') this.#passed();
      else if (outcome !== 'settled' && !this.#isSettled) {
        this.#settle('client-gone');
        this.#answer(outcome);
      }
      return;
    }
  }

  /** The response went through whole; what is left of the request is no longer wanted. */
  #passed(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#timer?.cancel();
    if (this.#hasBody && !this.#request.complete) this.#linger(() => this.#request.socket.destroy());
  }

  #tooLarge(forwarding: Forwarding): void {
    if (this.#isSettled) return;
    this.#settle('refused-body');
    if (this.#response.headersSent) return void this.#response.destroy();
    const message = `This route takes bodies of up to ${forwarding.bodyBytesMax} bytes`;
    this.#answer(forwarding.refuse({ status: 413, code: 'CONTENT_TOO_LARGE', message }), true);
  }

  #expire(forwarding: Forwarding): void {
    if (this.#isSettled) return;
    const cause = this.#attempt?.isWaitingForClient ? 'client' : 'upstream';
    this.#settle(cause === 'client' ? 'client-gone' : 'deadline');
    if (this.#response.headersSent) return void this.#response.destroy();
    this.#answer(forwarding.expire(cause));
  }

  /** Nothing after this may change the outcome; ends the attempt in progress, if one is. */
  #settle(reason: CancelReason): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.#attempt?.cancel(reason);
    this.#abort?.abort(new Error(reason));
  }

  #answer(local: LocalResponse, closes = local.closes ?? false): void {
    const response = this.#response;
    if (response.closed || response.headersSent) return;
    const isUnread = this.#hasBody && !this.#request.complete;
    const mustClose = closes || isUnread || this.#context.isDraining();
    if (mustClose) this.#onClosing();
    const fields = mergeFields(local.fields, this.#forwarding?.responseFields ?? []);
    if (local.status !== 204 && local.status !== 304) fields.push('content-length', String(Buffer.byteLength(local.body)));
    if (mustClose) fields.push('connection', 'close');
    response.writeHead(local.status, fields);
    if (!isUnread || this.#sendsContinue) return void response.end(local.body);
    // The length is known to the client, so it has the whole answer now; the close waits for what it still sends.
    response.write(local.body);
    this.#linger(() => response.end());
  }

  #linger(done: () => void): void {
    const request = this.#request;
    let bytes = 0;
    const finish = (): void => {
      timer.cancel();
      request.off('data', count);
      request.off('end', finish);
      if (!request.complete || !this.#response.writableEnded) done();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > LINGER_BYTES) finish();
    };
    const timer = this.#context.clock.schedule(LINGER_MS, finish, { keepAlive: false });
    request.on('data', count);
    request.once('end', finish);
    this.#response.once('close', () => timer.cancel());
    request.resume();
  }

  #close(): void {
    const isComplete = this.#response.writableFinished;
    if (!this.#isSettled) this.#settle('client-gone');
    this.#timer?.cancel();
    const status = this.#response.headersSent ? this.#response.statusCode : 0;
    this.#decided?.finished({ status, isComplete });
  }
}
