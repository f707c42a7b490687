import { NoaError } from '@noa/core';
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

/** Checks answers against the schema that the caller expects; each schema is compiled once. */
export class AnswerCheck {
  readonly #service: string;
  /** As many as the program has schema objects; one that is made per call is forgotten with it. */
  readonly #validators = new WeakMap<TSchema, Validator>();

  constructor(service: string) {
    this.#service = service;
  }

  /** @throws NoaError `SERVICE_ANSWER_INVALID`, naming the place and the rule, never the value. */
  check(schema: TSchema, body: unknown): void {
    let validator = this.#validators.get(schema);
    if (validator === undefined) {
      validator = Compile(schema);
      this.#validators.set(schema, validator);
    }
    if (validator.Check(body)) return;
    const [first] = validator.Errors(body);
    throw new NoaError('SERVICE_ANSWER_INVALID', {
      message: `The ${this.#service} service answered what its contract does not say, at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown'}`,
      httpStatus: 502,
    });
  }
}
