import { hashInt8 } from './hashInt8.ts';
import { hashText } from './hashText.ts';
import { hashUUID } from './hashUUID.ts';

/** SQL types a shard key may have: `uuid`, `text` (also varchar), `int8` (also int4 and int2). */
export const KEY_TYPES = ['uuid', 'text', 'int8'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** The 32-bit hash of a key given as text. */
export type KeyHasher = (key: string) => number;

const HASHERS: Readonly<Record<KeyType, KeyHasher>> = { uuid: hashUUID, text: hashText, int8: hashInt8 };

/** The function that hashes keys of `keyType` as PostgreSQL does; it throws `SHARD_KEY_INVALID` for a malformed key. */
export function hasherOf(keyType: KeyType): KeyHasher {
  return HASHERS[keyType];
}
