import type { Counter, Gauge, Histogram, Metrics } from '@noa/core';

/** The queue's figures; label `queue` is the queue's name, for publishing the event's type. */
export interface QueueMetrics {
  readonly published: Counter;
  readonly consumed: Counter;
  readonly retries: Counter;
  readonly deadLetters: Counter;
  readonly stale: Counter;
  readonly handedBack: Counter;
  readonly processing: Histogram;
  readonly age: Histogram;
  readonly consumers: Gauge;
  readonly size: Gauge;
}

const AGE_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3_600, 86_400] as const;

export function queueMetrics(metrics: Metrics): QueueMetrics {
  const labels = ['queue'] as const;
  return {
    published: metrics.counter('queue_messages_published_total', 'Messages the engine has acknowledged', labels),
    consumed: metrics.counter('queue_messages_consumed_total', 'Messages handled and acknowledged', labels),
    retries: metrics.counter('queue_message_retries_total', 'Failed attempts that are tried again', labels),
    deadLetters: metrics.counter('queue_messages_dead_letter_total', 'Messages given up', labels),
    stale: metrics.counter('queue_message_stale_settlements_total', 'Outcomes refused because the lease had passed on', labels),
    handedBack: metrics.counter('queue_messages_handed_back_total', 'Messages given back unfinished by a draining worker', labels),
    processing: metrics.histogram('queue_message_processing_duration_seconds', 'Time in the handler', labels),
    age: metrics.histogram('queue_message_age_seconds', 'From the making of a message to the start of an attempt', labels, AGE_BUCKETS),
    consumers: metrics.gauge('queue_consumers_active', 'Handlers running now in this process', labels),
    size: metrics.gauge('queue_size', 'Messages by state, when last asked for', ['queue', 'state']),
  };
}
