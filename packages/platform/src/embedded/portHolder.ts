import { readdir, readFile, readlink } from 'node:fs/promises';

/** Rows of /proc/net/tcp in state LISTEN. */
const LISTEN = '0A';

/** `node (process 4711)` for a port somebody listens on, where the system tells; else undefined. */
export async function describePortHolder(port: number): Promise<string | undefined> {
  const inodes = await listeningSockets(port);
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!inodes.has(link)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process')).trim();
      return `${name} (process ${pid})`;
    }
  }
  return undefined;
}

async function listeningSockets(port: number): Promise<Set<string>> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const found = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const row of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
      if (state === LISTEN && local?.endsWith(`:${wanted}`)) found.add(`socket:[${inode}]`);
    }
  }
  return found;
}
