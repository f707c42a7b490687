import { Support, type FeatureSupport, type QueueCapabilities } from '../capabilities.ts';

const native = (note?: string): FeatureSupport => ({ support: Support.Native, ...(note === undefined ? {} : { note }) });
const emulated = (note: string): FeatureSupport => ({ support: Support.Emulated, note });
const unsupported = (note: string): FeatureSupport => ({ support: Support.Unsupported, note });

/** What queues in PostgreSQL can do in this version. @param engineVersion - the server's own. */
export function postgresCapabilities(engineVersion: string): QueueCapabilities {
  return {
    provider: 'postgres',
    engineVersion,
    acknowledgementSurvives: 'A crash of any process and of the server: the send is a committed transaction in its write-ahead log.',
    features: {
      delay: native('never early by the server’s clock'),
      priority: native(),
      ordering: unsupported('messages start in order of priority and age, but attempts and several workers overtake; no order per key yet'),
      deduplication: native('by envelope id, per queue: while the message waits or runs, and for a day after its end'),
      retryBackoff: emulated('full jitter is drawn by the worker; one statement per retry'),
      deadLetter: native(),
      redrive: native('each dead letter moves at most once'),
      publishSubscribe: emulated('one stored copy per subscriber'),
      topicPatterns: emulated('a table of patterns, read at each publish'),
      requestReply: unsupported('not in this version'),
      transactionalEnqueue: native('transactions of the queue’s own database only'),
      leaseExtension: native('renewed by the worker three times per lease; a handler that blocks the event loop for a whole lease loses it'),
      cancelQueued: unsupported('not in this version'),
      browse: unsupported('dead letters only'),
      exactDepth: native('counted when asked for'),
      replay: unsupported('finished messages are not kept to be read again'),
    },
  };
}
