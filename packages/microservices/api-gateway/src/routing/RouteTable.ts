import type { RoutePattern } from './RoutePattern.ts';

/** What the table needs to know of a rule. */
export interface TableEntry {
  readonly id: string;
  readonly pattern: RoutePattern;
  /** Undefined: any. */
  readonly host: string | undefined;
  /** Undefined: every method. HEAD follows GET. */
  readonly methods: ReadonlySet<string> | undefined;
}

export type Match<Entry> =
  | { readonly kind: 'found'; readonly entry: Entry }
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Node<Entry> {
  readonly literals: ReadonlyMap<string, Node<Entry>>;
  readonly param: Node<Entry> | undefined;
  /** Rules that end here. */
  readonly exact: readonly Entry[];
  /** Rules with `*` behind this node. */
  readonly rest: readonly Entry[];
}

const EMPTY: Node<never> = { literals: new Map(), param: undefined, exact: [], rest: [] };
const ANY_HOST = '';

/**
 * An immutable routing table: a trie of decoded segments for each host. `with` and `without` copy the nodes on the way to
 * the change and share the rest, so a lookup in progress keeps its table and a swap is one pointer.
 *
 * Precedence, always the same: rules for the request's host before rules for any host; then, segment by segment from the
 * left, literal before parameter before rest. The first rule in that order that takes the method wins; when rules take
 * the path but none the method, that is a wrong method. Lookup is O(segments) without parameters beside literals.
 */
export class RouteTable<Entry extends TableEntry> {
  readonly #hosts: ReadonlyMap<string, Node<Entry>>;

  constructor(hosts: ReadonlyMap<string, Node<Entry>> = new Map()) {
    this.#hosts = hosts;
  }

  with(entry: Entry): RouteTable<Entry> {
    return this.#change(entry, (list) => [...list, entry]);
  }

  without(entry: Entry): RouteTable<Entry> {
    return this.#change(entry, (list) => list.filter((other) => other.id !== entry.id));
  }

  /** Rules of the same shape and host that take one of its methods too. */
  conflicts(entry: Entry): Entry[] {
    const root = this.#hosts.get(entry.host ?? ANY_HOST);
    const node = root === undefined ? undefined : descend(root, entry.pattern);
    const peers = (entry.pattern.hasRest ? node?.rest : node?.exact) ?? [];
    return peers.filter((peer) => peer.id !== entry.id && overlaps(peer, entry));
  }

  find(method: string, host: string, segments: readonly string[]): Match<Entry> {
    const allow = new Set<string>();
    let found: Entry | undefined;
    this.#visit(host, segments, (entry) => {
      if (takes(entry, method)) found = entry;
      else for (const other of entry.methods ?? []) allow.add(other);
      return found !== undefined;
    });
    if (found !== undefined) return { kind: 'found', entry: found };
    return allow.size === 0 ? { kind: 'none' } : { kind: 'wrong-method', allow: allowList(allow) };
  }

  /** Every rule that takes the path on this host, best first. */
  candidates(host: string, segments: readonly string[]): Entry[] {
    const all: Entry[] = [];
    this.#visit(host, segments, (entry) => {
      all.push(entry);
      return false;
    });
    return all;
  }

  #visit(host: string, segments: readonly string[], see: (entry: Entry) => boolean): void {
    const own = host === ANY_HOST ? undefined : this.#hosts.get(host);
    if (own !== undefined && walk(own, segments, 0, see)) return;
    const any = this.#hosts.get(ANY_HOST);
    if (any !== undefined) walk(any, segments, 0, see);
  }

  #change(entry: Entry, edit: (list: readonly Entry[]) => readonly Entry[]): RouteTable<Entry> {
    const key = entry.host ?? ANY_HOST;
    const hosts = new Map(this.#hosts);
    const root = rebuild(hosts.get(key) ?? EMPTY, entry.pattern, 0, edit);
    if (isBare(root)) hosts.delete(key);
    else hosts.set(key, root);
    return new RouteTable(hosts);
  }
}

export function takes(entry: TableEntry, method: string): boolean {
  return entry.methods === undefined || entry.methods.has(method) || (method === 'HEAD' && entry.methods.has('GET'));
}

function allowList(methods: Set<string>): string[] {
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}

function overlaps(a: TableEntry, b: TableEntry): boolean {
  if (a.methods === undefined || b.methods === undefined) return true;
  return [...a.methods].some((method) => b.methods?.has(method));
}

/** Depth first, best first; true as soon as `see` is satisfied. Depth is bounded by the patterns' length. */
function walk<Entry>(node: Node<Entry>, segments: readonly string[], at: number, see: (entry: Entry) => boolean): boolean {
  if (at === segments.length) return node.exact.some(see);
  const segment = segments[at] as string;
  const literal = node.literals.get(segment);
  if (literal !== undefined && walk(literal, segments, at + 1, see)) return true;
  if (node.param !== undefined && segment !== '' && walk(node.param, segments, at + 1, see)) return true;
  return node.rest.some(see);
}

function descend<Entry>(root: Node<Entry>, pattern: RoutePattern): Node<Entry> | undefined {
  let node: Node<Entry> | undefined = root;
  for (const segment of pattern.segments) node = segment.kind === 'literal' ? node?.literals.get(segment.text) : node?.param;
  return node;
}

function rebuild<Entry>(node: Node<Entry>, pattern: RoutePattern, at: number, edit: (list: readonly Entry[]) => readonly Entry[]): Node<Entry> {
  const segment = pattern.segments[at];
  if (segment === undefined) return pattern.hasRest ? { ...node, rest: edit(node.rest) } : { ...node, exact: edit(node.exact) };
  if (segment.kind === 'param') {
    const child = rebuild(node.param ?? EMPTY, pattern, at + 1, edit);
    return { ...node, param: isBare(child) ? undefined : child };
  }
  const child = rebuild(node.literals.get(segment.text) ?? EMPTY, pattern, at + 1, edit);
  const literals = new Map(node.literals);
  if (isBare(child)) literals.delete(segment.text);
  else literals.set(segment.text, child);
  return { ...node, literals };
}

function isBare(node: Node<unknown>): boolean {
  return node.literals.size === 0 && node.param === undefined && node.exact.length === 0 && node.rest.length === 0;
}
