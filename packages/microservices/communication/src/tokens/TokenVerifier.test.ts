import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { base64url, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JSONWebKeySet, type JWK } from 'jose';
import fc from 'fast-check';
import { createMetrics, silentLogger } from '@noa/core';
import { SimulatedClock } from '@noa/testing';
import { KEY_SET_REFRESH_MS } from './KeySet.ts';
import { TOKEN_BYTES_MAX, TokenVerifier } from './TokenVerifier.ts';

const ISSUER = 'https://noa.example';
const AUDIENCE = 'noa-api';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function makeKey(kid: string, alg = 'EdDSA'): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
}

async function setup(algorithm = 'EdDSA') {
  const clock = new SimulatedClock();
  const key = await makeKey('key-1', algorithm);
  const issuer = { published: [key.jwk] as unknown[], fetches: 0, isDown: false, gate: undefined as Promise<void> | undefined };
  const verifier = new TokenVerifier({
    jwks: async () => {
      issuer.fetches += 1;
      await issuer.gate;
      if (issuer.isDown) throw new Error('connection refused');
      return { keys: issuer.published } as JSONWebKeySet;
    },
    issuer: ISSUER,
    clock,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const nowS = () => Math.floor(clock.now() / 1_000);
  const claims = (changes: Record<string, unknown> = {}) => ({
    iss: ISSUER,
    sub: 'user-1',
    aud: AUDIENCE,
    exp: nowS() + 900,
    iat: nowS(),
    jti: 'token-1',
    roles: ['developer'],
    ...changes,
  });
  const sign = (o: { key?: SigningKey; claims?: Record<string, unknown>; header?: Record<string, unknown> } = {}) => {
    const by = o.key ?? key;
    return new SignJWT(claims(o.claims)).setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'at+jwt', ...o.header }).sign(by.privateKey);
  };
  const refuses = (token: string, code = 'TOKEN_INVALID') => assert.rejects(verifier.verify(token, AUDIENCE), { code });
  return { clock, key, issuer, verifier, sign, claims, refuses };
}

function raw(header: unknown, payload: unknown, signature = ''): string {
  return `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(payload))}.${signature}`;
}

describe('TokenVerifier', () => {
  for (const algorithm of ['EdDSA', 'ES256', 'RS256']) {
    it(`accepts an access token signed with ${algorithm}`, async () => {
      const { verifier, sign } = await setup(algorithm);
      const claims = await verifier.verify(await sign(), AUDIENCE);
      assert.equal(claims.sub, 'user-1');
      assert.deepEqual(claims.roles, ['developer']);
    });
  }

  it('accepts one audience of several on either side', async () => {
    const { verifier, sign } = await setup();
    await verifier.verify(await sign({ claims: { aud: ['other', AUDIENCE] } }), [AUDIENCE, 'noa-internal']);
  });

  it('gives the claims of a verified token without waiting, for its audience only', async () => {
    const { verifier, sign } = await setup();
    const token = await sign();
    assert.equal(verifier.peek(token, AUDIENCE), undefined);
    await verifier.verify(token, AUDIENCE);
    assert.equal(verifier.peek(token, AUDIENCE)?.sub, 'user-1');
    assert.equal(verifier.peek(token, 'noa-internal'), undefined);
  });

  it('never answers from memory beyond the expiry', async () => {
    const { verifier, sign, clock, refuses } = await setup();
    const token = await sign();
    await verifier.verify(token, AUDIENCE);
    await clock.advance(900_000);
    assert.equal(verifier.peek(token, AUDIENCE), undefined);
    await clock.advance(10_000);
    await refuses(token, 'TOKEN_EXPIRED');
  });

  it('forgives a small difference of clocks, and no more', async () => {
    const { verifier, sign, clock, refuses } = await setup();
    const early = await sign({ claims: { nbf: Math.floor(clock.now() / 1_000) + 4 } });
    await verifier.verify(early, AUDIENCE);
    await refuses(await sign({ claims: { nbf: Math.floor(clock.now() / 1_000) + 60 } }));
    await refuses(await sign({ claims: { exp: Math.floor(clock.now() / 1_000) - 6 } }), 'TOKEN_EXPIRED');
  });
});

