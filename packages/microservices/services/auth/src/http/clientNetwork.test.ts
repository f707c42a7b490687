import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ClientNetwork } from './clientNetwork.ts';

const network = new ClientNetwork(['127.0.0.0/8', '::1/128', '10.1.2.3']);

describe('ClientNetwork', () => {
  it('takes the peer when it is no proxy of ours, whatever it claims', () => {
    assert.equal(network.of('192.0.2.55', '198.51.100.7'), '192.0.2.0/24');
  });

  it('takes the hop before the gateway', () => {
    assert.equal(network.of('127.0.0.1', '198.51.100.7'), '198.51.100.0/24');
    assert.equal(network.of('::ffff:127.0.0.1', '::ffff:198.51.100.7'), '198.51.100.0/24');
    assert.equal(network.of('::1', '2001:db8:1:2:3::4'), '2001:db8:1::/48');
  });

  it('stops at the first hop that is not believed, so invented entries on the left do not count', () => {
    assert.equal(network.of('127.0.0.1', '203.0.113.9, 198.51.100.7, 10.1.2.3'), '198.51.100.0/24');
  });

  it('ignores what is no address, and lists that are too long', () => {
    assert.equal(network.of('127.0.0.1', 'unknown'), '127.0.0.0/24');
    assert.equal(network.of('127.0.0.1', undefined), '127.0.0.0/24');
    assert.equal(network.of('127.0.0.1', Array.from({ length: 50 }, () => '198.51.100.7').join(',')), '127.0.0.0/24');
    assert.equal(network.of(undefined, '198.51.100.7'), 'unknown');
  });

  it('gives all addresses of a /48 one name', () => {
    assert.equal(network.of('2001:DB8::1', undefined), '2001:db8:0::/48');
    assert.equal(network.of('2001:0db8:0000:ffff:1:2:3:4', undefined), '2001:db8:0::/48');
  });

  it('answers some network for any header', () => {
    fc.assert(fc.property(fc.string(), (header) => network.of('127.0.0.1', header).length > 0));
  });

  it('refuses what is no network at start', () => {
    assert.throws(() => new ClientNetwork(['10.0.0.0/33']), { code: 'CONFIG_INVALID' });
    assert.throws(() => new ClientNetwork(['gateway']), { code: 'CONFIG_INVALID' });
  });
});
