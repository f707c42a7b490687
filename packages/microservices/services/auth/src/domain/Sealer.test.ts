import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { systemRandom } from '@noa/core';
import { Sealer } from './Sealer.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const sealer = () => new Sealer({ key: KEY, random: systemRandom });

describe('Sealer', () => {
  it('opens what it sealed, whatever the text', () => {
    const one = sealer();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => sealer().open('p', 'c', one.seal('p', 'c', text)) === text));
  });

  it('seals the same text differently each time', () => {
    const one = sealer();
    assert.notDeepEqual(one.seal('p', 'c', 'text'), one.seal('p', 'c', 'text'));
  });

  it('refuses another purpose, another context, another key and any changed byte', () => {
    const sealed = sealer().seal('p', 'c', 'text');
    const broken = { code: 'AUTH_SEAL_BROKEN' };
    assert.throws(() => sealer().open('other', 'c', sealed), broken);
    assert.throws(() => sealer().open('p', 'other', sealed), broken);
    assert.throws(() => new Sealer({ key: Buffer.alloc(32, 2).toString('base64'), random: systemRandom }).open('p', 'c', sealed), broken);
    for (let i = 0; i < sealed.length; i += 1) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.throws(() => sealer().open('p', 'c', changed), broken);
    }
    assert.throws(() => sealer().open('p', 'c', Buffer.alloc(3)), broken);
  });
});
