import { NoaError, Repeater, type Clock, type Logger, type Stoppable } from '@noa/core';
import type { RouteDeclaration } from '@noa/contracts';
import type { Route, RouteRegistry } from './RouteRegistry.ts';
import type { RouteStore } from './store/RouteStore.ts';

/** How often the store is read even without a hint, and tried again after a failure. */
const RELOAD_MS = 10_000;

/**
 * The operators' rules: checked against those in force, then kept, then published. The store is authoritative; what was
 * last read from it stays in force while it is away. Changes need it: an answer 200 means kept.
 */
export class AdminRoutes implements Stoppable {
  readonly #routes: RouteRegistry;
  readonly #store: RouteStore | undefined;
  readonly #onRemoved: () => void;
  readonly #reload: Repeater | undefined;
  #watch: Stoppable | undefined;
  #isStoreReady = false;
  /** A change in progress: a reload that began before must not undo it. */
  #epoch = 0;

  /** @param options.onRemoved - a rule went: those it stood in for may come back. */
  constructor(options: { routes: RouteRegistry; store: RouteStore | undefined; clock: Clock; logger: Logger; onRemoved: () => void }) {
    const { routes, store, clock, logger } = options;
    this.#routes = routes;
    this.#store = store;
    this.#onRemoved = options.onRemoved;
    if (store === undefined) return;
    this.#reload = new Repeater({
      clock,
      intervalMs: RELOAD_MS,
      run: () => this.#load(store),
      onError: (error) => logger.warn({ err: error }, 'the route store cannot be read; the last rules stay in force'),
    });
  }

  /** Reads the store once; a store that is away does not keep the gateway from starting. */
  start(): void {
    this.#reload?.start();
    this.#watch = this.#store?.watch(() => this.#reload?.trigger());
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#reload?.stop();
  }

  /** @throws NoaError `ROUTE_INVALID`, `ROUTE_CONFLICT`, `ROUTE_LIMIT`, or the store's failure; then nothing has changed. */
  async put(declaration: RouteDeclaration): Promise<Route> {
    const before = this.#routes.get(declaration.id);
    const route = this.#routes.put(declaration, 'admin');
    try {
      this.#epoch += 1;
      await this.#store?.save(declaration);
      return route;
    } catch (error) {
      if (this.#routes.get(route.id) === route) {
        this.#routes.remove(route.id);
        if (before !== undefined) this.#routes.put(before.declaration, before.source);
      }
      throw error;
    } finally {
      this.#epoch += 1;
    }
  }

  /** @throws NoaError `NOT_FOUND` when no operator's rule has this id. */
  async remove(id: string): Promise<void> {
    if (this.#routes.get(id)?.source !== 'admin') {
      throw new NoaError('NOT_FOUND', { message: `There is no route ${id} that was made here`, httpStatus: 404 });
    }
    try {
      this.#epoch += 1;
      await this.#store?.remove(id);
      this.#routes.remove(id);
      this.#onRemoved();
    } finally {
      this.#epoch += 1;
    }
  }

  async #load(store: RouteStore): Promise<void> {
    if (!this.#isStoreReady) await store.start();
    this.#isStoreReady = true;
    const epoch = this.#epoch;
    const declarations = await store.load();
    // A change came in between: its own notification brings the next load.
    if (epoch !== this.#epoch) return this.#reload?.trigger();
    this.#routes.syncAdmin(declarations);
    this.#onRemoved();
  }
}
