import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fallbackChain, TemplateRenderer } from './TemplateRenderer.ts';

const renderer = new TemplateRenderer();
const words = { subject: 's', text: 't' };

function refused(work: Promise<unknown>, reason: RegExp): Promise<void> {
  return assert.rejects(work, (error: Error & { code?: string; httpStatus?: number }) => {
    assert.deepEqual([error.code, error.httpStatus], ['TEMPLATE_INVALID', 400]);
    assert.match(error.message, reason);
    return true;
  });
}

describe('fallbackChain', () => {
  it('goes from the most precise locale to English', () => {
    assert.deepEqual(fallbackChain('de-Latn-AT'), ['de-Latn-AT', 'de-Latn', 'de', 'en']);
    assert.deepEqual(fallbackChain('de'), ['de', 'en']);
    assert.deepEqual(fallbackChain('en-GB'), ['en-GB', 'en']);
  });
});

describe('TemplateRenderer', () => {
  it('escapes data in HTML and leaves them as they are in text and subject', async () => {
    const template = '{{ name }}';
    const rendered = await renderer.render({ subject: template, text: template, html: template }, { name: `<b>"Ada" & 'co'</b>` });
    assert.equal(rendered.text, `<b>"Ada" & 'co'</b>`);
    assert.equal(rendered.subject, `<b>"Ada" & 'co'</b>`);
    assert.equal(rendered.html, '&lt;b&gt;&#34;Ada&#34; &amp; &#39;co&#39;&lt;/b&gt;');
  });

  it('does not take data for a template', async () => {
    const { text } = await renderer.render({ ...words, text: '{{ name }}' }, { name: '{{ 1 | plus: 1 }}' });
    assert.equal(text, '{{ 1 | plus: 1 }}');
  });

  it('makes the subject one header line, whatever the data hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 600 }), async (name) => {
        const { subject } = await renderer.render({ ...words, subject: 'Hello {{ name }}' }, { name: `${name}\r\nBcc: eve@noa.example` });
        // oxlint-disable-next-line no-control-regex -- it is what must not be there
        assert.doesNotMatch(subject, /[\r\n\t\0]/);
        assert.ok(subject.length <= 500);
      }),
      { numRuns: 100 },
    );
  });

  it('reaches no file and no other template', async () => {
    for (const text of ['{% include "/etc/passwd" %}', '{% render "../package.json" %}', '{% layout "x" %}']) {
      await refused(renderer.render({ ...words, text }, {}), /text/);
    }
  });

  it('reaches nothing behind the data', async () => {
    const text = '[{{ name.constructor }}][{{ constructor }}][{{ __proto__ }}][{{ name.__proto__.constructor }}][{{ process.env.PATH }}]';
    assert.equal((await renderer.render({ ...words, text }, { name: 'Ada' })).text, '[][][][][]');
  });

  it('stops loops that would never end and output that would never fit', async () => {
    const loop = '{% for a in (1..1000) %}{% for b in (1..1000) %}{% for c in (1..1000) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}';
    await refused(renderer.render({ ...words, text: loop }, {}), /limit/);
    await refused(renderer.render({ ...words, text: '{% for a in (1..100000000) %}x{% endfor %}' }, {}), /limit/);
    const long = `${'{{ name }}'.repeat(60)}`;
    await refused(renderer.render({ ...words, text: long }, { name: 'x'.repeat(10_000) }), /500,000/);
    await refused(renderer.render({ ...words, html: long }, { name: 'x'.repeat(10_000) }), /500,000/);
    await refused(renderer.render({ ...words, text: 'x'.repeat(200_001) }, {}), /limit/);
  });

  it('refuses what does not parse and names the part', async () => {
    await refused(renderer.render({ ...words, text: '{{ name' }, {}), /text: /);
    await refused((async () => renderer.check({ ...words, html: '{% if %}' }))(), /html: /);
    renderer.check({ subject: '{{ a }}', text: '{% if a %}b{% endif %}', html: '<p>{{ a }}</p>' });
  });

  it('leaves a missing value empty', async () => {
    assert.deepEqual(await renderer.render({ subject: 'a {{ missing }}', text: '[{{ missing }}]' }, {}), { subject: 'a', text: '[]' });
  });

  it('counts what is captured as memory', async () => {
    const doubling = '{% for i in (1..30) %}{% capture s %}{{ s }}{{ s }}0123456789{% endcapture %}{% endfor %}';
    await refused(renderer.render({ ...words, text: doubling }, {}), /memory/);
    const { text } = await renderer.render({ ...words, text: '{% capture s %}{{ name }}!{% endcapture %}{{ s }}{{ s }}' }, { name: 'Ada' });
    assert.equal(text, 'Ada!Ada!');
  });

  it('writes nothing that a database or a mail cannot keep', async () => {
    const { text } = await renderer.render({ ...words, text: "a{{ '%00' | url_decode }}b" }, {});
    assert.equal(text, 'a b');
  });

  it('keeps its reasons short, however long the template', async () => {
    await assert.rejects(
      renderer.render({ ...words, text: `{{ ${'x'.repeat(50_000)} | nothing: ` }, {}),
      (error: Error) => error.message.length <= 500,
    );
  });
});
