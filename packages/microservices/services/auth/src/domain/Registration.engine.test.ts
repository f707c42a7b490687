import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { NoaError } from '@noa/core';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { createAuthTables, describeUnavailable, PASSWORD, setupDomain } from '../testing/setupDomain.ts';
import { PENDING_MS_MAX } from './Registration.ts';

let db: TestDatabase;
let domain: Awaited<ReturnType<typeof setupDomain>>;
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'registration' });
  await createAuthTables(db.database);
  domain = await setupDomain(db.database);
});
after(async () => {
  await domain.keys.stop();
  await db.drop();
});

function request(changes: { password?: string; email?: string } = {}) {
  people += 1;
  return { email: `Person-${people}@Noa.Example`, password: PASSWORD, displayName: 'Ada', ...changes };
}

describe('Registration', () => {
  it('makes an active account with the default roles and the user with the same id', async () => {
    const wanted = request();
    const account = await domain.registration.register({ ...wanted, locale: 'de-AT' });
    assert.deepEqual([account.status, account.email, account.roles, account.locale], ['active', wanted.email.toLowerCase(), ['developer'], 'de-AT']);
    assert.equal(domain.users.users.get(account.id)?.email, account.email);
    assert.equal((await domain.accounts.find(account.id))?.status, 'active');
  });

  it('says 409 for a taken e-mail, in any spelling of it, whatever the password', async () => {
    const wanted = request();
    await domain.registration.register(wanted);
    const taken = { code: 'AUTH_EMAIL_TAKEN', httpStatus: 409 };
    await assert.rejects(domain.registration.register(wanted), taken);
    await assert.rejects(domain.registration.register({ ...wanted, email: wanted.email.toUpperCase(), password: 'another password' }), taken);
  });

  it('stays pending while the user service is away, and the same request goes on with the same id', async () => {
    const wanted = request();
    domain.users.failure = describeUnavailable();
    await assert.rejects(domain.registration.register(wanted), { code: 'AUTH_REGISTRATION_INCOMPLETE', httpStatus: 503, retryable: true });
    const pending = await domain.accounts.findByEmail(wanted.email.toLowerCase());
    assert.equal(pending?.status, 'pending');
    await assert.rejects(domain.credentials.check(wanted.email, PASSWORD, 'net'), { code: 'AUTH_CREDENTIALS_WRONG' });
    domain.users.failure = undefined;
    assert.equal((await domain.registration.register(wanted)).id, pending?.id);
    await domain.credentials.check(wanted.email, PASSWORD, 'net');
  });

  it('goes on when the user exists already and only the answer was lost', async () => {
    const wanted = request();
    domain.users.failure = describeUnavailable();
    await assert.rejects(domain.registration.register(wanted));
    domain.users.failure = undefined;
    const id = (await domain.accounts.findByEmail(wanted.email.toLowerCase()))?.id ?? '';
    await domain.users.create({ id, email: wanted.email.toLowerCase(), displayName: 'Ada' });
    assert.equal((await domain.registration.register(wanted)).id, id);
  });

  it('keeps a pending account for its password, until it is old enough to be taken over', async () => {
    const wanted = request();
    domain.users.failure = describeUnavailable();
    await assert.rejects(domain.registration.register(wanted));
    domain.users.failure = undefined;
    const thief = { ...wanted, password: 'another password' };
    await assert.rejects(domain.registration.register(thief), { code: 'AUTH_EMAIL_TAKEN' });
    await domain.clock.advance(PENDING_MS_MAX);
    await domain.registration.register(thief);
    await assert.rejects(domain.credentials.check(wanted.email, PASSWORD, 'net'), { code: 'AUTH_CREDENTIALS_WRONG' });
    await domain.credentials.check(wanted.email, 'another password', 'net');
  });

  it('gives up the account when the user service says that the e-mail is taken', async () => {
    const wanted = request();
    domain.users.failure = new NoaError('DIRECTORY_VALUE_TAKEN', { message: 'taken', httpStatus: 409 });
    await assert.rejects(domain.registration.register(wanted), { code: 'AUTH_EMAIL_TAKEN', httpStatus: 409 });
    domain.users.failure = undefined;
    assert.equal(await domain.accounts.findByEmail(wanted.email.toLowerCase()), undefined);
  });

  it('makes one account of many registrations at once', async () => {
    const wanted = request();
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => domain.registration.register(wanted)));
    const ids = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []));
    assert.equal(new Set(ids).size, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(result.reason.code, 'AUTH_EMAIL_TAKEN');
    }
  });

  it('refuses a short password before anything is written', async () => {
    const wanted = request({ password: 'short' });
    await assert.rejects(domain.registration.register(wanted), { code: 'VALIDATION_FAILED', httpStatus: 400 });
    assert.equal(await domain.accounts.findByEmail(wanted.email.toLowerCase()), undefined);
  });
});
