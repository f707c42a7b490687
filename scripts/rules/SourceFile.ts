import { parseSync, type ParseResult } from 'oxc-parser';

/** A node of the syntax tree; every node has its place, the rest depends on its kind. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** One import or re-export of a file. */
export interface ImportedModule {
  readonly specifier: string;
  readonly offset: number;
}

/** A TypeScript file of the repository, parsed when a rule first asks. */
export class SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  #parsed: ParseResult | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** Tests, conformance suites and what only they use. */
  get isTest(): boolean {
    return (
      /\.(test|conformance|fixture)\.ts$/.test(this.path) ||
      /\/(testing|testkit|fixtures)\//.test(this.path.replace('packages/platform/src/testing/', '')) ||
      this.path.startsWith('acceptance/') ||
      this.path.startsWith('packages/testing/')
    );
  }

  /** Programs and tools: they may work when they are loaded, and read the environment. */
  get isProgram(): boolean {
    return this.isTest || /\/(main|cli)\.ts$/.test(this.path) || /^(scripts|bench)\//.test(this.path);
  }

  get program(): Node {
    return this.#parse().program as unknown as Node;
  }

  get imports(): readonly ImportedModule[] {
    const { module } = this.#parse();
    const requests = [
      ...module.staticImports.map((item) => item.moduleRequest),
      ...module.staticExports.flatMap((item) => item.entries.slice(0, 1).map((entry) => entry.moduleRequest)),
    ];
    const fixed = requests.flatMap((request) => (request === null ? [] : [{ specifier: request.value, offset: request.start }]));
    const dynamic = module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
      const literal = /^['"](.+)['"]$/.exec(this.text.slice(start, end));
      return literal === null ? [] : [{ specifier: literal[1] as string, offset: start }];
    });
    return [...fixed, ...dynamic];
  }

  /** Counted from 1. */
  lineOf(offset: number): number {
    let line = 1;
    for (let at = this.text.indexOf('\n'); at !== -1 && at < offset; at = this.text.indexOf('\n', at + 1)) line += 1;
    return line;
  }

  #parse(): ParseResult {
    this.#parsed ??= parseSync(this.path, this.text);
    const [error] = this.#parsed.errors;
    if (error !== undefined) throw new Error(`${this.path}: ${error.message}`);
    return this.#parsed;
  }
}

/** Calls `visit` for the node and all below it, parents first; `visit` returns false to leave a subtree out. */
export function walk(node: Node, visit: (node: Node) => boolean | void): void {
  if (visit(node) === false) return;
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) for (const item of value) if (isNode(item)) walk(item, visit);
    if (isNode(value)) walk(value, visit);
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** `process.env` for a member expression of names, `fetch` for a name; undefined for anything else. */
export function dottedName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node['name'] as string;
  if (node.type === 'MetaProperty') return 'import.meta';
  if (node.type !== 'MemberExpression' || node['computed'] === true) return undefined;
  const object = dottedName(node['object']);
  const property = dottedName(node['property']);
  return object === undefined || property === undefined ? undefined : `${object}.${property}`;
}