describe('TokenVerifier under the attacks of RFC 8725', () => {
  for (const alg of ['none', 'None', 'NONE']) {
    it(`refuses alg ${alg}`, async () => {
      const { claims, refuses } = await setup();
      await refuses(raw({ alg, kid: 'key-1', typ: 'at+jwt' }, claims()));
    });
  }

  it('refuses an HMAC made with the public key as its secret', async () => {
    const { key, claims, refuses } = await setup('RS256');
    const secret = new TextEncoder().encode(JSON.stringify(key.jwk));
    await refuses(await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'key-1', typ: 'at+jwt' }).sign(secret));
  });

  it('refuses another algorithm than the one its key is published for', async () => {
    const { issuer, refuses, sign, clock } = await setup();
    const ec = await makeKey('key-1', 'ES256');
    await refuses(await sign({ key: ec }));
    issuer.published = [{ ...ec.jwk, alg: 'ES512' }];
    await clock.advance(KEY_SET_REFRESH_MS);
    await refuses(await sign({ key: ec }));
  });

  it('refuses a token with one changed byte of payload', async () => {
    const { sign, claims, refuses } = await setup();
    const [header, , signature] = (await sign()).split('.');
    const payload = base64url.encode(JSON.stringify(claims({ roles: ['admin'] })));
    await refuses(`${header}.${payload}.${signature}`);
  });

  it('refuses an empty signature', async () => {
    const { sign, refuses } = await setup();
    await refuses((await sign()).replace(/\.[^.]*$/, '.'));
  });

  it('refuses a key that the token brings along', async () => {
    const { sign, refuses } = await setup();
    const evil = await makeKey('key-1');
    await refuses(await sign({ key: evil, header: { jwk: evil.jwk } }));
    await refuses(await sign({ key: evil, header: { jku: 'https://evil.example/jwks', kid: 'evil' } }));
  });

  for (const typ of ['JWT', 'id_token+jwt', 'logout+jwt', undefined]) {
    it(`refuses a token of type ${String(typ)} as an access token`, async () => {
      const { sign, refuses } = await setup();
      await refuses(await sign({ header: { typ } }));
    });
  }

  it('refuses unknown critical extensions', async () => {
    const { key, claims, refuses } = await setup();
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', crit: ['x-noa'], 'x-noa': 1 })
      .sign(key.privateKey, { crit: { 'x-noa': true } });
    await refuses(token);
  });

  it('refuses a token without a key id', async () => {
    const { sign, refuses } = await setup();
    await refuses(await sign({ header: { kid: undefined } }));
    await refuses(await sign({ header: { kid: '' } }));
  });

  for (const claim of ['iss', 'sub', 'aud', 'exp', 'iat', 'jti']) {
    it(`refuses a token without ${claim}`, async () => {
      const { sign, refuses } = await setup();
      await refuses(await sign({ claims: { [claim]: undefined } }));
    });
  }

  it('refuses another issuer, also one that only starts alike', async () => {
    const { sign, refuses } = await setup();
    await refuses(await sign({ claims: { iss: 'https://noa.example.evil' } }));
    await refuses(await sign({ claims: { iss: `${ISSUER}/` } }));
  });

  it('refuses another audience, also from memory', async () => {
    const { sign, refuses, verifier } = await setup();
    const token = await sign({ claims: { aud: 'noa-internal' } });
    await refuses(token);
    await verifier.verify(token, 'noa-internal');
    await refuses(token);
  });

  it('refuses claims of wrong types and roles that do not exist', async () => {
    const { sign, refuses } = await setup();
    await refuses(await sign({ claims: { sub: 42 } }));
    await refuses(await sign({ claims: { exp: 'tomorrow' } }));
    await refuses(await sign({ claims: { roles: 'admin' } }));
    await refuses(await sign({ claims: { roles: ['root'] } }));
  });

  it('refuses an oversized token unread', async () => {
    const { sign, refuses, issuer } = await setup();
    const token = await sign({ claims: { email: 'x'.repeat(TOKEN_BYTES_MAX) } });
    await refuses(token);
    assert.equal(issuer.fetches, 0);
  });

  it('refuses encrypted tokens and any other text without failing otherwise', async () => {
    const { refuses } = await setup();
    for (const text of ['', '.', '..', '...', 'a.b.c', 'a.b.c.d.e', '{}', `${'.'.repeat(50)}`]) await refuses(text);
    await fc.assert(
      fc.asyncProperty(fc.string(), (text) => refuses(text).then(() => true)),
      { numRuns: 50 },
    );
  });

  it('ignores symmetric and private keys in the published set', async () => {
    const { issuer, claims, refuses, sign } = await setup();
    const secret = new Uint8Array(32).fill(7);
    issuer.published.push({ kty: 'oct', k: base64url.encode(secret), kid: 'shared', alg: 'HS256' });
    await refuses(await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'shared', typ: 'at+jwt' }).sign(secret));
    const leaked = await makeKey('leaked');
    issuer.published.push({ ...(await exportJWK(leaked.privateKey)), kid: 'leaked', alg: 'EdDSA' });
    await refuses(await sign({ key: leaked }));
  });
});

