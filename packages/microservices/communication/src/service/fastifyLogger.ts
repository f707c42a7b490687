import type { FastifyBaseLogger } from 'fastify';
import type { Logger } from '@noa/core';

type Line = (first: unknown, message?: string) => void;

/** Our logger in the form that Fastify asks for: fields may be absent, and there are two more levels. */
export function fastifyLogger(logger: Logger): FastifyBaseLogger {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error'): Line =>
    (first, message) => {
      if (typeof first === 'object' && first !== null) logger[level](first instanceof Error ? { err: first } : first, message ?? '');
      else logger[level]({}, String(first));
    };
  const adapted = {
    level: 'info',
    trace: line('debug'),
    debug: line('debug'),
    // Fastify's own information ("Server listening") says less than our line about it.
    info: line('debug'),
    warn: line('warn'),
    error: line('error'),
    fatal: line('error'),
    silent: () => undefined,
    child: (bindings: Record<string, unknown>) => fastifyLogger(logger.child(bindings)),
  };
  return adapted as FastifyBaseLogger;
}
