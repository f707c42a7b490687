import PostalMime, { type Address } from 'postal-mime';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { Lifecycle, Logger } from '@noa/core';
import type { SinkStore } from '../store/SinkStore.ts';

const MAIL_BYTES_MAX = 5 * 1_048_576;
const CLIENTS_MAX = 20;
const RECIPIENTS_MAX = 100;
/** How long a stop waits for clients that stay. */
const CLOSE_MS = 1_000;

/**
 * A real SMTP server on loopback that keeps what it gets instead of passing it on. A mail is acknowledged after its row
 * has been committed, so an acknowledged mail survives a kill.
 */
export class MailSink implements Lifecycle {
  readonly #server: SMTPServer;
  readonly #port: number;
  readonly #store: SinkStore;
  readonly #logger: Logger;
  #actualPort = 0;

  constructor(options: { store: SinkStore; port: number; logger: Logger }) {
    const { store, logger } = options;
    this.#store = store;
    this.#logger = logger;
    this.#port = options.port;
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      size: MAIL_BYTES_MAX,
      maxClients: CLIENTS_MAX,
      closeTimeout: CLOSE_MS,
      banner: 'Noa mail sink',
      onRcptTo: (_address, session, done) => done(session.envelope.rcptTo.length < RECIPIENTS_MAX ? null : refusal(452, 'too many recipients')),
      onData: (stream, session, done) => void this.#answer(stream, session, done),
    });
    this.#server.on('error', (error) => logger.warn({ err: error }, 'the mail sink had a connection error'));
  }

  /** `smtp://127.0.0.1:<port>` once started. */
  get url(): string {
    return `smtp://127.0.0.1:${this.#actualPort}`;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const listening = this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        const address = listening.address();
        this.#actualPort = typeof address === 'object' && address !== null ? address.port : this.#port;
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(stream: AsyncIterable<Buffer>, session: SMTPServerSession, done: (error?: Error) => void): Promise<void> {
    done(await this.#take(stream, session));
  }

  /** @returns what to answer instead of OK, once the mail is kept or not. */
  async #take(stream: AsyncIterable<Buffer>, session: SMTPServerSession): Promise<Error | undefined> {
    try {
      const content = await readAll(stream);
      if (content === undefined) return refusal(552, 'the mail is larger than the sink takes');
      const mail = await PostalMime.parse(content);
      const { mailFrom, rcptTo } = session.envelope;
      await this.#store.add({
        ...(mail.messageId === undefined ? {} : { messageId: mail.messageId }),
        sender: addressText(mail.from) || (mailFrom === false ? '' : mailFrom.address),
        recipients: rcptTo.map((recipient) => recipient.address.toLowerCase()),
        subject: clean(mail.subject ?? ''),
        text: clean(mail.text ?? ''),
        // The last line end belongs to the transport.
        ...(mail.html === undefined ? {} : { html: clean(mail.html).replace(/\r?\n$/, '') }),
      });
      return undefined;
    } catch (error) {
      this.#logger.warn({ err: error }, 'a mail could not be kept; the client is asked to try again');
      return refusal(451, 'try again later');
    }
  }
}

/** The whole mail; undefined for one that is too large, which is read to its end so that the client hears the answer. */
async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= MAIL_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  }
  return bytes > MAIL_BYTES_MAX ? undefined : Buffer.concat(chunks);
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

/** `"Name" <address>`; '' when the mail names no sender. */
function addressText(address: Address | undefined): string {
  const mailbox = address?.address ?? '';
  const name = address?.name ?? '';
  return clean(name === '' ? mailbox : `"${name.replaceAll('"', "'")}" <${mailbox}>`);
}

/** PostgreSQL keeps no NUL. */
function clean(text: string): string {
  return text.replaceAll('\0', '');
}
