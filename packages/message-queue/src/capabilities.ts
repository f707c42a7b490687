/**
 * How a provider offers a feature: `native` by the engine itself; `emulated` by Noa, at the stated cost; `unsupported`: refused when
 * the queue is declared.
 */
export const Support = { Native: 'native', Emulated: 'emulated', Unsupported: 'unsupported' } as const;
export type Support = (typeof Support)[keyof typeof Support];

export const FEATURES = [
  'delay',
  'priority',
  'ordering',
  'deduplication',
  'retryBackoff',
  'deadLetter',
  'redrive',
  'publishSubscribe',
  'topicPatterns',
  'requestReply',
  'transactionalEnqueue',
  'leaseExtension',
  'cancelQueued',
  'browse',
  'exactDepth',
  'replay',
] as const;
export type Feature = (typeof FEATURES)[number];

export interface FeatureSupport {
  readonly support: Support;
  /** Cost of an emulation, or a limit of the native feature, in one line. */
  readonly note?: string;
}

export interface QueueCapabilities {
  readonly provider: string;
  /** Version of the live engine, read from it. */
  readonly engineVersion: string;
  /** What an acknowledged send survives, in one sentence. */
  readonly acknowledgementSurvives: string;
  readonly features: Readonly<Record<Feature, FeatureSupport>>;
}
