import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { uuidv7, systemRandom } from '@noa/core';
import { setupUsers } from '../testing/setupUsers.ts';
import { RESTORE_WINDOW_DAYS } from './Users.ts';

const DAY_MS = 86_400_000;
type Setup = Awaited<ReturnType<typeof setupUsers>>;

let setup: Setup;
let people = 0;

before(async () => {
  setup = await setupUsers('users');
});
after(() => setup.stop());

const newId = (): string => uuidv7(setup.clock, systemRandom);
const newEmail = (): string => `person-${(people += 1)}@noa.example`;

async function somebody() {
  const { user } = await setup.users.create({ email: newEmail(), displayName: 'Ada' });
  return user;
}

/** Types of the events in the outbox of the user's shard. */
async function eventsOf(id: string): Promise<string[]> {
  const { rows } = await setup.router.query<{ type: string }>(
    id,
    `SELECT envelope ->> 'type' AS type FROM users.outbox WHERE partitionkey = $1 ORDER BY seq`,
    [id],
  );
  return rows.map((row) => row.type);
}

describe('create', () => {
  it('stores the user, the claim and the event, and is repeatable with the same id and address', async () => {
    const id = newId();
    const email = newEmail();
    const first = await setup.users.create({ id, email: email.toUpperCase(), displayName: 'Ada', profile: { city: 'Wien', gone: null } });
    assert.deepEqual([first.isNew, first.user.id, first.user.email, first.user.version], [true, id, email, 1]);
    assert.deepEqual([first.user.roles, first.user.locale, first.user.profile], [['developer'], 'en', { city: 'Wien' }]);
    assert.deepEqual(await setup.directory.find(email), { ownerId: id, isConfirmed: true });
    const again = await setup.users.create({ id, email, displayName: 'Somebody else' });
    assert.deepEqual(again, { user: first.user, isNew: false });
    assert.deepEqual(await eventsOf(id), ['user.registered']);
  });

  it('goes on where a crash between claim and row has stopped', async () => {
    const id = newId();
    const email = newEmail();
    await setup.directory.claim(email, id);
    assert.equal((await setup.users.create({ id, email, displayName: 'Ada' })).isNew, true);
    assert.equal((await setup.directory.find(email))!.isConfirmed, true);
  });

  it('lets exactly one of ten have an address, and the others leave nothing behind', async () => {
    const email = newEmail();
    const ids = Array.from({ length: 10 }, newId);
    const results = await Promise.allSettled(ids.map((id) => setup.users.create({ id, email, displayName: 'Ada' })));
    const winner = results.findIndex((result) => result.status === 'fulfilled');
    for (const [index, result] of results.entries()) {
      if (index === winner) continue;
      assert.ok(result.status === 'rejected');
      assert.deepEqual([result.reason.code, result.reason.httpStatus], ['USER_EMAIL_TAKEN', 409]);
      await assert.rejects(setup.users.get(ids[index]!), { code: 'USER_NOT_FOUND' });
      assert.deepEqual(await eventsOf(ids[index]!), []);
    }
    assert.equal((await setup.directory.find(email))!.ownerId, ids[winner]);
    const { rows } = await setup.control.database.query('SELECT 1 FROM noa_directory.entry WHERE owner_id = ANY ($1)', [ids]);
    assert.equal(rows.length, 1);
  });

  it('refuses an id that has another address, and frees what it had claimed', async () => {
    const { id, email } = await somebody();
    const other = newEmail();
    const refused = setup.users.create({ id, email: other, displayName: 'Eve' });
    await assert.rejects(refused, { code: 'USER_ID_TAKEN', httpStatus: 409 });
    assert.equal(await setup.directory.find(other), undefined);
    assert.equal((await setup.directory.find(email))!.ownerId, id);
  });

  it('writes the event with the row or not at all', async () => {
    const id = newId();
    for (const { database } of setup.databases) await database.script('ALTER TABLE users.outbox RENAME TO outbox_away');
    try {
      await assert.rejects(setup.users.create({ id, email: newEmail(), displayName: 'Ada' }));
    } finally {
      for (const { database } of setup.databases) await database.script('ALTER TABLE users.outbox_away RENAME TO outbox');
    }
    await assert.rejects(setup.users.get(id), { code: 'USER_NOT_FOUND' });
  });

  it('gives the role of services to nobody', async () => {
    const made = setup.users.create({ email: newEmail(), displayName: 'Eve', roles: ['service'] });
    await assert.rejects(made, { code: 'VALIDATION_FAILED', httpStatus: 400 });
    const { id } = await somebody();
    await assert.rejects(setup.users.update(id, { roles: ['admin', 'service'] }), { code: 'VALIDATION_FAILED' });
  });
});

