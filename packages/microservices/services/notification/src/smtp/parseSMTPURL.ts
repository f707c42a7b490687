import { NoaError } from '@noa/core';

/** Where mail goes. */
export interface SMTPServerAddress {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; otherwise STARTTLS when the server offers it. */
  readonly isSecure: boolean;
  readonly auth?: { readonly user: string; readonly pass: string };
}

const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;

/**
 * @param text - `smtp://user:password@host:port` or `smtps://…`; port 587 and 465 (RFC 8314) when absent, user and password percent-encoded.
 * @throws NoaError `CONFIG_INVALID`, without the text: it may hold a password.
 */
export function parseSMTPURL(text: string): SMTPServerAddress {
  try {
    const url = new URL(text);
    const isSecure = url.protocol === 'smtps:';
    if (url.hostname === '' || (!isSecure && url.protocol !== 'smtp:')) throw new Error('no host, or another scheme');
    const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port === '' ? (isSecure ? SUBMISSIONS_PORT : SUBMISSION_PORT) : url.port),
      isSecure,
      ...(user === '' ? {} : { auth: { user, pass } }),
    };
  } catch {
    // Node's error carries the whole text, so it is no cause to keep.
    const message = 'notification.smtpURL: expected smtp://user:password@host:port or smtps://…, got [secret] (NOA_SMTP_URL)';
    throw new NoaError('CONFIG_INVALID', { message });
  }
}
