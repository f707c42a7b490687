import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Cursor } from './Cursor.ts';

const cursor = new Cursor(Buffer.alloc(32, 1));
const ID = '018f0000-0000-7000-8000-000000000001';
const refused = { code: 'CURSOR_INVALID', httpStatus: 400 };

describe('Cursor', () => {
  it('gives back the position it was made for', () => {
    fc.assert(fc.property(fc.uuid(), (id) => assert.equal(cursor.decode('users', cursor.encode('users', id)), id)));
  });

  it('refuses a cursor of another list, another key, or of something that is no id', () => {
    assert.throws(() => cursor.decode('groups', cursor.encode('users', ID)), refused);
    assert.throws(() => new Cursor(Buffer.alloc(32, 2)).decode('users', cursor.encode('users', ID)), refused);
    assert.throws(() => cursor.decode('users', cursor.encode('users', 'x')), refused);
    assert.throws(() => cursor.decode('users', cursor.encode('users', '')), refused);
  });

  it('refuses a cursor in which a single bit was changed', () => {
    const bytes = Buffer.from(cursor.encode('users', ID), 'base64url');
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const altered = Buffer.from(bytes);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        assert.throws(() => cursor.decode('users', altered.toString('base64url')), refused);
      }),
    );
  });

  it('refuses garbage', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => assert.throws(() => cursor.decode('users', text), refused)));
  });
});