describe('update', () => {
  it('changes what is given, removes profile fields that are null, and announces it', async () => {
    const { id } = await somebody();
    await setup.users.update(id, { profile: { city: 'Wien', age: 36 } });
    await setup.clock.advance(1_000);
    const user = await setup.users.update(id, { displayName: 'Ada L.', locale: 'de', roles: ['operator'], profile: { age: null } }, [2]);
    assert.deepEqual([user.displayName, user.locale, user.roles, user.profile, user.version], ['Ada L.', 'de', ['operator'], { city: 'Wien' }, 3]);
    assert.ok(user.updatedAt > user.createdAt);
    assert.deepEqual(await setup.users.get(id), user);
    assert.deepEqual(await eventsOf(id), ['user.registered', 'user.updated', 'user.updated']);
  });

  it('refuses a version that is not the newest, and lets one of two with the same version win', async () => {
    const { id } = await somebody();
    await assert.rejects(setup.users.update(id, { displayName: 'x' }, [2]), { code: 'USER_VERSION_MISMATCH', httpStatus: 412 });
    const results = await Promise.allSettled(['a', 'b'].map((displayName) => setup.users.update(id, { displayName }, [1])));
    const losers = results.filter((result) => result.status === 'rejected');
    assert.equal(losers.length, 1);
    assert.equal(losers[0]!.reason.code, 'USER_VERSION_MISMATCH');
    assert.equal((await setup.users.get(id)).version, 2);
  });

  it('refuses a profile that would grow beyond 50 fields', async () => {
    const { id } = await somebody();
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field${index}`, index]));
    await setup.users.update(id, { profile: many });
    await assert.rejects(setup.users.update(id, { profile: { oneMore: 1 } }), { code: 'USER_PROFILE_TOO_LARGE', httpStatus: 400 });
    await setup.users.update(id, { profile: { oneMore: 1, field0: null } });
  });

  it('knows no unknown user', async () => {
    await assert.rejects(setup.users.update(newId(), { displayName: 'x' }), { code: 'USER_NOT_FOUND', httpStatus: 404 });
  });
});

describe('a change of address', () => {
  it('frees the old one at once and refuses one that is taken', async () => {
    const [ada, eve] = [await somebody(), await somebody()];
    await assert.rejects(setup.users.update(eve.id, { email: ada.email }), { code: 'USER_EMAIL_TAKEN', httpStatus: 409 });
    assert.equal((await setup.users.get(eve.id)).version, 1);
    const email = newEmail();
    await setup.users.update(ada.id, { email });
    assert.equal((await setup.users.update(eve.id, { email: ada.email })).email, ada.email);
    assert.deepEqual(await setup.directory.find(email), { ownerId: ada.id, isConfirmed: true });
    assert.equal(await setup.directory.find(eve.email), undefined);
  });

  it('is healed by the janitor when a crash came before the directory was settled', async () => {
    const { id, email: old } = await somebody();
    const email = newEmail();
    const crash = setup.directory.confirm;
    setup.directory.confirm = () => Promise.reject(new Error('crash'));
    try {
      await setup.users.update(id, { email });
    } finally {
      setup.directory.confirm = crash;
    }
    assert.deepEqual(await setup.directory.find(email), { ownerId: id, isConfirmed: false });
    assert.equal((await setup.directory.find(old))!.ownerId, id);
    await setup.clock.advance(60_000);
    await setup.releases.sweep();
    assert.deepEqual(await setup.directory.find(email), { ownerId: id, isConfirmed: true });
    assert.equal(await setup.directory.find(old), undefined);
  });

  it('leaves no address behind when changes race', async () => {
    const { id } = await somebody();
    const emails = Array.from({ length: 6 }, newEmail);
    await Promise.all(emails.map((email) => setup.users.update(id, { email })));
    const { email } = await setup.users.get(id);
    await setup.releases.sweep();
    const { rows } = await setup.control.database.query<{ value: string; is_confirmed: boolean }>(
      'SELECT value, is_confirmed FROM noa_directory.entry WHERE owner_id = $1',
      [id],
    );
    assert.deepEqual(rows, [{ value: email, is_confirmed: true }]);
  });

  it('does not confirm an address that a later change has given up', async () => {
    const { id, email } = await somebody();
    const next = newEmail();
    await setup.users.update(id, { email: next });
    await setup.releases.settle(id, email);
    assert.equal(await setup.directory.find(email), undefined);
    await setup.releases.release(id, next);
    assert.equal((await setup.directory.find(next))!.ownerId, id);
  });
});

describe('remove and restore', () => {
  it('frees the address at once and brings the user back within the window', async () => {
    const { id, email } = await somebody();
    await assert.rejects(setup.users.remove(id, [7]), { code: 'USER_VERSION_MISMATCH' });
    await setup.users.remove(id, [1]);
    await assert.rejects(setup.users.get(id), { code: 'USER_NOT_FOUND' });
    await assert.rejects(setup.users.remove(id), { code: 'USER_NOT_FOUND' });
    await assert.rejects(setup.users.update(id, { displayName: 'x' }), { code: 'USER_NOT_FOUND' });
    assert.equal(await setup.directory.find(email), undefined);
    await assert.rejects(setup.users.create({ id, email, displayName: 'Eve' }), { code: 'USER_ID_TAKEN' });
    assert.equal(await setup.directory.find(email), undefined);
    await setup.clock.advance(RESTORE_WINDOW_DAYS * DAY_MS);
    const user = await setup.users.restore(id);
    assert.deepEqual([user.email, user.version], [email, 3]);
    assert.deepEqual(await setup.directory.find(email), { ownerId: id, isConfirmed: true });
    assert.deepEqual(await eventsOf(id), ['user.registered', 'user.deleted', 'user.restored']);
  });

  it('refuses to bring back a user whose address has another owner now', async () => {
    const { id, email } = await somebody();
    await setup.users.remove(id);
    const { user } = await setup.users.create({ email, displayName: 'Eve' });
    await assert.rejects(setup.users.restore(id), { code: 'USER_EMAIL_TAKEN', httpStatus: 409 });
    assert.equal((await setup.directory.find(email))!.ownerId, user.id);
    await assert.rejects(setup.users.get(id), { code: 'USER_NOT_FOUND' });
  });

  it('refuses after the window, and for a user who is not deleted or not there', async () => {
    const { id } = await somebody();
    await assert.rejects(setup.users.restore(id), { code: 'USER_RESTORE_EXPIRED', httpStatus: 409 });
    await setup.users.remove(id);
    await setup.clock.advance(RESTORE_WINDOW_DAYS * DAY_MS + 1);
    await assert.rejects(setup.users.restore(id), { code: 'USER_RESTORE_EXPIRED' });
    await assert.rejects(setup.users.restore(newId()), { code: 'USER_NOT_FOUND' });
  });
});
