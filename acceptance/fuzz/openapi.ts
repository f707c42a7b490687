/** A JSON schema, as far as the generator looks at it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly additionalProperties?: boolean | Schema;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface RawOperation {
  readonly operationId?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses?: Readonly<Record<string, unknown>>;
}

export interface OpenAPIDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** One method of one path. */
export interface Operation {
  readonly method: string;
  /** `/api/users/{id}`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: Schema;
  readonly isBodyRequired: boolean;
  /** All methods that the document has for this path. */
  readonly methodsOfPath: readonly string[];
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'options', 'head'];
/** Answered by every process for its operators; not part of the public surface. */
const PRIVATE = /^\/(health|metrics|openapi\.json|admin)/;

/** Every public operation, with references resolved. */
export function operationsOf(document: OpenAPIDocument): Operation[] {
  return Object.entries(document.paths)
    .filter(([path]) => !PRIVATE.test(path))
    .flatMap(([path, item]) => {
      const methods = Object.keys(item).filter((method) => METHODS.includes(method));
      return methods
        .filter((method) => method !== 'head' && method !== 'options')
        .map((method): Operation => {
          const raw = item[method] as RawOperation;
          const body = raw.requestBody?.content?.['application/json']?.schema;
          return {
            method: method.toUpperCase(),
            path,
            parameters: (raw.parameters ?? []).map((parameter) => resolve(document, parameter)),
            ...(body === undefined ? {} : { body: resolve(document, body) }),
            isBodyRequired: body !== undefined && (resolve(document, body).required ?? []).length > 0,
            methodsOfPath: methods.map((name) => name.toUpperCase()),
          };
        });
    });
}

const DEPTH_MAX = 20;

/** Replaces `$ref: '#/…'` by what it points at; schemas that hold themselves end at a fixed depth. */
function resolve<T>(document: OpenAPIDocument, value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((item) => resolve(document, item as unknown, depth + 1)) as T;
  const { $ref } = value as { $ref?: unknown };
  if (typeof $ref === 'string' && $ref.startsWith('#/')) return resolve(document, follow(document, $ref) as T, depth + 1);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(document, item as unknown, depth + 1)])) as T;
}

function follow(document: OpenAPIDocument, reference: string): unknown {
  const steps = reference
    .slice(2)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let at: unknown = document;
  for (const step of steps) at = (at as Record<string, unknown> | undefined)?.[step];
  if (at === undefined) throw new Error(`the document refers to ${reference}, which it does not hold`);
  return at;
}
