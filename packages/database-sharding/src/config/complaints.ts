/** What a validator says of one place; the part of TypeBox's errors that is used. */
export interface SchemaError {
  readonly keyword: string;
  /** JSON pointer of the place. */
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

/** The part of a schema that names its places in words. */
export interface DescribedSchema {
  readonly description?: string;
  readonly items?: DescribedSchema;
  readonly properties?: Readonly<Record<string, DescribedSchema>>;
}

/** Characters of a wrong value that are shown. */
const SHOWN_MAX = 100;

/**
 * One line a wrong place, `shards[0].id: expected a name …, got "X"`, in the words of the schema's descriptions.
 * @param options - `isSecret` tells which property's value must not be shown.
 */
export function describeErrors(
  errors: readonly SchemaError[],
  options: { schema: DescribedSchema; value: unknown; isSecret: (property: string | undefined) => boolean },
): string[] {
  return [...new Set(errors.flatMap((error) => linesOf(error, options)))];
}

function linesOf(error: SchemaError, options: Parameters<typeof describeErrors>[1]): string[] {
  const at = error.instancePath.split('/').slice(1);
  const schema = at.reduce<DescribedSchema>((parent, name) => parent.items ?? parent.properties?.[name] ?? {}, options.schema);
  const properties = schema.properties ?? {};
  const { requiredProperties = [], additionalProperties = [] } = error.params as { requiredProperties?: string[]; additionalProperties?: string[] };
  switch (error.keyword) {
    case 'required':
      return requiredProperties.map((name) => `${placeOf([...at, name])}: is required: ${properties[name]?.description ?? 'a value'}`);
    case 'additionalProperties':
      return additionalProperties.map((name) => `${placeOf([...at, name])}: is not known here, expected ${Object.keys(properties).join(' or ')}`);
    case 'boolean':
      // The same unknown property again, without saying so.
      return [];
    default: {
      const found = at.reduce<unknown>((parent, name) => (parent as Record<string, unknown> | undefined)?.[name], options.value);
      const shown = options.isSecret(at.at(-1)) ? redacted(found) : JSON.stringify(found)?.slice(0, SHOWN_MAX);
      return [`${placeOf(at)}: expected ${schema.description ?? error.message}, got ${shown}`];
    }
  }
}

/** `['shards', '0', 'id']` as `shards[0].id`. */
function placeOf(at: readonly string[]): string {
  if (at.length === 0) return '(root)';
  return at.reduce((text, name) => (/^\d+$/.test(name) ? `${text}[${name}]` : text === '' ? name : `${text}.${name}`), '');
}

/** Nothing but the scheme of what may be a URL with a password. */
export function redacted(value: unknown): string {
  const text = String(value);
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0];
  return scheme === undefined ? (text === '' ? 'nothing' : '[not shown, it may hold a password]') : `${scheme}[not shown]`;
}
