import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { uuidv7, systemRandom } from '@noa/core';
import { waitFor } from '@noa/testing';
import { setupUsers } from '../testing/setupUsers.ts';

let setup: Awaited<ReturnType<typeof setupUsers>>;

before(async () => {
  setup = await setupUsers('releases');
});
after(() => setup.stop());

const newId = (): string => uuidv7(setup.clock, systemRandom);

describe('the janitor of addresses', () => {
  it('confirms a claim whose row exists and releases one whose row does not, when they are old enough', async () => {
    const { user } = await setup.users.create({ email: 'kept@noa.example', displayName: 'Ada' });
    await setup.control.database.query('UPDATE noa_directory.entry SET is_confirmed = false WHERE owner_id = $1', [user.id]);
    await setup.directory.claim('orphan@noa.example', newId());
    await setup.clock.advance(59_000);
    await setup.releases.sweep();
    assert.equal((await setup.directory.find('orphan@noa.example'))!.isConfirmed, false, 'a request may be in progress');
    await setup.clock.advance(2_000);
    await setup.releases.sweep();
    assert.equal(await setup.directory.find('orphan@noa.example'), undefined);
    assert.deepEqual(await setup.directory.find('kept@noa.example'), { ownerId: user.id, isConfirmed: true });
  });

  it('releases the claim of an address that the row does not have', async () => {
    const { user } = await setup.users.create({ email: 'row@noa.example', displayName: 'Ada' });
    await setup.directory.claim('other@noa.example', user.id);
    await setup.clock.advance(61_000);
    await setup.releases.sweep();
    assert.equal(await setup.directory.find('other@noa.example'), undefined);
    assert.equal((await setup.directory.find('row@noa.example'))!.isConfirmed, true);
  });

  it('looks by itself every half minute and goes on when one address cannot be settled', async () => {
    await setup.directory.claim('first@noa.example', newId());
    await setup.clock.advance(1);
    await setup.directory.claim('second@noa.example', newId());
    const { release } = setup.directory;
    setup.directory.release = (value, ...rest) =>
      value.startsWith('first') ? Promise.reject(new Error('no')) : release.call(setup.directory, value, ...rest);
    let isSwept = false;
    const { staleClaims } = setup.directory;
    setup.directory.staleClaims = async (...args) => {
      const claims = await staleClaims.apply(setup.directory, args);
      isSwept ||= claims.length > 0;
      return claims;
    };
    await setup.releases.start();
    try {
      // A round takes real time in the database, and the next is due only after it: let time pass until the claims are old enough.
      await waitFor(async () => {
        await setup.clock.advance(30_000);
        return isSwept;
      });
    } finally {
      await setup.releases.stop();
      setup.directory.release = release;
      setup.directory.staleClaims = staleClaims;
    }
    assert.notEqual(await setup.directory.find('first@noa.example'), undefined);
    assert.equal(await setup.directory.find('second@noa.example'), undefined);
    assert.ok(setup.logger.entries.some((entry) => entry.message === 'an address will be settled later'));
    await setup.releases.sweep();
    assert.equal(await setup.directory.find('first@noa.example'), undefined);
  });
});
