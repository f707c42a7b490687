import type { Random } from '@noa/core';
import type { DataFolder } from './DataFolder.ts';

/** Secrets of one system, made at its first start and kept. */
export interface Secrets {
  /** 32 bytes, base64. */
  readonly encryptionKey: string;
  /** Bearer token of the gateway's admin API. */
  readonly adminToken: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
}

export const SECRETS_FILE = 'secrets/secrets.json';
/** URLs of the databases in use, passwords included; written at each start. */
export const DATABASES_FILE = 'secrets/databases.json';

/** Reads the secrets, or makes random ones (file mode 0600). */
export async function ensureSecrets(folder: DataFolder, random: Random): Promise<Secrets> {
  const kept = await folder.readJSON<Partial<Secrets>>(SECRETS_FILE);
  const text = (bytes: number, encoding: 'base64' | 'base64url'): string => Buffer.from(random.bytes(bytes)).toString(encoding);
  const secrets: Secrets = {
    encryptionKey: kept?.encryptionKey ?? text(32, 'base64'),
    adminToken: kept?.adminToken ?? text(24, 'base64url'),
    adminEmail: kept?.adminEmail ?? 'admin@noa.localhost',
    adminPassword: kept?.adminPassword ?? text(15, 'base64url'),
  };
  if (JSON.stringify(kept) !== JSON.stringify(secrets)) await folder.writeJSON(SECRETS_FILE, secrets);
  return secrets;
}
