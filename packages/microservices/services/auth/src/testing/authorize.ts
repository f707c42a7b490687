import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { PASSWORD } from './setupDomain.ts';
import type { Browser } from './startAuth.ts';

export const CALLBACK = 'https://shop.example/callback';

interface Flow {
  readonly config: oidc.Configuration;
  readonly browser: Browser;
  readonly redirect?: string;
  readonly parameters?: Record<string, string>;
}

/** From the application's link to the code, through the pages as a person uses them. */
export async function authorize({ config, browser, redirect = CALLBACK, parameters = {} }: Flow) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope: 'openid email profile',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  let { url: target, response } = await browser.follow(await browser.get(url.href));
  for (let pageNumber = 0; target === '' && pageNumber < 3; pageNumber += 1) {
    const html = await response.text();
    const action = /<form method="post" action="([^"]+)"/.exec(html)?.[1] ?? assert.fail(html);
    const form: Record<string, string> = action.endsWith('/login') ? { email: 'ada@noa.example', password: PASSWORD } : {};
    ({ url: target, response } = await browser.follow(await browser.post(action, form)));
  }
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  return { callback: new URL(target), checks };
}
