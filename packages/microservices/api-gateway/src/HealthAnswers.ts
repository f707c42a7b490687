import type { LocalResponse, RequestHead } from './engine/HTTPEngine.ts';

/** What the answers are made of; `Health` of `@noa/communication` fits. */
export interface HealthSource {
  readonly isStarted: boolean;
  report(): Promise<{ readonly status: string; readonly checks: readonly unknown[] }>;
}

/** `/health`, `/health/ready`, `/health/live` and `/health/startup` on the public port: never limited, shed or forwarded. */
export class HealthAnswers {
  readonly #source: HealthSource;

  constructor(source: HealthSource) {
    this.#source = source;
  }

  answer(head: RequestHead): LocalResponse | Promise<LocalResponse> | undefined {
    if (!head.target.startsWith('/health') || (head.method !== 'GET' && head.method !== 'HEAD')) return undefined;
    switch (head.target.split('?')[0]) {
      case '/health/live':
        return json(200, { status: 'passing' });
      case '/health/startup':
        return this.#source.isStarted ? json(200, { status: 'passing' }) : json(503, { status: 'starting' });
      case '/health':
      case '/health/ready':
        return this.#source.report().then((report) => json(report.status === 'passing' ? 200 : 503, report));
      default:
        return undefined;
    }
  }
}

function json(status: number, body: object): LocalResponse {
  return { status, fields: ['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-store'], body: JSON.stringify(body) };
}
