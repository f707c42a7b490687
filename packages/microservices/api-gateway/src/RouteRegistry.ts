import { Compile } from 'typebox/compile';
import { describeError, NoaError, type Counter, type Logger, type Metrics } from '@noa/core';
import { RouteDeclarationSchema, type RouteDeclaration } from '@noa/contracts';
import type { Instance } from '@noa/service-registry';
import { parsePattern, type RoutePattern } from './routing/RoutePattern.ts';
import { RouteTable, takes, type Match, type TableEntry } from './routing/RouteTable.ts';

/** A rule in force. */
export interface Route extends TableEntry {
  readonly declaration: RouteDeclaration;
  readonly pattern: RoutePattern;
  /** Who asked for it: a service's registry entry, or an operator. */
  readonly source: 'registry' | 'admin';
}

/** What is matched against: immutable, swapped whole. */
export interface RouteSnapshot {
  /** Grows by one with each change. */
  readonly version: number;
  readonly table: RouteTable<Route>;
}

/** Why a rule did or did not get a request. */
export interface Explanation {
  readonly version: number;
  readonly outcome: 'route' | 'wrong-method' | 'none' | 'refused';
  readonly route?: RouteDeclaration & { readonly source: string };
  readonly allow?: readonly string[];
  readonly losers: readonly { readonly id: string; readonly path: string; readonly reason: string }[];
}

/** Rules in all. */
export const ROUTES_MAX = 10_000;
/** Paths the gateway answers itself. */
const RESERVED = /^\/(?:health(?:\/(?:live|ready|startup))?)$/;

const declarationCheck = Compile(RouteDeclarationSchema);

/**
 * The gateway's rules: from the registry entries of services and from operators. Each change builds the next immutable
 * snapshot off the hot path and swaps one pointer; requests in progress keep theirs.
 *
 * Rules of a service stay when its last instance goes: then the answer is 503 for a while, not 404. They change when an
 * instance says so. Two rules for one path, method and host are refused when the second one comes, with its reason.
 */
export class RouteRegistry {
  readonly #logger: Logger;
  readonly #rejected: Counter;
  readonly #routes = new Map<string, Route>();
  /** Ids that each service's entries brought. */
  readonly #services = new Map<string, Set<string>>();
  #snapshot: RouteSnapshot = { version: 0, table: new RouteTable() };

