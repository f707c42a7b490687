import type { Database } from '@noa/core';

/** A mail that the sink has received. */
export interface SinkMessage {
  readonly messageId?: string;
  readonly sender: string;
  readonly recipients: string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  /** RFC 3339. */
  readonly receivedAt: string;
}

interface Row {
  readonly message_id: string | null;
  readonly sender: string;
  readonly recipients: string[];
  readonly subject: string;
  readonly text_body: string;
  readonly html_body: string | null;
  readonly received_at: Date;
}

/** Mails kept; the oldest go first. */
export const SINK_MESSAGES_MAX = 1_000;

/** The newest mails of the sink. */
export class SinkStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(mail: Omit<SinkMessage, 'receivedAt'>): Promise<void> {
    await this.#database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO notification.sink_messages (message_id, sender, recipients, subject, text_body, html_body) VALUES ($1, $2, $3, $4, $5, $6)`,
        [mail.messageId ?? null, mail.sender, mail.recipients, mail.subject, mail.text, mail.html ?? null],
      );
      await tx.query(
        `DELETE FROM notification.sink_messages WHERE seq <=
           (SELECT seq FROM notification.sink_messages ORDER BY seq DESC OFFSET ${SINK_MESSAGES_MAX} LIMIT 1)`,
      );
    });
  }

  /** Newest first. @param recipient - only mail to this address, in lower case. */
  async list(limit: number, recipient?: string): Promise<SinkMessage[]> {
    const { rows } = await this.#database.query<Row>(
      `SELECT message_id, sender, recipients, subject, text_body, html_body, received_at FROM notification.sink_messages
       WHERE $2::text IS NULL OR recipients @> ARRAY[$2::text] ORDER BY seq DESC LIMIT $1`,
      [limit, recipient ?? null],
    );
    return rows.map((row) => ({
      ...(row.message_id === null ? {} : { messageId: row.message_id }),
      sender: row.sender,
      recipients: row.recipients,
      subject: row.subject,
      text: row.text_body,
      ...(row.html_body === null ? {} : { html: row.html_body }),
      receivedAt: row.received_at.toISOString(),
    }));
  }
}
