import { call, prove, type DemoStep } from '../DemoContext.ts';

interface Registered {
  readonly user: { readonly id: string };
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export const registerAndLogIn: DemoStep = {
  title: 'register and log in',
  async run(context) {
    const { gateway, runId } = context;
    const email = `ada.${runId}@example.com`;
    const password = `correct horse ${runId}`;
    const registered = await call<Registered>(gateway, 'POST', '/api/auth/register', { body: { email, password, displayName: 'Ada' } });
    prove(registered.status === 201, `registering answers 201, got ${registered.status}`);
    const again = await call(gateway, 'POST', '/api/auth/register', { body: { email, password: `${password}!`, displayName: 'Eve' } });
    prove(again.status === 409, `the same address with another password answers 409, got ${again.status}`);
    const login = await call<Tokens>(gateway, 'POST', '/api/auth/login', { body: { email, password } });
    prove(login.status === 200, `logging in answers 200, got ${login.status}`);
    const { accessToken, refreshToken } = login.body;
    context.person = { id: registered.body.user.id, email, password, accessToken, refreshToken };
    const me = await call<{ id: string }>(gateway, 'GET', '/api/users/me', { token: accessToken });
    prove(me.status === 200 && me.body.id === registered.body.user.id, 'the token opens the own record');
    const bare = await call(gateway, 'GET', '/api/users/me');
    prove(bare.status === 401, `without a token the gateway answers 401, got ${bare.status}`);
    return `user ${registered.body.user.id}; a second account of the address is refused`;
  },
};
