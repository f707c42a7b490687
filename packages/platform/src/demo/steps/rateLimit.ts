import { call, prove, type DemoStep } from '../DemoContext.ts';

const BURST = 3;
const REQUESTS = 10;

export const rateLimit: DemoStep = {
  title: 'a route made at run time, with a limit of its own',
  async run(context) {
    const { admin } = await context.state();
    const id = `demo.${context.runId}`;
    const path = `/demo-${context.runId}/limited`;
    const token = context.secrets.adminToken;
    const route = { path, methods: ['GET'], service: 'auth', auth: 'none', rateLimit: { requestsPerSecond: 1, burst: BURST } };
    const made = await call(admin, 'PUT', `/admin/routes/${id}`, { token, body: route });
    prove(made.status === 200 || made.status === 201, `the admin API takes the route, got ${made.status}`);
    try {
      const answers = await Promise.all(Array.from({ length: REQUESTS }, () => call(context.gateway, 'GET', path)));
      const refused = answers.filter((answer) => answer.status === 429);
      prove(refused.length >= REQUESTS - BURST - 1, `beyond ${BURST} at once the answer is 429, got ${refused.length} of them`);
      const [first] = refused;
      for (const name of ['retry-after', 'ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']) {
        prove((first?.headers.get(name) ?? '') !== '', `a 429 carries ${name}`);
      }
      prove(first?.headers.get('content-type') === 'application/problem+json', 'a 429 is a problem document');
      return `${refused.length} of ${REQUESTS} refused: RateLimit-Policy ${first?.headers.get('ratelimit-policy')}, Retry-After ${first?.headers.get('retry-after')}`;
    } finally {
      await call(admin, 'DELETE', `/admin/routes/${id}`, { token });
    }
  },
};