describe('TokenVerifier and the key set', () => {
  it('fetches once for many who wait for the first keys', async () => {
    const { verifier, sign, issuer } = await setup();
    const token = await sign();
    await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token, AUDIENCE)));
    assert.equal(issuer.fetches, 1);
  });

  it('accepts a new key at once, again and again', async () => {
    const { verifier, sign, issuer, key } = await setup();
    await verifier.verify(await sign(), AUDIENCE);
    for (let round = 2; round <= 6; round += 1) {
      const next = await makeKey(`key-${round}`);
      issuer.published = [key.jwk, next.jwk];
      const token = await sign({ key: next });
      await Promise.all([verifier.verify(token, AUDIENCE), verifier.verify(token, AUDIENCE)]);
      assert.equal(issuer.fetches, round);
    }
  });

  it('lets a flood of invented key ids cause one fetch per cool-down', async () => {
    const { verifier, sign, issuer, refuses, clock } = await setup();
    await verifier.verify(await sign(), AUDIENCE);
    for (let i = 0; i < 100; i += 1) await refuses(await sign({ header: { kid: `invented-${i}` } }));
    assert.equal(issuer.fetches, 2);
    await clock.advance(5_001);
    await refuses(await sign({ header: { kid: 'invented-0' } }));
    assert.equal(issuer.fetches, 2, 'a key id known to be unknown is refused without a fetch');
    await refuses(await sign({ header: { kid: 'invented-again' } }));
    assert.equal(issuer.fetches, 3);
  });

  it('goes on with the last good keys while the issuer is away or answers nonsense', async () => {
    const { verifier, sign, issuer, clock } = await setup();
    await verifier.verify(await sign(), AUDIENCE);
    issuer.isDown = true;
    await clock.advance(10 * KEY_SET_REFRESH_MS);
    await verifier.verify(await sign(), AUDIENCE);
    issuer.isDown = false;
    issuer.published = [];
    await clock.advance(10 * KEY_SET_REFRESH_MS);
    await verifier.verify(await sign(), AUDIENCE);
  });

  it('says 503 while no key has ever been had, and recovers shortly after', async () => {
    const { verifier, sign, issuer, clock } = await setup();
    issuer.isDown = true;
    const token = await sign();
    await assert.rejects(verifier.verify(token, AUDIENCE), { code: 'TOKEN_KEYS_UNAVAILABLE', httpStatus: 503, retryable: true });
    issuer.isDown = false;
    await clock.advance(501);
    await verifier.verify(token, AUDIENCE);
  });

  it('reads the set again in the background and then refuses what a removed key signed', async () => {
    const { verifier, sign, issuer, clock, refuses } = await setup();
    const token = await sign();
    await verifier.verify(token, AUDIENCE);
    issuer.published = [(await makeKey('key-2')).jwk];
    await clock.advance(KEY_SET_REFRESH_MS);
    await verifier.verify(token, AUDIENCE);
    await clock.advance(1);
    assert.equal(issuer.fetches, 2);
    assert.equal(verifier.peek(token, AUDIENCE), undefined);
    await refuses(token);
  });

  it('does not remember a token whose key was removed while it was verified', async () => {
    const { verifier, sign, issuer, clock } = await setup();
    const token = await sign();
    await verifier.verify(token, AUDIENCE);
    const second = await sign({ claims: { jti: 'token-2' } });
    issuer.published = [(await makeKey('key-2')).jwk];
    await clock.advance(KEY_SET_REFRESH_MS);
    await verifier.verify(second, AUDIENCE).catch(() => undefined);
    await clock.advance(1);
    assert.equal(verifier.peek(second, AUDIENCE), undefined);
  });
});
