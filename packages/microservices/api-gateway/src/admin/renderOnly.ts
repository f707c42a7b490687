import type { Metrics } from '@noa/core';

const nothing = { add: () => {}, set: () => {}, observe: () => {} };

/** Shows the gateway's metrics without adding the admin API's own requests to them: those would read as public traffic. */
export function renderOnly(metrics: Metrics): Metrics {
  return {
    counter: () => nothing,
    gauge: () => nothing,
    histogram: () => nothing,
    observableGauge: () => {},
    render: () => metrics.render(),
    contentType: metrics.contentType,
  };
}
