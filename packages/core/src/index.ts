export {
  loadConfig,
  redactConfig,
  describeSchema,
  type ConfigField,
  type ConfigFields,
  type ConfigOf,
  type Environment,
} from './config/loadConfig.ts';
export { CORE_ERRORS } from './errors.ts';
export { NoaError, isNoaError, describeError, type NoaErrorOptions, type Violation } from './errors/NoaError.ts';
export { toProblem, PROBLEM_CONTENT_TYPE, type Problem } from './errors/problem.ts';
export { uuidv7, isUUID, UUID_PATTERN } from './identity/uuid.ts';
export { StopStack, type Lifecycle, type Stoppable } from './lifecycle/Lifecycle.ts';
export { createLogger, silentLogger, LOG_LEVELS, type Logger, type LogLevel } from './log/Logger.ts';
export { createMetrics, DURATION_BUCKETS, type Counter, type Gauge, type Histogram, type Labels, type Metrics } from './metrics/Metrics.ts';
export { connectDatabase, type DatabaseOptions } from './postgres/connectDatabase.ts';
export {
  isSQLState,
  SQLState,
  type Database,
  type IsolationLevel,
  type ListenHandlers,
  type SQLExecutor,
  type SQLResult,
} from './postgres/Database.ts';
export { migrate, type Migration } from './postgres/migrate.ts';
export { fullJitterMs, type BackoffPolicy } from './resilience/backoff.ts';
export { Semaphore } from './resilience/Semaphore.ts';
export { systemClock, sleepWith, type Clock, type Timer } from './time/Clock.ts';
export { Deadline, DEADLINE_HEADER, DEADLINE_MS_MAX } from './time/Deadline.ts';
export { randomBelow, systemRandom, type Random } from './time/Random.ts';
export { Repeater, type RepeaterOptions } from './time/Repeater.ts';
export { currentContext, runWithContext, type RequestContext } from './tracing/RequestContext.ts';
export { childTrace, formatTraceparent, newTrace, parseTraceparent, TRACEPARENT_HEADER, type TraceContext } from './tracing/TraceContext.ts';
