import { registerCases, type ProviderWorld, type TestFunction } from './conformanceKit.conformance.ts';
import { FEATURE_CASES } from './conformanceFeatures.conformance.ts';
import { SUBSCRIPTION_CASES } from './conformanceSubscriptions.conformance.ts';
import { WORK_CASES } from './conformanceWork.conformance.ts';

export type { ProviderWorld, TestFunction } from './conformanceKit.conformance.ts';

/**
 * The suite every provider must pass, against its real engine. A case that needs a feature the provider does not have is
 * skipped and names that feature.
 * @param makeProvider - called per case; every provider it opens must reach the same engine.
 */
export function queueProviderConformance(makeProvider: () => ProviderWorld, { test }: { test: TestFunction }): void {
  registerCases('work', WORK_CASES, makeProvider, test);
  registerCases('feature', FEATURE_CASES, makeProvider, test);
  registerCases('subscribe', SUBSCRIPTION_CASES, makeProvider, test);
}
