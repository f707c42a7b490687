import type { Database } from '@noa/core';

/** One version of a template in one locale. */
export interface Template {
  readonly name: string;
  readonly locale: string;
  readonly version: number;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

interface Row {
  readonly name: string;
  readonly locale: string;
  readonly version: number;
  readonly subject: string;
  readonly text_body: string;
  readonly html_body: string | null;
}

const COLUMNS = 'name, locale, version, subject, text_body, html_body';

/** Templates; a change is a new version, the newest counts. */
export class TemplateStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The newest version in the first of `locales` that has one. */
  async find(name: string, locales: readonly string[]): Promise<Template | undefined> {
    const { rows } = await this.#database.query<Row>(
      `SELECT ${COLUMNS} FROM notification.templates WHERE name = $1 AND lower(locale) = ANY ($2::text[])
       ORDER BY array_position($2::text[], lower(locale)), version DESC LIMIT 1`,
      [name, locales.map((locale) => locale.toLowerCase())],
    );
    return rows[0] === undefined ? undefined : fromRow(rows[0]);
  }

  /** The newest version of each locale of `name`; of every template when absent. At most 500. */
  async list(name?: string): Promise<Template[]> {
    const { rows } = await this.#database.query<Row>(
      `SELECT DISTINCT ON (name, locale) ${COLUMNS} FROM notification.templates WHERE $1::text IS NULL OR name = $1
       ORDER BY name, locale, version DESC LIMIT 500`,
      [name ?? null],
    );
    return rows.map(fromRow);
  }

  /** Adds a version. Concurrent writers get different numbers: the loser of a race tries the next. */
  async add(template: Omit<Template, 'version'>): Promise<Template> {
    return this.#database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`noa-template:${template.name}:${template.locale}`]);
      const { rows } = await tx.query<Row>(
        `INSERT INTO notification.templates (name, locale, version, subject, text_body, html_body)
         SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM notification.templates WHERE name = $1 AND locale = $2
         RETURNING ${COLUMNS}`,
        [template.name, template.locale, template.subject, template.text, template.html ?? null],
      );
      return fromRow(rows[0]!);
    });
  }
}

function fromRow(row: Row): Template {
  const { name, locale, version, subject } = row;
  return { name, locale, version, subject, text: row.text_body, ...(row.html_body === null ? {} : { html: row.html_body }) };
}
