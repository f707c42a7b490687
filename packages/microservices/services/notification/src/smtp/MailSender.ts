import { createTransport, type Transporter } from 'nodemailer';
import { describeError, type Stoppable } from '@noa/core';

export interface OutgoingMail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/**
 * How a send ended: `refused` for good; `later`: the server did not take it, try again; `uncertain`: the connection broke
 * after the content was sent, so it may have been taken.
 */
export type SendOutcome = { readonly kind: 'sent' } | { readonly kind: 'refused' | 'later' | 'uncertain'; readonly reason: string };

/** What nodemailer adds to its errors. */
interface SMTPError extends Error {
  readonly responseCode?: number;
  readonly command?: string;
}

const CONNECTIONS_MAX = 3;
const CONNECT_MS = 5_000;
const SOCKET_MS = 20_000;

/** Sends mail by SMTP over a small pool. The Message-ID follows from the message, so a receiver can see a repeated one. */
export class MailSender implements Stoppable {
  readonly #transport: Transporter;
  readonly #sender: string;

  /** @param options.url - `smtp://user:password@host:port` or `smtps://…`. */
  constructor(options: { url: string; sender: string }) {
    const url = new URL(options.url);
    const isSecure = url.protocol === 'smtps:';
    this.#sender = options.sender;
    this.#transport = createTransport({
      pool: true,
      maxConnections: CONNECTIONS_MAX,
      host: url.hostname,
      port: Number(url.port === '' ? (isSecure ? 465 : 587) : url.port),
      secure: isSecure,
      ...(url.username === '' ? {} : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SOCKET_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async stop(): Promise<void> {
    this.#transport.close();
  }

  async send(mail: OutgoingMail): Promise<SendOutcome> {
    try {
      await this.#transport.sendMail({
        from: this.#sender,
        // An object is taken as one address; a string would be parsed as a list.
        to: { name: '', address: mail.recipient },
        subject: mail.subject,
        text: mail.text,
        ...(mail.html === undefined ? {} : { html: mail.html }),
        messageId: `<${mail.id}@noa.localhost>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return { kind: 'sent' };
    } catch (error) {
      return classify(error as SMTPError);
    }
  }
}

function classify(error: SMTPError): SendOutcome {
  const reason = describeError(error).slice(0, 300);
  if (error.responseCode !== undefined) return { kind: error.responseCode >= 500 ? 'refused' : 'later', reason };
  // No answer to the content itself: RFC 5321 section 4.2.5 leaves open who is responsible for it.
  return { kind: error.command === 'DATA' ? 'uncertain' : 'later', reason };
}
