/** What differs between a cluster that keeps data and one that tests throw away. */
export interface ClusterTuning {
  /** Default 100. */
  readonly connectionsMax?: number;
  /** False only where the data may be lost with the power. Default true. */
  readonly isDurable?: boolean;
}

/** Command-line settings of a small server: 16 MB of buffers, no socket file, loopback only. */
export function serverSettings(port: number, tuning: ClusterTuning = {}): string[] {
  const isDurable = tuning.isDurable ?? true;
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    // Socket paths are limited to 107 bytes, which a deep data folder exceeds.
    unix_socket_directories: '',
    port,
    max_connections: tuning.connectionsMax ?? 100,
    shared_buffers: '16MB',
    io_method: 'sync',
    huge_pages: 'off',
    jit: 'off',
    // Moves of buckets and change capture read the log logically.
    wal_level: 'logical',
    wal_compression: 'on',
    min_wal_size: '32MB',
    max_wal_size: '512MB',
    fsync: isDurable ? 'on' : 'off',
    synchronous_commit: isDurable ? 'on' : 'off',
    full_page_writes: isDurable ? 'on' : 'off',
    autovacuum_naptime: '20s',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] ',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
