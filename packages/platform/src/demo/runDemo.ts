import { systemClock } from '@noa/core';
import type { DemoContext, DemoStep } from './DemoContext.ts';
import { killUnderLoad } from './steps/killUnderLoad.ts';
import { openIDConnect } from './steps/openIDConnect.ts';
import { rateLimit } from './steps/rateLimit.ts';
import { refreshRace } from './steps/refreshRace.ts';
import { registerAndLogIn } from './steps/registerAndLogIn.ts';
import { rowOnItsShard } from './steps/rowOnItsShard.ts';
import { welcomeMail } from './steps/welcomeMail.ts';

/** The story so far, in its order. */
export const DEMO_STEPS: readonly DemoStep[] = [registerAndLogIn, rowOnItsShard, welcomeMail, openIDConnect, refreshRace, killUnderLoad, rateLimit];

export interface DemoResult {
  readonly title: string;
  readonly status: 'proved' | 'skipped';
  readonly detail: string;
  readonly durationMs: number;
}

/** Runs the steps; the first thing that is not so ends it. @throws NoaError `DEMO_FAILED`. */
export async function runDemo(context: DemoContext, onResult: (result: DemoResult) => void): Promise<DemoResult[]> {
  const results: DemoResult[] = [];
  for (const step of DEMO_STEPS) {
    const startedMs = systemClock.monotonicMs();
    const outcome = await step.run(context);
    const isSkipped = typeof outcome !== 'string';
    const result: DemoResult = {
      title: step.title,
      status: isSkipped ? 'skipped' : 'proved',
      detail: isSkipped ? outcome.skipped : outcome,
      durationMs: Math.round(systemClock.monotonicMs() - startedMs),
    };
    results.push(result);
    onResult(result);
  }
  return results;
}
