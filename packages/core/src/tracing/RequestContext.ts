import { AsyncLocalStorage } from 'node:async_hooks';
import type { Deadline } from '../time/Deadline.ts';
import type { TraceContext } from './TraceContext.ts';

/** What belongs to the request or message being handled, wherever the call stack is. */
export interface RequestContext {
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly deadline?: Deadline;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `body` with `context` as the current one, through every await inside. */
export function runWithContext<T>(context: RequestContext, body: () => T): T {
  return storage.run(context, body);
}

export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}
