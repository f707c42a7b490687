import { after, before, describe } from 'node:test';
import { AcceptanceSystem } from './harness.ts';
import { openAPITests } from './openapi.ts';
import { storyTests } from './story.ts';

/** High enough that the generated requests reach the services; single routes keep their own limits. */
const RATE_LIMIT = '100000';

for (const topology of ['processes', 'inline'] as const) {
  describe(`a system in the topology ${topology}`, () => {
    const system = new AcceptanceSystem({ topology, env: { NOA_GATEWAY_RATE_LIMIT: RATE_LIMIT } });
    before(() => system.up());
    after(() => system.dispose());
    storyTests(() => system.at);
    // What a request means does not depend on where the processes run: the long part is done once.
    if (topology === 'processes') openAPITests(() => system);
  });
}
