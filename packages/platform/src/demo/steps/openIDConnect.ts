import * as oidc from 'openid-client';
import { call, personOf, prove, type DemoContext, type DemoStep } from '../DemoContext.ts';
import { CookieBrowser } from '../CookieBrowser.ts';

const CALLBACK = 'http://localhost/demo-callback';
const PAGES_MAX = 4;

export const openIDConnect: DemoStep = {
  title: 'OpenID Connect with openid-client',
  async run(context) {
    const person = personOf(context);
    const admin = await adminToken(context);
    const registered = await call<{ clientId: string; clientSecret: string }>(context.gateway, 'POST', '/api/auth/clients', {
      token: admin,
      body: { name: `Demo ${context.runId}`, type: 'confidential', redirectURIs: [CALLBACK], grants: ['authorization_code', 'client_credentials'] },
    });
    prove(registered.status === 201, `registering a client answers 201, got ${registered.status}`);
    const { clientId, clientSecret } = registered.body;
    const config = await oidc.discovery(new URL(context.issuer), clientId, {}, oidc.ClientSecretBasic(clientSecret), {
      execute: [oidc.allowInsecureRequests],
    });
    const tokens = await codeFlow(config, person);
    prove(tokens.claims()?.sub === person.id, 'the ID token names the person who logged in');
    const own = await oidc.clientCredentialsGrant(config);
    prove(typeof own.access_token === 'string', 'client credentials give an access token');
    const removed = await call(context.gateway, 'DELETE', `/api/auth/clients/${clientId}`, { token: admin });
    prove(removed.status === 204, `removing the client answers 204, got ${removed.status}`);
    return 'discovery, code + PKCE through the login page, client credentials';
  },
};

async function codeFlow(config: oidc.Configuration, person: { email: string; password: string }) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid email',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  });
  const browser = new CookieBrowser(CALLBACK);
  let page = await browser.open(url.href);
  for (let count = 0; page.callback === undefined && count < PAGES_MAX; count += 1) {
    const action = /<form method="post" action="([^"]+)"/.exec(page.html)?.[1];
    prove(action !== undefined, 'the page has a form');
    const { email, password } = person;
    page = await browser.submit(action, action.endsWith('/login') ? { email, password } : {});
  }
  prove(page.callback !== undefined, 'the pages lead back to the application');
  return oidc.authorizationCodeGrant(config, page.callback, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true });
}

/** A token of the administrator that `up` made. */
export async function adminToken(context: DemoContext): Promise<string> {
  const { adminEmail: email, adminPassword: password } = context.secrets;
  const login = await call<{ accessToken: string }>(context.gateway, 'POST', '/api/auth/login', { body: { email, password } });
  prove(login.status === 200, `the administrator logs in, got ${login.status}`);
  return login.body.accessToken;
}
