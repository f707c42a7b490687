import { BlockList, isIP } from 'node:net';
import { NoaError } from '@noa/core';
import type { RequestHead } from '../engine/HTTPEngine.ts';

/** Who asks, and what is told to the instance about it. */
export interface ClientOrigin {
  readonly address: string;
  /** `X-Forwarded-*` for the instance. */
  readonly fields: readonly string[];
}

/** Names under which clients claim to be someone else; they end here, whoever sent them. */
const CLAIMS = new Set([
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
]);

/** Addresses of a chain that are looked at, from the nearest. */
const HOPS_MAX = 32;

/** Finds the client's address: the peer itself, or, behind trusted proxies, the nearest address that is not one of them. */
export class ClientAddress {
  readonly #trusted = new BlockList();
  readonly #trustsNobody: boolean;

  /** @param proxies - addresses and networks (`10.0.0.0/8`). @throws NoaError `CONFIG_INVALID`. */
  constructor(proxies: readonly string[]) {
    this.#trustsNobody = proxies.length === 0;
    for (const proxy of proxies) {
      const [address = '', prefix] = proxy.split('/');
      const version = isIP(address);
      const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
      if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 6 ? 128 : 32)) {
        throw new NoaError('CONFIG_INVALID', {
          message: `gateway.trustedProxies: expected an address or network, got "${proxy}" (NOA_GATEWAY_TRUSTED_PROXIES)`,
        });
      }
      this.#trusted.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4');
    }
  }

  origin(head: RequestHead): ClientOrigin {
    const peer = head.remoteAddress;
    const ownProto = head.isEncrypted ? 'https' : 'http';
    if (this.#trustsNobody || !this.#isTrusted(peer)) {
      return { address: peer, fields: forwardedFields(peer, ownProto, head.host) };
    }
    const chain = (head.field('x-forwarded-for') ?? '')
      .split(',')
      .map((hop) => hop.trim())
      .filter((hop) => hop !== '')
      .slice(-HOPS_MAX);
    let address = peer;
    for (let i = chain.length - 1; i >= 0 && this.#isTrusted(address); i -= 1) {
      if (isIP(chain[i] as string) === 0) break;
      address = chain[i] as string;
    }
    const proto = head.field('x-forwarded-proto')?.toLowerCase();
    const host = head.field('x-forwarded-host');
    return {
      address,
      fields: forwardedFields(
        [...chain, peer].join(', '),
        proto === 'https' || proto === 'http' ? proto : ownProto,
        host !== undefined && /^[A-Za-z0-9_.:[\]-]{1,260}$/.test(host) ? host : head.host,
      ),
    };
  }

  #isTrusted(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#trusted.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Fields about the client's identity that only the gateway may set. */
export function isClaim(name: string): boolean {
  return CLAIMS.has(name) || name.startsWith('x-forwarded-');
}

function forwardedFields(chain: string, proto: string, host: string): string[] {
  return ['x-forwarded-for', chain, 'x-forwarded-proto', proto, ...(host === '' ? [] : ['x-forwarded-host', host])];
}
