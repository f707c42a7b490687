import { BlockList, isIP } from 'node:net';
import { NoaError } from '@noa/core';

/** Entries of X-Forwarded-For that are looked at; a longer list is somebody's invention. */
const HOPS_MAX = 20;

/** Tells from which network a request came, behind proxies that are believed. */
export class ClientNetwork {
  readonly #trusted = new BlockList();

  /**
   * @param trusted - addresses or networks in CIDR form whose X-Forwarded-For is believed.
   * @throws NoaError `CONFIG_INVALID` for what is no network.
   */
  constructor(trusted: readonly string[]) {
    for (const entry of trusted) this.#trust(entry);
  }

  /** The network of the client: /24 of an IPv4 address, /48 of an IPv6 address; `unknown` when it has none. */
  of(peer: string | undefined, forwardedFor: string | undefined): string {
    const hops = (forwardedFor ?? '').split(',', HOPS_MAX + 1).map((hop) => hop.trim());
    let address = plain(peer ?? '');
    if (hops.length > HOPS_MAX) return networkOf(address);
    // From the nearest hop outwards; the first that is not believed is the client.
    for (const hop of hops.reverse()) {
      if (!this.#isTrusted(address)) break;
      const next = plain(hop);
      if (isIP(next) === 0) break;
      address = next;
    }
    return networkOf(address);
  }

  #trust(entry: string): void {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address);
    const bitsMax = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? bitsMax : Number(bits);
    if (family === 0 || prefix > bitsMax) {
      throw new NoaError('CONFIG_INVALID', { message: `auth.trustedProxies: expected networks, got "${entry}" (NOA_AUTH_TRUSTED_PROXIES)` });
    }
    this.#trusted.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }

  #isTrusted(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** IPv4 out of its IPv6 form. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

function networkOf(address: string): string {
  if (isIP(address) === 4) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  if (isIP(address) !== 6) return 'unknown';
  return `${groupsOf(address).slice(0, 3).join(':')}::/48`;
}

/** The eight groups of an IPv6 address without zone. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(8 - left.length - right.length, 0) }, () => '0');
  return [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, '').toLowerCase());
}
