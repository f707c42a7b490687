import { Compile } from 'typebox/compile';
import Value from 'typebox/value';
import type { Static, TSchema } from 'typebox';
import { NoaError } from '../errors/NoaError.ts';

/** A settings record: property → its environment variable and schema. */
export interface ConfigField<Schema extends TSchema = TSchema> {
  readonly schema: Schema;
  /** Dotted path shown in errors and docs, `gateway.rateLimit.requestsPerSecond`. */
  readonly path: string;
  /** `NOA_…` name first, then accepted older names; the first that is set wins. */
  readonly env: readonly [string, ...string[]];
  /** What it does, in one line, for the generated configuration page. */
  readonly about: string;
  /** Used when no variable is set; undefined = required unless `optional`. */
  readonly default?: Static<Schema>;
  readonly optional?: boolean;
  /** Never printed. */
  readonly secret?: boolean;
}

export type ConfigFields = Readonly<Record<string, ConfigField>>;
export type ConfigOf<Fields extends ConfigFields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends { readonly optional: true }
    ? Static<Fields[Name]['schema']> | undefined
    : Static<Fields[Name]['schema']>;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a frozen record from the environment.
 * @throws NoaError `CONFIG_INVALID` naming every wrong value: its path, the value (unless secret), what was expected, its variable.
 */
export function loadConfig<Fields extends ConfigFields>(fields: Fields, env: Environment): ConfigOf<Fields> {
  const complaints: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const variable = field.env.find((candidate) => env[candidate] !== undefined && env[candidate] !== '');
    if (variable === undefined) {
      values[name] = field.default;
      if (field.default === undefined && !field.optional) complaints.push(`${field.path}: is required (${field.env[0]})`);
      continue;
    }
    const text = env[variable] as string;
    const value = parseText(field.schema, text);
    if (Compile(field.schema).Check(value)) values[name] = value;
    else
      complaints.push(
        `${field.path}: expected ${describeSchema(field.schema)}, got ${field.secret ? '[secret]' : JSON.stringify(text)} (${variable})`,
      );
  }
  if (complaints.length > 0) throw new NoaError('CONFIG_INVALID', { message: complaints.join('\n') });
  return Object.freeze(values) as ConfigOf<Fields>;
}

/** The record with secrets and URL passwords replaced, for printing. */
export function redactConfig(fields: ConfigFields, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (fields[name]?.secret && value !== undefined) return [name, '[secret]'];
      return [name, typeof value === 'string' ? value.replace(/(\w+:\/\/[^:/@\s]*:)[^@\s]+@/g, '$1[secret]@') : value];
    }),
  );
}

function parseText(schema: TSchema, text: string): unknown {
  const type = (schema as { type?: string }).type;
  if (type === 'number' || type === 'integer') return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
  if (type === 'boolean') return ({ true: true, false: false, '1': true, '0': false } as Record<string, boolean>)[text.toLowerCase()] ?? text;
  if (type === 'array')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  return type === 'string' ? text : Value.Convert(schema, text);
}

/** A schema in words: `an integer 1..65535`, `one of "a", "b"`. */
export function describeSchema(schema: TSchema): string {
  const s = schema as {
    type?: string;
    minimum?: number;
    maximum?: number;
    pattern?: string;
    anyOf?: { const?: unknown }[];
    enum?: unknown[];
    description?: string;
  };
  if (s.description !== undefined) return s.description;
  const choices = s.enum ?? s.anyOf?.map((option) => option.const);
  if (choices !== undefined) return `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`;
  const range = s.minimum === undefined && s.maximum === undefined ? '' : ` ${s.minimum ?? ''}..${s.maximum ?? ''}`;
  if (s.type === 'integer') return `an integer${range}`;
  if (s.type === 'number') return `a number${range}`;
  if (s.type === 'boolean') return 'true or false';
  if (s.type === 'array') return 'a comma-separated list';
  return s.pattern === undefined ? 'text' : `text matching ${s.pattern}`;
}
