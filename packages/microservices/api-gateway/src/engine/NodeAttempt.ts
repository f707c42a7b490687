import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { isConnectFailure } from './connectFailure.ts';
import { fieldOf, requestFields, responseFields } from './fields.ts';
import type { Attempt, AttemptFailure, Forwarding, LocalResponse } from './HTTPEngine.ts';
import { RequestBody } from './RequestBody.ts';

export type CancelReason = 'client-gone' | 'deadline' | 'refused-body';

/** `passed`: the response went through; `again`: ask for the next attempt; `settled`: cancelled meanwhile; else answer this. */
export type AttemptOutcome = 'passed' | 'again' | 'settled' | LocalResponse;

export interface NodeAttemptOptions {
  readonly attempt: Attempt;
  readonly forwarding: Forwarding;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly hasBody: boolean;
  readonly isDraining: () => boolean;
  readonly onBodyStart: () => void;
  readonly onBodyTooLarge: () => void;
}

/** Content of a response that is not passed on is read up to this size to keep the connection; beyond it the connection goes. */
const DISCARD_BYTES_MAX = 65_536;

/** One try at one instance, through undici's dispatch: no stream or header objects between the two sockets. */
export class NodeAttempt {
  readonly #options: NodeAttemptOptions;
  readonly #body: RequestBody | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #state: 'waiting' | 'accepted' | 'discarding' | 'over' = 'waiting';
  #hasContent = false;
  #discardedBytes = 0;
  #resolve: (outcome: AttemptOutcome) => void = () => undefined;

  constructor(options: NodeAttemptOptions) {
    this.#options = options;
    const { request, forwarding, onBodyStart, onBodyTooLarge } = options;
    if (options.hasBody) {
      this.#body = new RequestBody({ request, bytesMax: forwarding.bodyBytesMax, onStart: onBodyStart, onTooLarge: onBodyTooLarge });
    }
  }

  get isWaitingForClient(): boolean {
    return this.#body?.isWaitingForClient ?? false;
  }

  run(pool: Pool): Promise<AttemptOutcome> {
    const { request, forwarding, attempt } = this.#options;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const options: Dispatcher.DispatchOptions = {
        path: forwarding.target,
        method: request.method as Dispatcher.HttpMethod,
        headers: requestFields(request.rawHeaders, forwarding, attempt.requestFields),
        body: this.#body ?? null,
      };
      try {
        pool.dispatch(options, this.#handler());
      } catch (error) {
        this.#fail(error as Error);
      }
    });
  }

  /** Ends the attempt from the client's side. Later calls do nothing. */
  cancel(reason: CancelReason): void {
    if (this.#state === 'over') return;
    const { attempt } = this.#options;
    if (this.#state === 'accepted') attempt.ended({ isComplete: false, byClient: reason !== 'deadline' });
    else if (this.#state === 'waiting') attempt.failed(this.#failure(reason, undefined));
    this.#conclude('settled');
    this.#controller?.abort(new Error(reason));
    this.#body?.destroy();
  }

  #handler(): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => {
        this.#controller = controller;
        if (this.#state === 'over') controller.abort(new Error('the exchange ended before its turn'));
      },
      onResponseStart: (controller, status) => this.#onHead(controller, status),
      onResponseData: (controller, chunk) => this.#onData(controller, chunk),
      onResponseEnd: () => this.#onEnd(),
      onResponseError: (_controller, error) => this.#fail(error),
    };
  }

  #onHead(controller: Dispatcher.DispatchController, status: number): void {
    // 1xx heads are the instance's talk with us; a 100 was ours to give.
    if (status < 200 || this.#state === 'over') return;
    const { attempt, response, forwarding } = this.#options;
    const raw = rawFieldsOf(controller);
    if (!attempt.accept(status, fieldOf(raw, 'retry-after'))) {
      this.#state = 'discarding';
      return;
    }
    this.#state = 'accepted';
    const fields = responseFields(raw, forwarding.responseFields);
    if (this.#options.isDraining()) fields.push('connection', 'close');
    response.writeHead(status, fields);
    // Head and first bytes leave in one write where they come together; a stream that is silent at first shows its head all the same.
    setImmediate(() => {
      if (this.#state === 'accepted' && !this.#hasContent) response.flushHeaders();
    });
    response.on('drain', () => controller.resume());
  }

  #onData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#state === 'accepted') {
      this.#hasContent = true;
      if (!this.#options.response.write(chunk)) controller.pause();
    } else if (this.#state === 'discarding') {
      this.#discardedBytes += chunk.length;
      if (this.#discardedBytes > DISCARD_BYTES_MAX) controller.abort(new Error('the discarded response is too long'));
    }
  }

  #onEnd(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'discarding') return this.#conclude('again');
    this.#options.response.end();
    this.#options.attempt.ended({ isComplete: true, byClient: false });
    this.#conclude('passed');
  }

  #fail(error: Error): void {
    if (this.#state === 'over') return;
    const { attempt, response } = this.#options;
    if (this.#state === 'discarding') return this.#conclude('again');
    if (this.#state === 'accepted') {
      attempt.ended({ isComplete: false, byClient: false });
      this.#conclude('settled');
      // Cutting the connection is the only way to say that the rest is missing.
      response.destroy();
      return;
    }
    const kind = isConnectFailure(error) ? 'connect' : isMalformed(error) ? 'malformed' : 'reset';
    const answer = attempt.failed(this.#failure(kind, error));
    this.#body?.destroy();
    this.#conclude(answer ?? 'again');
  }

  #failure(kind: AttemptFailure['kind'], error: Error | undefined): AttemptFailure {
    return { kind, mayHaveBeenSent: this.#controller !== undefined, isBodyConsumed: this.#body?.isStarted ?? false, error };
  }

  #conclude(outcome: AttemptOutcome): void {
    this.#state = 'over';
    this.#resolve(outcome);
  }
}

function isMalformed(error: Error): boolean {
  return error.name === 'HTTPParserError' || (error as { code?: string }).code?.startsWith('HPE_') === true;
}

/** undici gives the raw list as buffers; latin1 keeps every byte. */
function rawFieldsOf(controller: Dispatcher.DispatchController): string[] {
  const raw = controller.rawHeaders;
  return Array.isArray(raw) ? raw.map((item) => (typeof item === 'string' ? item : item.toString('latin1'))) : [];
}
