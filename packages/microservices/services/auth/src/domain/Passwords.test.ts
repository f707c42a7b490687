import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { Passwords } from './Passwords.ts';

const WEAK = { memoryKiB: 1_024, passes: 1, slots: 1, waitersMax: 100 };

function matches(passwords: Passwords, stored: string | undefined, password: string): Promise<boolean> {
  return passwords.checking((isRight) => isRight(stored, password));
}

describe('Passwords', () => {
  it('makes argon2id hashes with the configured parameters', async () => {
    const stored = await new Passwords({ ...WEAK, memoryKiB: 2_048, passes: 3 }).hash('eight characters');
    assert.match(stored, /^\$argon2id\$v=19\$m=2048,t=3,p=1\$/);
  });

  it('accepts the right password only', async () => {
    const passwords = new Passwords(WEAK);
    const stored = await passwords.hash('eight characters');
    assert.equal(await matches(passwords, stored, 'eight characters'), true);
    assert.equal(await matches(passwords, stored, 'eight Characters'), false);
  });

  it('takes two spellings of one word as the same', async () => {
    const passwords = new Passwords(WEAK);
    const stored = await passwords.hash('Ångström-caf\u00e9');
    assert.equal(await matches(passwords, stored, 'A\u030angstro\u0308m-cafe\u0301'), true);
  });

  it('refuses fewer than 8 and more than 256 characters, counted after normalisation', async () => {
    const passwords = new Passwords(WEAK);
    const refused = { code: 'VALIDATION_FAILED', httpStatus: 400 };
    await assert.rejects(passwords.hash('seven!!'), refused);
    await assert.rejects(passwords.hash('x'.repeat(257)), refused);
    await assert.rejects(passwords.hash('e\u0301'.repeat(7)), refused);
    await passwords.hash('x'.repeat(256));
    await passwords.hash('😀'.repeat(8));
  });

  it('never accepts for an account that does not exist, not even the dummy password', async () => {
    assert.equal(await matches(new Passwords(WEAK), undefined, 'no account has this password'), false);
  });

  it('sees hashes made with other parameters', async () => {
    const weak = new Passwords(WEAK);
    const stored = await weak.hash('eight characters');
    assert.equal(weak.isOutdated(stored), false);
    assert.equal(new Passwords({ ...WEAK, passes: 2 }).isOutdated(stored), true);
    assert.equal(new Passwords({ ...WEAK, memoryKiB: 2_048 }).isOutdated(stored), true);
  });

  it('refuses with 503 when slots and line are full', async () => {
    const passwords = new Passwords({ ...WEAK, slots: 1, waitersMax: 2 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.hash('eight characters')));
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 3);
    for (const result of results) {
      if (result.status === 'rejected') assert.deepEqual([result.reason.code, result.reason.httpStatus], ['OVERLOADED', 503]);
    }
  });
});
