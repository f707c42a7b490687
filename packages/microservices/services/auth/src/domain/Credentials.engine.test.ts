import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { silentLogger } from '@noa/core';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { LockoutStore } from '../store/LockoutStore.ts';
import { createAuthTables, PASSWORD, registerSomebody, setupDomain, WEAK } from '../testing/setupDomain.ts';
import { Credentials } from './Credentials.ts';
import { Passwords } from './Passwords.ts';

const NET = '192.0.2.0/24';
const WRONG = { code: 'AUTH_CREDENTIALS_WRONG', httpStatus: 401 };
const LOCKED = { code: 'AUTH_LOCKED', httpStatus: 429 };

let db: TestDatabase;
let domain: Awaited<ReturnType<typeof setupDomain>>;
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'credentials' });
  await createAuthTables(db.database);
  domain = await setupDomain(db.database);
});
after(async () => {
  await domain.keys.stop();
  await db.drop();
});

async function somebody(): Promise<string> {
  people += 1;
  return (await registerSomebody(domain, `person-${people}@noa.example`)).email;
}

async function failTimes(email: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) await assert.rejects(domain.credentials.check(email, 'wrong password', NET), WRONG);
}

describe('Credentials', () => {
  it('accepts the right password, whatever the case of the e-mail', async () => {
    const email = await somebody();
    assert.equal((await domain.credentials.check(email.toUpperCase(), PASSWORD, NET)).email, email);
  });

  it('answers alike for a wrong password, an unknown e-mail and a disabled account', async () => {
    const email = await somebody();
    await assert.rejects(domain.credentials.check(email, 'wrong password', NET), WRONG);
    await assert.rejects(domain.credentials.check('nobody@noa.example', PASSWORD, NET), WRONG);
    const account = await domain.accounts.findByEmail(email);
    await domain.accounts.setStatus(account?.id ?? '', 'disabled', 1, domain.clock.now());
    await assert.rejects(domain.credentials.check(email, PASSWORD, NET), WRONG);
  });

  it('locks an account for one network after 10 failures, tells the wait, and unlocks after 15 minutes', async () => {
    const email = await somebody();
    await failTimes(email, 10);
    await assert.rejects(domain.credentials.check(email, PASSWORD, NET), (error: typeof LOCKED & { details: { retryAfterMs: number } }) => {
      assert.deepEqual([error.code, error.httpStatus, error.details.retryAfterMs], ['AUTH_LOCKED', 429, 900_000]);
      return true;
    });
    await domain.credentials.check(email, PASSWORD, '198.51.100.0/24');
    await domain.clock.advance(900_000);
    await domain.credentials.check(email, PASSWORD, NET);
  });

  it('locks unknown e-mails the same way', async () => {
    await failTimes('unknown@noa.example', 10);
    await assert.rejects(domain.credentials.check('unknown@noa.example', PASSWORD, NET), LOCKED);
  });

  it('counts failures within the window only, and forgets them after a success', async () => {
    const email = await somebody();
    await failTimes(email, 9);
    await domain.clock.advance(900_001);
    await failTimes(email, 9);
    await domain.credentials.check(email, PASSWORD, NET);
    await failTimes(email, 9);
    await domain.credentials.check(email, PASSWORD, NET);
  });

  it('keeps the lock over a restart', async () => {
    const email = await somebody();
    await failTimes(email, 10);
    const lockouts = new LockoutStore({ database: db.database, failuresMax: 10, windowMs: 900_000 });
    const restarted = new Credentials({ ...domain, lockouts, logger: silentLogger });
    await assert.rejects(restarted.check(email, PASSWORD, NET), LOCKED);
  });

  it('does not let guesses sent at once run past the counter', async () => {
    const email = await somebody();
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => domain.credentials.check(email, 'wrong password', NET)));
    const checked = results.filter((result) => result.status === 'rejected' && result.reason.code === 'AUTH_CREDENTIALS_WRONG').length;
    assert.ok(checked >= 10 && checked <= 10 + WEAK.slots - 1, `${checked} passwords were checked`);
  });

  it('replaces a hash made with older parameters at login', async () => {
    const email = await somebody();
    const stronger = new Credentials({ ...domain, passwords: new Passwords({ ...WEAK, passes: 2 }), logger: silentLogger });
    await stronger.check(email, PASSWORD, NET);
    assert.match((await domain.accounts.findByEmail(email))?.passwordHash ?? '', /t=2,/);
    await stronger.check(email, PASSWORD, NET);
  });

  it('removes counters that no longer matter and keeps locks', async () => {
    const email = await somebody();
    await failTimes('old@noa.example', 1);
    await domain.clock.advance(900_000);
    await failTimes(email, 10);
    await domain.clock.advance(1);
    await domain.lockouts.sweep(domain.clock.now());
    assert.equal((await domain.lockouts.lockedForMs(email, NET, domain.clock.now())) > 0, true);
    const { rows } = await db.database.query<{ count: number }>('SELECT count(*)::int AS count FROM auth.login_failures WHERE failures = 1');
    assert.equal(rows[0]?.count, 0);
  });
});
