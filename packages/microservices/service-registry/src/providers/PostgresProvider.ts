import { connectDatabase, isNoaError, migrate, Repeater, type Clock, type Database, type Logger, type Migration, type Stoppable } from '@noa/core';
import type { RegistryCapabilities } from '../capabilities.ts';
import type { Instance, InstanceStatus } from '../Instance.ts';
import type { RegistryProvider, RegistrySnapshot } from './RegistryProvider.ts';

const SCHEMA = 'noa_registry';
const CHANNEL = 'noa_registry';
/** Expired rows are removed this often; lists skip them anyway. */
const SWEEP_MS = 5_000;

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'instances',
    sql: `
      CREATE SEQUENCE revision;
      CREATE TABLE instances (
        id text PRIMARY KEY,
        service text NOT NULL,
        document jsonb NOT NULL,
        lease interval NOT NULL,
        expires_at timestamptz NOT NULL,
        revision bigint NOT NULL DEFAULT nextval('revision'));
      CREATE INDEX instances_expiry ON instances (expires_at);
      CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('${CHANNEL}', '');
        RETURN NULL;
      END $$;
      CREATE TRIGGER announce_change AFTER INSERT OR DELETE ON instances FOR EACH STATEMENT EXECUTE FUNCTION announce();
      -- A renewal changes the expiry only and is no news.
      CREATE TRIGGER announce_document AFTER UPDATE OF document ON instances FOR EACH STATEMENT EXECUTE FUNCTION announce();`,
  },
  {
    version: 2,
    name: 'announce rows that changed',
    // A statement's trigger fires without a row too: each empty sweep of each process would wake all the others.
    sql: `
      DROP TRIGGER announce_change ON instances;
      DROP TRIGGER announce_document ON instances;
      CREATE TRIGGER announce_change AFTER INSERT OR DELETE ON instances FOR EACH ROW EXECUTE FUNCTION announce();
      CREATE TRIGGER announce_document AFTER UPDATE OF document ON instances FOR EACH ROW
        WHEN (OLD.document IS DISTINCT FROM NEW.document OR OLD.expires_at < now()) EXECUTE FUNCTION announce();`,
  },
];

export interface PostgresProviderOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Connections, beside the one that listens. Default 1. */
  readonly poolMax?: number;
}

/**
 * Instances as rows with a lease by the server's own clock, so that skewed machines agree on who is alive. NOTIFY is a
 * hint; the table is the truth and is read again after each reconnect.
 */
export class PostgresProvider implements RegistryProvider {
  readonly capabilities: RegistryCapabilities = { provider: 'postgres', registration: true, watch: true, leases: true };
  readonly #database: Database;
  readonly #sweeper: Repeater;
  readonly #logger: Logger;
  #isMigrated = false;

  constructor(options: PostgresProviderOptions) {
    const { url, clock, logger } = options;
    this.#logger = logger;
    this.#database = connectDatabase({
      url,
      clock,
      logger,
      poolMax: options.poolMax ?? 1,
      applicationName: 'noa-registry',
      statementTimeoutMs: 5_000,
    });
    this.#sweeper = new Repeater({
      clock,
      intervalMs: SWEEP_MS,
      run: () => this.#sweep(),
      onError: (error) => logger.debug({ err: error }, 'expired instances could not be swept'),
    });
  }

  /** An unreachable server does not fail it: the schema follows when the server is back, and callers see their own failures. */
  async start(): Promise<void> {
    try {
      await this.#migrate();
    } catch (error) {
      if (!isNoaError(error, 'DATABASE_UNAVAILABLE')) throw error;
      this.#logger.warn({ err: error }, 'the registry does not answer at the start; trying on');
    }
    this.#sweeper.start({ delayFirst: true });
  }

  async stop(): Promise<void> {
    await this.#sweeper.stop();
    await this.#database.stop();
  }

  async register(instance: Instance, options: { leaseMs: number }): Promise<void> {
    await this.#database.query(
      `INSERT INTO ${SCHEMA}.instances AS i (id, service, document, lease, expires_at)
       VALUES ($1, $2, $3, make_interval(secs => $4), now() + make_interval(secs => $4))
       ON CONFLICT (id) DO UPDATE SET service = $2, document = $3, lease = make_interval(secs => $4),
         expires_at = now() + make_interval(secs => $4), revision = nextval('${SCHEMA}.revision')`,
      [instance.id, instance.service, JSON.stringify(instance), options.leaseMs / 1_000],
    );
  }

  async renew(id: string): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `UPDATE ${SCHEMA}.instances SET expires_at = now() + lease WHERE id = $1 AND expires_at >= now()`,
      [id],
    );
    return rowCount === 1;
  }

  async setStatus(id: string, status: InstanceStatus): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `UPDATE ${SCHEMA}.instances SET document = jsonb_set(document, '{status}', to_jsonb($2::text)), revision = nextval('${SCHEMA}.revision')
       WHERE id = $1 AND expires_at >= now()`,
      [id, status],
    );
    return rowCount === 1;
  }

  async deregister(id: string): Promise<void> {
    await this.#database.query(`DELETE FROM ${SCHEMA}.instances WHERE id = $1`, [id]);
  }

  async list(): Promise<RegistrySnapshot> {
    const { rows } = await this.#database.query<{ document: Instance; revision: string }>(
      `SELECT document, revision FROM ${SCHEMA}.instances WHERE expires_at >= now() ORDER BY id COLLATE "C"`,
    );
    // A row that left has no revision of its own: the set of them is what identifies a list.
    return { instances: rows.map((row) => row.document), revision: rows.map((row) => row.revision).join('.') };
  }

  watch(onHint: () => void): Stoppable {
    return this.#database.listen(CHANNEL, { onNotify: onHint, onConnect: onHint });
  }

  async #migrate(): Promise<void> {
    await migrate(this.#database, SCHEMA, MIGRATIONS);
    this.#isMigrated = true;
  }

  async #sweep(): Promise<void> {
    if (!this.#isMigrated) await this.#migrate();
    await this.#database.query(`DELETE FROM ${SCHEMA}.instances WHERE expires_at < now()`);
  }
}
