import { after, afterEach, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { silentLogger, systemRandom } from '@noa/core';
import { createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { createAuthTables, describeUnavailable, PASSWORD, registerSomebody, setupDomain } from '../testing/setupDomain.ts';
import { AdminBootstrap } from './AdminBootstrap.ts';

let db: TestDatabase;
let domain: Awaited<ReturnType<typeof setupDomain>>;
const running: AdminBootstrap[] = [];

before(async () => {
  db = await createTestDatabase({ name: 'admin' });
  await createAuthTables(db.database);
  domain = await setupDomain(db.database);
});
afterEach(async () => {
  domain.users.failure = undefined;
  await Promise.all(running.splice(0).map((one) => one.stop()));
});
after(async () => {
  await domain.keys.stop();
  await db.drop();
});

function bootstrap(email: string, password = PASSWORD): AdminBootstrap {
  const { accounts, passwords, users, clock } = domain;
  const made = new AdminBootstrap({
    accounts,
    passwords,
    createUser: users.create,
    clock,
    random: systemRandom,
    logger: silentLogger,
    email,
    password,
  });
  running.push(made);
  return made;
}

describe('AdminBootstrap', () => {
  it('makes one administrator, however many processes start together, who can log in at once', async () => {
    await Promise.all(Array.from({ length: 4 }, () => bootstrap('Admin@Noa.Example').start()));
    const account = await domain.credentials.check('admin@noa.example', PASSWORD, 'net');
    assert.deepEqual(account.roles, ['admin']);
    await waitFor(() => running.every((one) => one.isUserMade));
    assert.deepEqual([...domain.users.users.keys()], [account.id]);
  });

  it('starts without the user service and makes the user when it is there', async () => {
    domain.users.failure = describeUnavailable();
    const callsBefore = domain.users.calls;
    const admin = bootstrap('late@noa.example');
    await admin.start();
    await domain.credentials.check('late@noa.example', PASSWORD, 'net');
    await waitFor(() => domain.users.calls > callsBefore);
    assert.equal(admin.isUserMade, false);
    domain.users.failure = undefined;
    await waitFor(async () => {
      await domain.clock.advance(2_000);
      return admin.isUserMade;
    });
    const account = await domain.accounts.findByEmail('late@noa.example');
    assert.equal(domain.users.users.has(account?.id ?? ''), true);
  });

  it('makes a known account an administrator with the configured password, keeping its id and roles', async () => {
    const known = await registerSomebody(domain, 'person@noa.example');
    await bootstrap('person@noa.example', 'another password').start();
    const account = await domain.credentials.check('person@noa.example', 'another password', 'net');
    assert.deepEqual([account.id, account.roles], [known.id, ['admin', 'developer']]);
    await assert.rejects(domain.credentials.check('person@noa.example', PASSWORD, 'net'), { code: 'AUTH_CREDENTIALS_WRONG' });
  });

  it('leaves an unchanged administrator as it is at the next start', async () => {
    await bootstrap('same@noa.example').start();
    const one = await domain.accounts.findByEmail('same@noa.example');
    await bootstrap('same@noa.example').start();
    assert.deepEqual(await domain.accounts.findByEmail('same@noa.example'), one);
  });
});
