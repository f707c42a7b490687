import type { Database, SQLExecutor } from '@noa/core';

/**
 * queued → sending → sent | queued (try again) | failed; `uncertain`: the server may or may not have taken it, and a
 * second mail would be worse than none.
 */
export const MessageState = { Queued: 'queued', Sending: 'sending', Sent: 'sent', Failed: 'failed', Uncertain: 'uncertain' } as const;
export type MessageState = (typeof MessageState)[keyof typeof MessageState];

export interface Message {
  readonly id: string;
  /** With channel and recipient: one delivery. */
  readonly key: string;
  readonly channel: 'email';
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly state: MessageState;
  readonly attempts: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface MessageEvent {
  readonly state: MessageState;
  readonly detail?: string;
  readonly at: string;
}

interface Row {
  readonly id: string;
  readonly key: string;
  readonly channel: 'email';
  readonly recipient: string;
  readonly subject: string;
  readonly text_body: string;
  readonly html_body: string | null;
  readonly state: MessageState;
  readonly attempts: number;
  readonly created_at: Date;
  readonly is_leased: boolean;
}

const COLUMNS =
  'id, key, channel, recipient, subject, text_body, html_body, state, attempts, created_at, coalesce(lease_until > now(), false) AS is_leased';
/** Longer than a send may take with all its time-outs. */
const LEASE_SECONDS = 180;
const SENDER_DIED = 'the sender died during the send';
/** A try that is to be repeated comes back sooner than this: twice the queue's longest pause. */
const RETRY_SECONDS_MAX = 120;
const WAKE_SECONDS_MAX = 3_600;

/** Notifications, their state and timeline. */
export class MessageStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns the message with this key, channel and recipient, new or old. */
  async add(message: Omit<Message, 'state' | 'attempts' | 'createdAt'>): Promise<Message> {
    return this.#database.transaction(async (tx) => {
      const { rows } = await tx.query<Row>(
        `INSERT INTO notification.messages (id, key, channel, recipient, subject, text_body, html_body) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (key, channel, recipient) DO NOTHING RETURNING ${COLUMNS}`,
        [message.id, message.key, message.channel, message.recipient, message.subject, message.text, message.html ?? null],
      );
      if (rows[0] !== undefined) {
        await note(tx, message.id, MessageState.Queued);
        return fromRow(rows[0]);
      }
      const existing = await tx.query<Row>(`SELECT ${COLUMNS} FROM notification.messages WHERE key = $1 AND channel = $2 AND recipient = $3`, [
        message.key,
        message.channel,
        message.recipient,
      ]);
      return fromRow(existing.rows[0]!);
    });
  }

  async find(id: string): Promise<{ message: Message; events: MessageEvent[] } | undefined> {
    const { rows } = await this.#database.query<Row>(`SELECT ${COLUMNS} FROM notification.messages WHERE id = $1`, [id]);
    if (rows[0] === undefined) return undefined;
    const events = await this.#database.query<{ state: MessageState; detail: string | null; at: Date }>(
      'SELECT state, detail, at FROM notification.message_events WHERE message_id = $1 ORDER BY seq LIMIT 200',
      [id],
    );
    return {
      message: fromRow(rows[0]),
      events: events.rows.map(({ state, detail, at }) => ({ state, at: at.toISOString(), ...(detail === null ? {} : { detail }) })),
    };
  }

  /**
   * Takes the message for one try.
   * @returns `busy` while another worker holds it; `over` when nothing is to be done. A holder that died in the middle of
   * a send leaves `uncertain`: the mail may have gone.
   */
  async claim(id: string): Promise<Message | 'busy' | 'over'> {
    return this.#database.transaction(async (tx) => {
      const { rows } = await tx.query<Row>(`SELECT ${COLUMNS} FROM notification.messages WHERE id = $1 FOR UPDATE`, [id]);
      const row = rows[0];
      if (row === undefined) return 'over';
      if (row.state === MessageState.Sending) {
        if (row.is_leased) return 'busy';
        await settle(tx, id, MessageState.Uncertain, SENDER_DIED);
        return 'over';
      }
      if (row.state !== MessageState.Queued) return 'over';
      const { rows: claimed } = await tx.query<Row>(
        `UPDATE notification.messages SET state = 'sending', attempts = attempts + 1, lease_until = now() + make_interval(secs => $2)
         WHERE id = $1 RETURNING ${COLUMNS}`,
        [id, LEASE_SECONDS],
      );
      await note(tx, id, MessageState.Sending);
      return fromRow(claimed[0]!);
    });
  }

  /** Ends a try. @param detail - no personal data; shown in the timeline. */
  async settle(id: string, state: Exclude<MessageState, 'sending'>, detail?: string): Promise<void> {
    await this.#database.transaction((tx) => settle(tx, id, state, detail));
  }

  /**
   * Messages that no worker has looked at for longer than any pause between two tries: their queue entry may never have
   * been made, or is used up. Each is returned to one caller, and again after a pause that doubles up to an hour.
   * @returns `wake` counts up per message, so that each answer can be a queue entry of its own.
   */
  async wakeWaiting(limit: number): Promise<{ id: string; wake: number }[]> {
    const { rows } = await this.#database.query<{ id: string; wake: number }>(
      `UPDATE notification.messages SET wakes = wakes + 1,
         wake_at = now() + make_interval(secs => least(${RETRY_SECONDS_MAX} * 2.0 ^ least(wakes, 10), ${WAKE_SECONDS_MAX}))
       WHERE id IN (SELECT id FROM notification.messages WHERE state = 'queued' AND wake_at <= now()
                    ORDER BY wake_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING id, wakes AS wake`,
      [limit],
    );
    return rows;
  }

  /** Ends the tries of senders that died: the mail may have gone. @returns how many. */
  async expire(limit: number): Promise<number> {
    return this.#database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: string }>(
        `SELECT id FROM notification.messages WHERE state = 'sending' AND lease_until <= now()
         ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [limit],
      );
      for (const { id } of rows) await settle(tx, id, MessageState.Uncertain, SENDER_DIED);
      return rows.length;
    });
  }

  /** Forgets messages, with their keys and timelines, that are over and were accepted more than `days` ago. @returns how many. */
  async purge(days: number, limit: number): Promise<number> {
    const { rowCount } = await this.#database.query(
      `DELETE FROM notification.messages WHERE id IN
         (SELECT id FROM notification.messages WHERE state IN ('sent', 'failed', 'uncertain') AND created_at < now() - make_interval(days => $1)
          ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [days, limit],
    );
    return rowCount;
  }
}

async function settle(tx: SQLExecutor, id: string, state: MessageState, detail?: string): Promise<void> {
  await tx.query(
    `UPDATE notification.messages SET state = $2, lease_until = NULL, wake_at = now() + make_interval(secs => ${RETRY_SECONDS_MAX}) WHERE id = $1`,
    [id, state],
  );
  await note(tx, id, state, detail);
}

async function note(tx: SQLExecutor, id: string, state: MessageState, detail?: string): Promise<void> {
  await tx.query('INSERT INTO notification.message_events (message_id, state, detail) VALUES ($1, $2, $3)', [id, state, detail ?? null]);
}

function fromRow(row: Row): Message {
  const { id, key, channel, recipient, subject, state, attempts } = row;
  return {
    id,
    key,
    channel,
    recipient,
    subject,
    text: row.text_body,
    ...(row.html_body === null ? {} : { html: row.html_body }),
    state,
    attempts,
    createdAt: row.created_at.toISOString(),
  };
}
