import { test } from 'node:test';
import { assertTellsApart, manifest } from './breaks.ts';
import { layers } from './layers.ts';

const house = {
  'package.json': JSON.stringify({ devDependencies: { 'fast-check': '4' } }),
  'packages/core/package.json': manifest('@noa/core', ['pg']),
  'packages/testing/package.json': manifest('@noa/testing', ['@noa/core']),
  'packages/message-queue/package.json': manifest('@noa/message-queue', ['@noa/core', '@noa/database-sharding']),
  'packages/database-sharding/package.json': manifest('@noa/database-sharding', ['@noa/core'], { './main': './src/main.ts' }),
  'packages/microservices/communication/package.json': manifest('@noa/communication', ['@noa/message-queue']),
  'packages/microservices/api-gateway/package.json': manifest('@noa/api-gateway', ['@noa/core']),
  'packages/microservices/services/user/package.json': manifest('@noa/service-user', ['@noa/communication', '@noa/service-auth', '@noa/api-gateway']),
  'packages/microservices/services/auth/package.json': manifest('@noa/service-auth', ['@noa/communication']),
  'packages/platform/package.json': manifest('@noa/platform', ['@noa/service-user']),
};

const cases: readonly [string, string, string, RegExp, string, string][] = [
  [
    'up the layers',
    'packages/core/src/a.ts',
    "import '@noa/message-queue';",
    /core must not import message-queue/,
    'packages/core/src/a.ts',
    "import 'pg';",
  ],
  [
    'between libraries',
    'packages/message-queue/src/a.ts',
    "import { x } from '@noa/database-sharding';",
    /:1 .*message-queue must not import database-sharding/,
    'packages/message-queue/src/a.ts',
    "import { x } from '@noa/core';",
  ],
  [
    'between services',
    'packages/microservices/services/user/src/a.ts',
    "\nexport { x } from '@noa/service-auth';",
    /:2 .*services must not import services/,
    'packages/platform/src/a.ts',
    "export { x } from '@noa/service-user';",
  ],
  [
    'from a service to the gateway',
    'packages/microservices/services/user/src/a.ts',
    "import { x } from '@noa/api-gateway';",
    /services must not import api-gateway/,
    'packages/microservices/services/user/src/a.ts',
    "import { x } from '@noa/communication';",
  ],
  [
    'of testing from what is not a test',
    'packages/core/src/a.ts',
    "import { x } from '@noa/testing';",
    /testing is for tests only/,
    'packages/core/src/a.test.ts',
    "import { x } from '@noa/testing'; import 'fast-check';",
  ],
  [
    'past a front door',
    'packages/message-queue/src/a.ts',
    "const x = await import('@noa/core/src/secret.ts');",
    /goes past the front door/,
    'packages/platform/src/a.test.ts',
    "import '@noa/database-sharding/main';",
  ],
  [
    'into another package by path',
    'packages/message-queue/src/a.ts',
    "import { x } from '../../core/src/index.ts';",
    /reaches into @noa\/core/,
    'packages/message-queue/src/a.ts',
    "import { x } from './b.ts';",
  ],
  [
    'of what no manifest declares',
    'packages/core/src/a.ts',
    "import 'lodash/fp';",
    /lodash is not declared/,
    'packages/core/src/a.ts',
    "import 'node:fs';",
  ],
  [
    'of a built-in module without its scheme',
    'packages/core/src/a.ts',
    "import 'fs';",
    /write node:fs/,
    'packages/core/src/a.ts',
    "import 'node:fs';",
  ],
  [
    'between families of a package',
    'packages/message-queue/src/patterns/A.ts',
    "import { x } from '../providers/B.ts';",
    /patterns must not import providers/,
    'packages/message-queue/src/patterns/A.ts',
    "import { x } from '../QueueProvider.ts';",
  ],
];

for (const [what, badPath, bad, expected, goodPath, good] of cases) {
  test(`refuses an import ${what}`, () => {
    const files = what.startsWith('of testing') ? { ...house, 'packages/core/package.json': manifest('@noa/core', ['@noa/testing']) } : house;
    assertTellsApart(layers, { bad: { ...files, [badPath]: bad }, expected, good: { ...files, [goodPath]: good } });
  });
}
