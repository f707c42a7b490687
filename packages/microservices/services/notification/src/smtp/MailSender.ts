import { PassThrough, type Readable } from 'node:stream';
import { createTransport, type Transporter } from 'nodemailer';
import { describeError, type Clock, type Stoppable } from '@noa/core';
import { parseSMTPURL } from './parseSMTPURL.ts';

export interface OutgoingMail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/**
 * How a send ended: `refused` for good; `later`: the server did not take it, try again; `uncertain`: the connection broke
 * after the content was begun, so it may have been taken.
 */
export type SendOutcome = { readonly kind: 'sent' } | { readonly kind: 'refused' | 'later' | 'uncertain'; readonly reason: string };

/** What nodemailer adds to its errors. */
interface SMTPError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly command?: string;
}

/** The content of one mail as the connection reads it. */
interface Handover {
  content?: Readable;
}

const CONNECT_MS = 5_000;
const SOCKET_MS = 20_000;
/** A whole send. Shorter than the lease of a message, so that nobody takes over from a sender that is alive. */
const SEND_MS_MAX = 60_000;
const REASON_LENGTH_MAX = 300;
/** What would end or split an SMTP path. The client would drop such characters and write to somebody else. */
const UNWRITABLE = /[\s<>"\p{Cc}]/u;
/** Commands whose 5xx answer is about this mail; a 5xx to a login or a greeting is about us, and a person can mend it. */
const MAIL_COMMANDS: readonly (string | undefined)[] = ['MAIL FROM', 'RCPT TO', 'DATA'];

/**
 * Sends mail by SMTP, one connection each: a pool would send again by itself what a broken connection may have delivered.
 * The Message-ID follows from the message, so a receiver can see a repeated one.
 */
export class MailSender implements Stoppable {
  readonly #transport: Transporter;
  readonly #sender: string;
  readonly #idDomain: string;
  readonly #clock: Clock;
  readonly #handovers = new Map<string, Handover>();
  readonly #stopping = new AbortController();

  /**
   * @param options.url - `smtp://user:password@host:port` or `smtps://…`.
   * @throws NoaError `CONFIG_INVALID`.
   */
  constructor(options: { url: string; sender: string; clock: Clock }) {
    const { host, port, isSecure, auth } = parseSMTPURL(options.url);
    this.#clock = options.clock;
    this.#sender = options.sender;
    this.#idDomain = /@([a-z0-9.-]+)>?\s*$/i.exec(options.sender)?.[1] ?? 'noa.localhost';
    this.#transport = createTransport({
      host,
      port,
      secure: isSecure,
      ...(auth === undefined ? {} : { auth }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SOCKET_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    this.#transport.use('stream', (mail, done) => {
      const handover = this.#handovers.get(mail.message.messageId());
      // The connection reads the content only after the server has answered DATA: what was read may have arrived.
      mail.message.processFunc((input: Readable) => {
        const content = new PassThrough();
        input.once('error', (error) => content.destroy(error));
        if (handover !== undefined) handover.content = content;
        return input.pipe(content);
      });
      done();
    });
  }

  /** Breaks off what is being sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#transport.close();
  }

  async send(mail: OutgoingMail): Promise<SendOutcome> {
    if (UNWRITABLE.test(mail.recipient)) return { kind: 'refused', reason: 'the address cannot be written in SMTP' };
    const messageId = `<${mail.id}@${this.#idDomain}>`;
    const handover: Handover = {};
    this.#handovers.set(messageId, handover);
    const limit = new AbortController();
    const timer = this.#clock.schedule(SEND_MS_MAX, () => limit.abort());
    try {
      await this.#transport.sendMail({
        from: this.#sender,
        // An object is taken as one address; a string would be parsed as a list.
        to: { name: '', address: mail.recipient },
        subject: mail.subject,
        text: mail.text,
        ...(mail.html === undefined ? {} : { html: mail.html }),
        messageId,
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal: AbortSignal.any([limit.signal, this.#stopping.signal]),
      });
      return { kind: 'sent' };
    } catch (error) {
      const outcome = classify(error as SMTPError, handover.content?.readableDidRead === true);
      // Servers like to repeat the address, and the reason goes into logs and the timeline.
      return { ...outcome, reason: outcome.reason.replaceAll(mail.recipient, '[recipient]') };
    } finally {
      timer.cancel();
      this.#handovers.delete(messageId);
    }
  }
}

function classify(error: SMTPError, isContentOut: boolean): Exclude<SendOutcome, { kind: 'sent' }> {
  const reason = describeError(error).slice(0, REASON_LENGTH_MAX);
  // An answer with a code is the server's word that it has not taken the mail.
  if (error.responseCode !== undefined) {
    return { kind: error.responseCode >= 500 && MAIL_COMMANDS.includes(error.command) ? 'refused' : 'later', reason };
  }
  // No answer to the content itself: RFC 5321 section 4.2.5 leaves open who is responsible for it.
  if (isContentOut) return { kind: 'uncertain', reason };
  // Found wrong before anything was sent, such as an address that this server's extensions cannot carry.
  return { kind: error.code === 'EENVELOPE' || error.code === 'EMESSAGE' ? 'refused' : 'later', reason };
}
