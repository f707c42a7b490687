import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createMetrics, silentLogger, systemRandom } from '@noa/core';
import { SimulatedClock, createTestDatabase, waitFor, type TestDatabase } from '@noa/testing';
import { createAuthTables, ISSUER, keyRing, LEAD_MS, ROTATE_AFTER_MS, TOKEN_MS_MAX } from '../testing/setupDomain.ts';
import { TokenVerifier } from '@noa/communication';
import type { KeyRing } from './KeyRing.ts';
import { TokenMinter } from './TokenMinter.ts';

let db: TestDatabase;
let clock: SimulatedClock;
const running: KeyRing[] = [];

before(async () => {
  db = await createTestDatabase({ name: 'keyring' });
  await createAuthTables(db.database);
});
beforeEach(() => {
  clock = new SimulatedClock();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((ring) => ring.stop()));
  await db.database.script('TRUNCATE auth.signing_keys');
});
after(() => db.drop());

async function startRing(): Promise<KeyRing> {
  const ring = keyRing(db.database, clock);
  running.push(ring);
  await ring.start();
  return ring;
}

function minterOf(keys: KeyRing): TokenMinter {
  return new TokenMinter({ keys, issuer: ISSUER, clock, random: systemRandom, accessTokenSeconds: 900 });
}

function verifierOf(jwks: () => unknown): TokenVerifier {
  return new TokenVerifier({ jwks: async () => jwks() as never, issuer: ISSUER, clock, logger: silentLogger, metrics: createMetrics() });
}

async function states(): Promise<Record<string, number>> {
  const { rows } = await db.database.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM auth.signing_keys GROUP BY state',
  );
  return Object.fromEntries(rows.map((row) => [row.state, row.count]));
}

describe('KeyRing', () => {
  it('makes one active and one next key per algorithm, however many processes start together', async () => {
    await Promise.all(Array.from({ length: 5 }, () => startRing()));
    assert.deepEqual(await states(), { active: 2, next: 2 });
    assert.equal(new Set(running.map((ring) => ring.active('EdDSA').kid)).size, 1);
  });

  it('publishes public halves only, the next key among them', async () => {
    const ring = await startRing();
    const { keys } = ring.published();
    assert.equal(keys.length, 4);
    for (const key of keys) {
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[secret], undefined);
    }
  });

  it('keeps no private key readable in the database', async () => {
    const ring = await startRing();
    const { rows } = await db.database.query<{ sealed_private: Buffer }>('SELECT sealed_private FROM auth.signing_keys');
    const d = String(ring.secret().keys[0]?.['d']);
    for (const row of rows) assert.equal(row.sealed_private.toString('latin1').includes(d), false);
  });

  it('refuses to let a key sign that has not been published for the lead, and tells the wait', async () => {
    const ring = await startRing();
    await assert.rejects(ring.rotate(), (error: { code: string; httpStatus: number; details: { retryAfterMs: number } }) => {
      assert.deepEqual([error.code, error.httpStatus, error.details.retryAfterMs], ['AUTH_KEY_TOO_YOUNG', 409, LEAD_MS]);
      return true;
    });
    const before = ring.active('EdDSA').kid;
    await ring.rotate({ force: true });
    assert.notEqual(ring.active('EdDSA').kid, before);
  });

  it('lets the next key sign after its lead, and keeps the old one published until its tokens have expired', async () => {
    const ring = await startRing();
    const old = ring.active('EdDSA').kid;
    const next = ring.published().keys.find((key) => key['alg'] === 'EdDSA' && key['kid'] !== old)?.['kid'];
    await clock.advance(LEAD_MS);
    await ring.rotate();
    assert.equal(ring.active('EdDSA').kid, next);
    const has = () => ring.published().keys.some((key) => key['kid'] === old);
    await clock.advance(TOKEN_MS_MAX);
    // A start looks at the keys and acts before it resolves.
    await startRing();
    assert.deepEqual(await states(), { active: 2, next: 2, retired: 2 });
    assert.equal(has(), true);
    await clock.advance(LEAD_MS + 30_000);
    await waitFor(() => !has(), { message: 'the retired key was never removed' });
    const { rows } = await db.database.query('SELECT sealed_private FROM auth.signing_keys WHERE kid = $1', [old]);
    assert.deepEqual(rows, [{ sealed_private: null }]);
  });

  it('rotates by itself when a key is old enough', async () => {
    const ring = await startRing();
    const old = ring.active('EdDSA').kid;
    await clock.advance(ROTATE_AFTER_MS);
    await waitFor(() => ring.active('EdDSA').kid !== old, { message: 'no scheduled rotation' });
    assert.deepEqual(await states(), { active: 2, next: 2, retired: 2 });
  });

  it('tells the other processes of a rotation', async () => {
    const [one, two] = [await startRing(), await startRing()];
    await one.rotate({ force: true });
    await waitFor(() => two.active('EdDSA').kid === one.active('EdDSA').kid, { message: 'the other process was not told' });
  });

  it('lets several processes rotate at once without losing a line of keys', async () => {
    await Promise.all(Array.from({ length: 3 }, () => startRing()));
    await Promise.all(running.map((ring) => ring.rotate({ force: true })));
    assert.deepEqual(await states(), { active: 2, next: 2, retired: 6 });
  });

  it('loses no verification over 10 rotations under load', async () => {
    const [one, two] = [await startRing(), await startRing()];
    const verifiers = [verifierOf(() => one.published()), verifierOf(() => two.published())];
    const minters = [minterOf(one), minterOf(two)];
    const subject = { accountId: 'a', sessionId: 's', email: 'a@b.example', roles: ['developer'] as const };
    let checked = 0;
    const load = async (): Promise<void> => {
      for (const minter of minters) {
        const token = await minter.accessToken(subject);
        for (const verifier of verifiers) {
          await verifier.verify(token, 'noa-api');
          checked += 1;
        }
      }
    };
    await load();
    for (let round = 0; round < 10; round += 1) {
      await clock.advance(LEAD_MS);
      const rotated = one.rotate();
      // The second process signs with the old key until it has heard.
      await Promise.all([rotated, load(), load(), load()]);
      await load();
      await waitFor(() => two.active('EdDSA').kid === one.active('EdDSA').kid);
      await load();
    }
    assert.equal(checked, 4 + 10 * 20);
  });

  it('keeps a token valid over a rotation for its whole life', async () => {
    const ring = await startRing();
    const token = await minterOf(ring).accessToken({ accountId: 'a', sessionId: 's', email: 'a@b.example', roles: [] });
    await ring.rotate({ force: true });
    await clock.advance(890_000);
    await verifierOf(() => ring.published()).verify(token, 'noa-api');
  });
});
