import { createLogger, describeError, isNoaError, systemClock, systemRandom } from '@noa/core';
import type { SupervisorMessage } from '../commands/up.ts';
import { DataFolder } from '../data/DataFolder.ts';
import { openLogFile } from './logFile.ts';
import { Supervisor } from './Supervisor.ts';
import type { UpOptions } from './UpOptions.ts';

/** The detached supervisor: `node main.ts '<UpOptions as JSON>'`; tells its progress over IPC while somebody listens. */
async function main(): Promise<void> {
  const up = JSON.parse(process.argv[2] ?? '{}') as UpOptions;
  const folder = new DataFolder(up.dataPath);
  const logger = createLogger({ name: 'supervisor', level: 'info', destination: openLogFile(folder.logPath('supervisor')) });
  const tell = (message: SupervisorMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const supervisor = new Supervisor({
    up,
    env: process.env,
    clock: systemClock,
    random: systemRandom,
    logger,
    onProgress: (progress) => tell({ type: 'progress', progress }),
  });
  const stop = (): void => {
    supervisor.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'a part failed to stop');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    await supervisor.start();
    logger.info({ topology: up.topology, portBase: up.portBase }, 'the system is healthy');
    tell({ type: 'running' });
  } catch (error) {
    logger.error({ err: error }, 'the start failed');
    tell({ type: 'failed', code: isNoaError(error) ? error.code : 'INTERNAL', message: describeError(error) });
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
