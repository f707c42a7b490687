import { call, personOf, prove, type DemoStep } from '../DemoContext.ts';

interface Refreshed {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const RACERS = 50;

export const refreshRace: DemoStep = {
  title: `${RACERS} refreshes of one token at once`,
  async run(context) {
    const person = personOf(context);
    const answers = await Promise.all(
      Array.from({ length: RACERS }, () =>
        call<Refreshed>(context.gateway, 'POST', '/api/auth/refresh', { body: { refreshToken: person.refreshToken } }),
      ),
    );
    const failed = answers.filter((answer) => answer.status !== 200);
    prove(failed.length === 0, `every racer gets an answer, ${failed.length} got ${failed[0]?.status}`);
    const successors = new Set(answers.map((answer) => answer.body.refreshToken));
    prove(successors.size === 1, `all hold the same successor, got ${successors.size}`);
    const [successor = ''] = successors;
    const next = await call<Refreshed>(context.gateway, 'POST', '/api/auth/refresh', { body: { refreshToken: successor } });
    prove(next.status === 200, `the successor lives, got ${next.status}`);
    person.accessToken = next.body.accessToken;
    person.refreshToken = next.body.refreshToken;
    return 'one live family, nobody logged out';
  },
};
