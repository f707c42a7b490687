import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { systemClock, systemRandom } from '@noa/core';
import { createTestDatabase, type TestDatabase } from '@noa/testing';
import { ClientStore } from '../store/ClientStore.ts';
import { createAuthTables, ENCRYPTION_KEY } from '../testing/setupDomain.ts';
import { Clients, type ClientDescription } from './Clients.ts';
import { Sealer } from './Sealer.ts';

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase({ name: 'clients' });
  await createAuthTables(db.database);
});
after(() => db.drop());

function clients(configured?: unknown): Clients {
  return new Clients({
    store: new ClientStore(db.database),
    sealer: new Sealer({ key: ENCRYPTION_KEY, random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    configured: typeof configured === 'string' || configured === undefined ? configured : JSON.stringify(configured),
  });
}

const WEB: ClientDescription = { name: 'Shop', type: 'confidential', redirectURIs: ['https://shop.example/callback'], roles: ['readonly'] };

describe('Clients', () => {
  it('registers a confidential client, tells its secret once and keeps it sealed', async () => {
    const { id, secret = '' } = await clients().register(WEB);
    assert.ok(secret.length >= 43);
    const found = await clients().find(id);
    assert.equal(found?.client_secret, secret);
    assert.deepEqual(found?.['noa_roles'], ['readonly']);
    assert.equal(found?.token_endpoint_auth_method, 'client_secret_basic');
    const { rows } = await db.database.query<{ sealed_secret: Buffer }>('SELECT sealed_secret FROM auth.clients WHERE id = $1', [id]);
    assert.equal(rows[0]?.sealed_secret.toString('latin1').includes(secret), false);
  });

  it('registers a public client without a secret', async () => {
    const { id, secret } = await clients().register({ name: 'App', type: 'public', redirectURIs: ['com.example.app:/callback'] });
    assert.equal(secret, undefined);
    const found = await clients().find(id);
    assert.deepEqual([found?.token_endpoint_auth_method, found?.application_type], ['none', 'native']);
  });

  it('removes a client, once', async () => {
    const { id } = await clients().register(WEB);
    await clients().remove(id);
    assert.equal(await clients().find(id), undefined);
    await assert.rejects(clients().remove(id), { code: 'AUTH_CLIENT_NOT_FOUND', httpStatus: 404 });
    await assert.rejects(clients().remove('a\u0000b'), { code: 'AUTH_CLIENT_NOT_FOUND' });
  });

  for (const [what, change] of Object.entries({
    'a public client with client_credentials': { type: 'public', grants: ['authorization_code', 'client_credentials'] },
    'a refresh grant without the code grant': { redirectURIs: [], grants: ['refresh_token', 'client_credentials'] },
    'a code client without redirect URI': { redirectURIs: [] },
    'a redirect URI for a client that never redirects': { grants: ['client_credentials'] },
    'http on a host that is not loopback': { redirectURIs: ['http://shop.example/callback'] },
    'a fragment': { redirectURIs: ['https://shop.example/callback#x'] },
    'credentials in a redirect URI': { redirectURIs: ['https://user:secret@shop.example/'] },
    'a scheme that runs code': { redirectURIs: ['javascript:alert(1)'] },
    'a scheme that anybody could claim': { redirectURIs: ['myapp:/callback'] },
    'such a URI after logout': { postLogoutRedirectURIs: ['data:text/html,x'] },
  } satisfies Record<string, Partial<ClientDescription>>)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(clients().register({ ...WEB, ...change } as ClientDescription), { code: 'VALIDATION_FAILED', httpStatus: 400 });
    });
  }

  it('takes clients from the configuration, which cannot be removed', async () => {
    const list = clients([{ ...WEB, id: 'shop', secret: 'a-secret-of-16-or-more' }]);
    assert.equal((await list.find('shop'))?.client_secret, 'a-secret-of-16-or-more');
    await assert.rejects(list.remove('shop'), { code: 'AUTH_CLIENT_NOT_FOUND' });
  });

  for (const [what, configured] of Object.entries({
    'what is no JSON': 'shop',
    'what is no list': { id: 'shop' },
    'an unknown field': [{ ...WEB, id: 'shop', secret: 'a-secret-of-16-or-more', admin: true }],
    'the role of our own services': [{ ...WEB, id: 'shop', secret: 'a-secret-of-16-or-more', roles: ['service'] }],
    'a confidential client without a secret': [{ ...WEB, id: 'shop' }],
    'one id twice': [
      { ...WEB, id: 'shop', secret: 'a-secret-of-16-or-more' },
      { ...WEB, id: 'shop', secret: 'a-secret-of-16-or-more' },
    ],
  })) {
    it(`does not start with ${what} in the configuration`, () => {
      assert.throws(() => clients(configured), { code: 'CONFIG_INVALID' });
    });
  }
});
