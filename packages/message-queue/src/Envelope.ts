/**
 * What travels: a CloudEvent 1.0 in structured JSON form. `id` is the key for de-duplication: the same id is the same message.
 * Source: CloudEvents 1.0.2; extensions `traceparent` (distributed tracing) and `partitionkey` (partitioning).
 */
export interface Envelope<Data = unknown> {
  readonly specversion: '1.0';
  readonly id: string;
  /** `noa/<service>`. */
  readonly source: string;
  /** Dotted name, `user.registered`; for work queues the job's type. */
  readonly type: string;
  /** The entity it is about. */
  readonly subject?: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly dataschema?: string;
  readonly traceparent?: string;
  /** Messages with one key keep their order where the provider's `ordering` says so. */
  readonly partitionkey?: string;
  readonly data: Data;
}
