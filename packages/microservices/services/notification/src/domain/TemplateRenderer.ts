import { CaptureTag, Liquid, type Context } from 'liquidjs';
import { describeError, NoaError } from '@noa/core';

export interface TemplateSource {
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

export type TemplateData = Readonly<Record<string, string | number | boolean>>;

/** What one rendering may use: time, memory (liquidjs' own count) and length of what it reads and writes. */
const LIMITS = { parseLimit: 200_000, renderLimit: 200, memoryLimit: 5_000_000 };
const SUBJECT_LENGTH_MAX = 500;
const BODY_LENGTH_MAX = 500_000;
const REASON_LENGTH_MAX = 500;

/** Counts what it captures, which liquidjs' own tag does not: a few doublings in a loop would fill the memory. */
class CountedCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const captured = yield this.liquid.renderer.renderTemplates(this.templates, context);
    context.memoryLimit.use(captured.length);
    context.bottom()[this.variable] = captured;
  }
}

/** Renders Liquid templates of people we do not trust: no files, no prototypes, bounded; HTML is escaped by default. */
export class TemplateRenderer {
  readonly #plain = createEngine({});
  readonly #html = createEngine({ outputEscape: 'escape' });

  /** @throws NoaError `TEMPLATE_INVALID` (400). */
  async render(source: TemplateSource, data: TemplateData): Promise<TemplateSource> {
    const subject = await this.#run(this.#plain, 'subject', source.subject, data);
    const text = await this.#run(this.#plain, 'text', source.text, data);
    const html = source.html === undefined ? undefined : await this.#run(this.#html, 'html', source.html, data);
    // A subject is one header line, whatever the data hold.
    const line = subject.replace(/[\r\n\t]+/g, ' ').trim();
    return { subject: line.slice(0, SUBJECT_LENGTH_MAX), text, ...(html === undefined ? {} : { html }) };
  }

  /** @throws NoaError `TEMPLATE_INVALID` (400) when a part does not parse. */
  check(source: TemplateSource): void {
    for (const [part, text] of Object.entries(source)) {
      try {
        this.#plain.parse(text);
      } catch (error) {
        throw invalid(`${part}: ${describeError(error)}`, error);
      }
    }
  }

  async #run(engine: Liquid, part: string, source: string, data: TemplateData): Promise<string> {
    try {
      const rendered = String(await engine.parseAndRender(source, { ...data }));
      if (rendered.length > BODY_LENGTH_MAX) throw new Error('it renders to more than 500,000 characters');
      // Filters can make what PostgreSQL and mail cannot keep: NUL and half surrogate pairs.
      return rendered.replaceAll('\0', ' ').toWellFormed();
    } catch (error) {
      throw invalid(`${part}: ${describeError(error)}`, error);
    }
  }
}

function createEngine(options: { outputEscape?: 'escape' }): Liquid {
  const engine = new Liquid({ ...LIMITS, templates: {}, ownPropertyOnly: true, dynamicPartials: false, relativeReference: false, ...options });
  engine.registerTag('capture', CountedCapture);
  return engine;
}

/** `de-AT` → `de-AT`, `de`, `en`. */
export function fallbackChain(locale: string): string[] {
  const parts = locale.split('-');
  const chain = parts.map((_, index) => parts.slice(0, parts.length - index).join('-'));
  return chain.includes('en') ? chain : [...chain, 'en'];
}

function invalid(reason: string, cause?: unknown): NoaError {
  return new NoaError('TEMPLATE_INVALID', { message: `The template is not valid: ${reason}`.slice(0, REASON_LENGTH_MAX), httpStatus: 400, cause });
}
