import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isNoaError } from '@noa/core';
import { createTestDatabase, SimulatedClock, type TestDatabase } from '@noa/testing';
import { Directory } from './Directory.ts';

let control: TestDatabase;
const clock = new SimulatedClock();
let kinds = 0;
before(async () => {
  control = await createTestDatabase({ name: 'directory' });
});
after(() => control.drop());

/** A directory of a kind of its own, so that tests do not meet. */
async function setup(): Promise<Directory> {
  kinds += 1;
  const directory = new Directory({ control: control.database, kind: `kind-${kinds}`, clock });
  await directory.migrate();
  return directory;
}

const isTaken = (error: unknown): boolean => isNoaError(error, 'DIRECTORY_VALUE_TAKEN') && error.httpStatus === 409 && !error.retryable;

test('of 50 concurrent claims of one value by different owners exactly one succeeds', async () => {
  const directory = await setup();
  const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => directory.claim('a@example.com', `owner-${index}`)));
  const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [`owner-${index}`] : []));
  assert.equal(winners.length, 1);
  assert.deepEqual(await directory.find('a@example.com'), { ownerId: winners[0], isConfirmed: false });
  for (const result of results) if (result.status === 'rejected') assert.ok(isTaken(result.reason), String(result.reason));
});

test('50 concurrent claims by one owner all succeed, one of them as the first', async () => {
  const directory = await setup();
  const results = await Promise.all(Array.from({ length: 50 }, () => directory.claim('a@example.com', 'me')));
  assert.equal(results.filter((result) => result === 'claimed').length, 1);
  assert.equal(results.filter((result) => result === 'already-yours').length, 49);
});

test('a claim is pending until confirmed; both may be repeated by the owner and by no one else', async () => {
  const directory = await setup();
  assert.equal(await directory.claim('v', 'me'), 'claimed');
  assert.equal(await directory.claim('v', 'me'), 'already-yours');
  assert.deepEqual(await directory.find('v'), { ownerId: 'me', isConfirmed: false });
  await assert.rejects(directory.confirm('v', 'other'), isTaken);
  await directory.confirm('v', 'me');
  await directory.confirm('v', 'me');
  assert.deepEqual(await directory.find('v'), { ownerId: 'me', isConfirmed: true });
  assert.equal(await directory.claim('v', 'me'), 'already-yours');
  assert.deepEqual(await directory.find('v'), { ownerId: 'me', isConfirmed: true }, 'claiming again does not unconfirm');
  await assert.rejects(directory.claim('v', 'other'), isTaken);
});

test('a released value is free for others, and only its owner releases it', async () => {
  const directory = await setup();
  await directory.claim('v', 'me');
  assert.equal(await directory.release('v', 'other'), false);
  assert.equal(await directory.release('v', 'me'), true);
  assert.equal(await directory.release('v', 'me'), false);
  assert.equal(await directory.find('v'), undefined);
  assert.equal(await directory.claim('v', 'other'), 'claimed');
});

test('a claim that was swept away is taken anew by its confirmation, unless another has it', async () => {
  const directory = await setup();
  await directory.claim('v', 'me');
  await directory.release('v', 'me');
  await directory.confirm('v', 'me');
  assert.deepEqual(await directory.find('v'), { ownerId: 'me', isConfirmed: true });
});

test('stale claims are the pending ones of the given age, oldest first, within the limit', async () => {
  const directory = await setup();
  await directory.claim('first', 'me');
  await clock.advance(1_000);
  await directory.claim('second', 'me');
  await directory.claim('done', 'me');
  await directory.confirm('done', 'me');
  await clock.advance(60_000);
  await directory.claim('young', 'me');
  const stale = await directory.staleClaims(60_000, 10);
  assert.deepEqual(
    stale.map((claim) => claim.value),
    ['first', 'second'],
  );
  assert.equal(stale[0]!.claimedAtMs, clock.now() - 61_000);
  assert.deepEqual(await directory.staleClaims(60_000, 1), stale.slice(0, 1));
  assert.deepEqual(await directory.staleClaims(61_001, 10), []);
});

test('a sweep spares a claim that was renewed or confirmed since it was listed', async () => {
  const directory = await setup();
  for (const value of ['left', 'renewed', 'confirmed']) await directory.claim(value, 'me');
  await clock.advance(60_000);
  const stale = await directory.staleClaims(60_000, 10);
  assert.equal(stale.length, 3);
  await directory.claim('renewed', 'me');
  await directory.confirm('confirmed', 'me');
  const released: string[] = [];
  for (const claim of stale) if (await directory.release(claim.value, claim.ownerId, { ifStale: claim })) released.push(claim.value);
  assert.deepEqual(released, ['left']);
});

test('kinds do not meet', async () => {
  const [emails, names] = [await setup(), await setup()];
  await emails.claim('v', 'me');
  assert.equal(await names.claim('v', 'other'), 'claimed');
});

test('a value or owner that cannot be kept is DIRECTORY_VALUE_INVALID (400); the longest one is kept', async () => {
  const directory = await setup();
  for (const value of ['', 'a\0b', 'x'.repeat(513), '\ud800']) {
    await assert.rejects(directory.claim(value, 'me'), (error) => isNoaError(error, 'DIRECTORY_VALUE_INVALID') && error.httpStatus === 400);
    await assert.rejects(directory.claim('v', value), (error) => isNoaError(error, 'DIRECTORY_VALUE_INVALID'));
  }
  assert.equal(await directory.claim('漢'.repeat(512), 'me'), 'claimed');
});