  constructor(options: { logger: Logger; metrics: Metrics }) {
    this.#logger = options.logger;
    this.#rejected = options.metrics.counter('gateway_routes_rejected_total', 'Rules that were refused', ['reason']);
    options.metrics.observableGauge('gateway_routes', 'Rules in force', () => this.#routes.size);
  }

  get snapshot(): RouteSnapshot {
    return this.#snapshot;
  }

  list(): Route[] {
    return [...this.#routes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: string): Route | undefined {
    return this.#routes.get(id);
  }

  find(method: string, host: string, segments: readonly string[]): Match<Route> {
    return this.#snapshot.table.find(method, hostName(host), segments);
  }

  /**
   * Adds or replaces a rule.
   * @throws NoaError `ROUTE_INVALID` (400), `ROUTE_CONFLICT` (409), `ROUTE_LIMIT` (409); then nothing has changed.
   */
  put(declaration: unknown, source: Route['source']): Route {
    const route = compile(declaration, source);
    const known = this.#routes.get(route.id);
    if (known !== undefined && JSON.stringify(known.declaration) === JSON.stringify(route.declaration) && known.source === source) return known;
    if (known === undefined && this.#routes.size >= ROUTES_MAX) {
      throw new NoaError('ROUTE_LIMIT', { message: `The gateway holds ${ROUTES_MAX} rules already`, httpStatus: 409 });
    }
    const table = known === undefined ? this.#snapshot.table : this.#snapshot.table.without(known);
    const [rival] = table.conflicts(route);
    if (rival !== undefined) {
      const message = `Route ${route.id} takes what route ${rival.id} takes already: same path, method and host`;
      throw new NoaError('ROUTE_CONFLICT', { message, httpStatus: 409, details: { id: route.id, rival: rival.id } });
    }
    this.#routes.set(route.id, route);
    this.#swap(table.with(route));
    return route;
  }

  remove(id: string): boolean {
    const known = this.#routes.get(id);
    if (known === undefined) return false;
    this.#routes.delete(id);
    this.#swap(this.#snapshot.table.without(known));
    return true;
  }

  /** Takes over what the entries of `service` declare now. Invalid and conflicting rules are skipped, logged and counted. */
  syncService(service: string, instances: readonly Instance[]): void {
    if (instances.length === 0) return;
    const wanted = declaredRoutes(instances);
    const owned = this.#services.get(service) ?? new Set<string>();
    this.#services.set(service, owned);
    for (const id of owned) {
      if (wanted.has(id)) continue;
      owned.delete(id);
      if (this.#routes.get(id)?.source === 'registry') this.remove(id);
    }
    for (const [id, declaration] of wanted) {
      const known = this.#routes.get(id);
      // An operator's rule of the same id stands in for the service's.
      if (known?.source === 'admin') continue;
      try {
        if (known !== undefined && !owned.has(id)) {
          throw new NoaError('ROUTE_CONFLICT', { message: `Route ${id} belongs to service ${known.declaration.service}`, httpStatus: 409 });
        }
        if ((declaration as Partial<RouteDeclaration>).service !== service) throw invalid('it names another service than its own');
        this.put(declaration, 'registry');
        owned.add(id);
      } catch (error) {
        this.#reject(service, id, error);
      }
    }
  }

  /** Makes the operators' rules exactly these. */
  syncAdmin(declarations: readonly unknown[]): void {
    const wanted = new Map(declarations.map((declaration) => [idOf(declaration), declaration]));
    for (const route of this.list()) if (route.source === 'admin' && !wanted.has(route.id)) this.remove(route.id);
    for (const [id, declaration] of wanted) {
      try {
        this.put(declaration, 'admin');
      } catch (error) {
        this.#reject('admin', id, error);
      }
    }
  }

  /** Which rule gets a request, and why the others do not. */
  explain(method: string, host: string, segments: readonly string[]): Explanation {
    const { version, table } = this.#snapshot;
    const match = table.find(method, hostName(host), segments);
    const winner = match.kind === 'found' ? match.entry : undefined;
    const candidates = new Set(table.candidates(hostName(host), segments));
    const losers = this.list()
      .filter((route) => route !== winner)
      .map((route) => ({ id: route.id, path: route.declaration.path, reason: whyNot(route, { candidates, method, host, segments, winner }) }))
      .filter((loser) => loser.reason !== NOT_THIS_PATH);
    return {
      version,
      outcome: match.kind === 'found' ? 'route' : match.kind,
      ...(winner === undefined ? {} : { route: { ...winner.declaration, source: winner.source } }),
      ...(match.kind === 'wrong-method' ? { allow: match.allow } : {}),
      losers,
    };
  }

  #swap(table: RouteTable<Route>): void {
    this.#snapshot = { version: this.#snapshot.version + 1, table };
  }

  #reject(owner: string, id: string, error: unknown): void {
    const reason = error instanceof NoaError ? error.code : 'INTERNAL';
    this.#rejected.add({ reason });
    this.#logger.warn({ owner, route: id, reason: describeError(error) }, 'a route was refused');
  }
}

const NOT_THIS_PATH = 'path';

function whyNot(
  route: Route,
  asked: { candidates: Set<Route>; method: string; host: string; segments: readonly string[]; winner: Route | undefined },
): string {
  if (!asked.candidates.has(route)) {
    const isOtherHost = route.host !== undefined && route.host !== hostName(asked.host);
    if (!isOtherHost || !takesPath(route, asked.segments)) return NOT_THIS_PATH;
    return `host: only for ${route.host}`;
  }
  if (!takes(route, asked.method)) return `method: takes ${[...(route.methods ?? [])].join(', ')}`;
  if (route.host === undefined && asked.winner?.host !== undefined) return `precedence: ${asked.winner.id} is for this host`;
  return `precedence: the path of ${asked.winner?.id ?? 'another'} is more exact`;
}

function takesPath(route: Route, segments: readonly string[]): boolean {
  return new RouteTable<Route>().with({ ...route, host: undefined }).candidates('', segments).length > 0;
}

function compile(declaration: unknown, source: Route['source']): Route {
  if (!declarationCheck.Check(declaration)) {
    const [first] = declarationCheck.Errors(declaration);
    throw invalid(`${first?.instancePath ?? ''} ${first?.message ?? 'does not match the schema'}`.trim());
  }
  if (RESERVED.test(declaration.path)) throw invalid(`${declaration.path} is answered by the gateway itself`);
  const { methods } = declaration;
  return {
    id: declaration.id,
    declaration: Object.freeze({ ...declaration }),
    pattern: parsePattern(declaration.path),
    host: declaration.host,
    methods: methods === undefined || methods.length === 0 ? undefined : new Set(methods),
    source,
  };
}

/** Rules of all instances; where versions differ (a rolling update) the newest version's word counts. */
function declaredRoutes(instances: readonly Instance[]): Map<string, unknown> {
  const ordered = [...instances].sort((a, b) => compareVersions(a.version, b.version) || (a.id < b.id ? -1 : 1));
  const newest = ordered.at(-1)?.version;
  const wanted = new Map<string, unknown>();
  for (const instance of ordered) if (instance.version === newest) for (const route of instance.routes) wanted.set(idOf(route), route);
  return wanted;
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function idOf(declaration: unknown): string {
  const id = (declaration as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? id.slice(0, 128) : '(no id)';
}

function invalid(reason: string): NoaError {
  return new NoaError('ROUTE_INVALID', { message: `The route is not valid: ${reason}`, httpStatus: 400 });
}

/** Host field → the name that rules are looked up by: lower case, without port and final dot. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}
