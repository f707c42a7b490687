import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { createAuthTables, PASSWORD, registerSomebody, setupDomain } from '../testing/setupDomain.ts';
import { UserFollower } from './UserFollower.ts';

let db: TestDatabase;
let domain: Awaited<ReturnType<typeof setupDomain>>;
let follower: UserFollower;
let people = 0;

before(async () => {
  db = await createTestDatabase({ name: 'follower' });
  await createAuthTables(db.database);
  domain = await setupDomain(db.database);
  follower = new UserFollower({ accounts: domain.accounts, sessions: domain.store, clock: domain.clock });
});
after(async () => {
  await domain.keys.stop();
  await db.drop();
});

async function somebody() {
  people += 1;
  const account = await registerSomebody(domain, `person-${people}@noa.example`);
  const answer = await domain.sessions.open(account, { userAgent: 'test', network: 'net' });
  return { account, answer, login: () => domain.credentials.check(account.email, PASSWORD, 'net') };
}

describe('UserFollower', () => {
  it('ends sessions of a deleted user and lets nobody log in, until the user is restored', async () => {
    const { account, answer, login } = await somebody();
    const other = await somebody();
    await follower.handle({ type: 'user.deleted', data: { userId: account.id, version: 2 } });
    await assert.rejects(login(), { code: 'AUTH_CREDENTIALS_WRONG' });
    await assert.rejects(domain.sessions.refresh(answer.refreshToken), { code: 'AUTH_REFRESH_INVALID' });
    await follower.handle({ type: 'user.restored', data: { userId: account.id, version: 3 } });
    await login();
    await assert.rejects(domain.sessions.refresh(answer.refreshToken), { code: 'AUTH_REFRESH_INVALID' });
    await domain.sessions.refresh(other.answer.refreshToken);
  });

  it('is not misled by events that come twice or in the wrong order', async () => {
    const { account, login } = await somebody();
    const deleted = { type: 'user.deleted', data: { userId: account.id, version: 2 } };
    await follower.handle({ type: 'user.restored', data: { userId: account.id, version: 3 } });
    await follower.handle(deleted);
    await login();
    await follower.handle({ type: 'user.deleted', data: { userId: account.id, version: 4 } });
    await follower.handle(deleted);
    await assert.rejects(login(), { code: 'AUTH_CREDENTIALS_WRONG' });
  });

  it('ignores users without an account', async () => {
    await follower.handle({ type: 'user.deleted', data: { userId: '00000000-0000-7000-8000-000000000000', version: 2 } });
  });
});
