export { QUEUES } from '../config/queue-config.ts';
export { FEATURES, Support, type Feature, type FeatureSupport, type QueueCapabilities } from './capabilities.ts';
export { createEnvelope, ENVELOPE_ID_LENGTH_MAX, EVENT_TYPE, type EnvelopeParts } from './createEnvelope.ts';
export { createQueueProvider, type QueueProviderOptions } from './createQueueProvider.ts';
export type { Envelope } from './Envelope.ts';
export { QUEUE_ERRORS } from './errors.ts';
export { rejectJob, type Handler, type HandlerContext } from './Handler.ts';
export type {
  Consumer,
  ConsumeOptions,
  DeadLetter,
  Delivery,
  Destination,
  FailureRecord,
  Outcome,
  OutgoingMessage,
  QueueDepth,
  QueueProvider,
} from './providers/QueueProvider.ts';
export { LEASE_MS_MIN, type QueueDefinition, type ResolvedQueue } from './QueueDefinition.ts';
export { GRACE_MS_DEFAULT, QueueManager, type QueueManagerOptions, type SendOptions, type SubscribeOptions } from './QueueManager.ts';
export { describeFailure } from './QueueWorker.ts';
export { matchesTopic } from './topics.ts';
