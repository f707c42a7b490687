import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { systemRandom, uuidv7 } from '@noa/core';
import { waitFor } from '@noa/testing';
import { setupUsers } from '../testing/setupUsers.ts';
import { UserStore } from '../store/UserStore.ts';

let setup: Awaited<ReturnType<typeof setupUsers>>;

before(async () => {
  setup = await setupUsers('frozen');
});
after(() => setup.stop());

const newId = (): string => uuidv7(setup.clock, systemRandom);

describe('a creation that freezes between its row and its commit', () => {
  it('makes no second user of an address that the janitor has given away meanwhile', async () => {
    const [frozen, quick] = [newId(), newId()];
    const email = 'wanted@noa.example';
    const { directory, releases, users, clock } = setup;
    const { claim } = directory;
    let calls = 0;
    directory.claim = async (value, ownerId) => {
      if (ownerId === frozen && (calls += 1) === 2) {
        // The row is written and not committed, so the janitor does not see it.
        await clock.advance(61_000);
        await releases.sweep();
        await users.create({ id: quick, email, displayName: 'Quick' });
      }
      return claim.call(directory, value, ownerId);
    };
    try {
      await assert.rejects(users.create({ id: frozen, email, displayName: 'Frozen' }), { code: 'USER_EMAIL_TAKEN', httpStatus: 409 });
    } finally {
      directory.claim = claim;
    }
    assert.equal(calls, 2);
    await assert.rejects(users.get(frozen), { code: 'USER_NOT_FOUND' });
    assert.equal((await users.get(quick)).email, email);
    assert.deepEqual(await directory.find(email), { ownerId: quick, isConfirmed: true });
  });

  it('is ended by the server when the pause is too long, and the limit is gone with the transaction', async () => {
    const { database } = setup.databases[0]!;
    await assert.rejects(
      database.transaction(async (tx) => {
        await UserStore.limitPauses(tx, 50);
        const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await waitFor(async () => {
          const found = await database.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0]!.pid]);
          return found.rowCount === 0;
        });
        await tx.query('SELECT 1');
      }),
    );
    const limit = await database.transaction(async (tx) => {
      await UserStore.limitPauses(tx, 20_000);
      return (await tx.query<{ limit: string }>(`SELECT current_setting('idle_in_transaction_session_timeout') AS limit`)).rows[0]!.limit;
    });
    assert.equal(limit, '20s');
    const later = await database.query<{ limit: string }>(`SELECT current_setting('idle_in_transaction_session_timeout') AS limit`);
    assert.equal(later.rows[0]!.limit, '0');
  });
});
