import pg from 'pg';
import type { Logger } from '../log/Logger.ts';
import type { Clock, Timer } from '../time/Clock.ts';
import type { ListenHandlers } from './Database.ts';

export interface ListenerOptions {
  readonly url: string;
  readonly channel: string;
  readonly handlers: ListenHandlers;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly applicationName?: string;
}

/** Pause before a reconnect; short, because every lost second is a second of stale watchers. */
const RECONNECT_MS = 500;

/**
 * One LISTEN connection.
 *
 * States: idle → connecting → listening → (lost) waiting → connecting …; stop leads to stopped from each.
 * The connection is authoritative about nothing: after every connect the owner re-reads its tables (`onConnect`).
 */
export class Listener {
  readonly #options: ListenerOptions;
  #client: pg.Client | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const { url, channel, handlers, logger, applicationName } = this.#options;
    const client = new pg.Client({ connectionString: url, application_name: `${applicationName ?? 'noa'}-listen`, keepAlive: true });
    this.#client = client;
    let isLost = false;
    const lose = (error?: Error): void => {
      if (isLost || this.#isStopped) return;
      isLost = true;
      logger.warn({ err: error, channel }, 'the listening connection was lost; reconnecting');
      client.end().catch(() => undefined);
      this.#timer = this.#options.clock.schedule(RECONNECT_MS, () => void this.#connect(), { keepAlive: false });
    };
    client.on('error', lose);
    client.on('end', () => lose());
    client.on('notification', (message) => handlers.onNotify(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      if (this.#isStopped) return await client.end();
      handlers.onConnect();
    } catch (error) {
      lose(error as Error);
    }
  }
}
