import { migrate, type Database, type Migration, type Stoppable } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import type { RouteStore } from './RouteStore.ts';

const SCHEMA = 'gateway';
const CHANNEL = 'noa_gateway_route';

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'routes of operators',
    sql: `CREATE TABLE route (
      id text PRIMARY KEY,
      -- Order of creation: of two conflicting rules that two gateways took at one moment, the older stays in force everywhere.
      position bigint GENERATED ALWAYS AS IDENTITY,
      declaration jsonb NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now())`,
  },
];

/** The operators' rules in table `gateway.route` of the control database; NOTIFY tells all gateways of a change. */
export class PostgresRouteStore implements RouteStore {
  readonly #database: Database;
  readonly #watches = new Set<Stoppable>();

  /** @param options.database - not stopped with the store. */
  constructor(options: { database: Database }) {
    this.#database = options.database;
  }

  async start(): Promise<void> {
    await migrate(this.#database, SCHEMA, MIGRATIONS);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#watches].map((watch) => watch.stop()));
  }

  async load(): Promise<RouteDeclaration[]> {
    const { rows } = await this.#database.query<{ declaration: RouteDeclaration }>('SELECT declaration FROM gateway.route ORDER BY position');
    return rows.map((row) => row.declaration);
  }

  async save(route: RouteDeclaration): Promise<void> {
    await this.#database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO gateway.route (id, declaration) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET declaration = excluded.declaration, updated_at = now()`,
        [route.id, JSON.stringify(route)],
      );
      await tx.query('SELECT pg_notify($1, $2)', [CHANNEL, route.id]);
    });
  }

  async remove(id: string): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      const { rowCount } = await tx.query('DELETE FROM gateway.route WHERE id = $1', [id]);
      await tx.query('SELECT pg_notify($1, $2)', [CHANNEL, id]);
      return rowCount > 0;
    });
  }

  watch(onChange: () => void): Stoppable {
    const listening = this.#database.listen(CHANNEL, { onNotify: onChange, onConnect: onChange });
    const watch: Stoppable = {
      stop: async () => {
        this.#watches.delete(watch);
        await listening.stop();
      },
    };
    this.#watches.add(watch);
    return watch;
  }
}
