import { createHash } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import type { ServiceApp, ServiceRequest } from '@noa/communication';
import type { SessionFamilyRevoked } from '@noa/contracts';
import type { ExchangeResult, RefreshClaims, TokenEndpointAnswer } from '../domain/RefreshClaims.ts';
import { hashOfToken } from '../domain/TokenMinter.ts';
import type { OidcAdapter } from '../store/OidcAdapter.ts';
import { dispatch } from './dispatch.ts';
import type { OidcEngine } from './OidcEngine.ts';

export interface TokenRouteOptions {
  readonly engine: OidcEngine;
  readonly claims: RefreshClaims;
  /** Where the engine keeps refresh tokens. */
  readonly refreshTokens: OidcAdapter;
  readonly announceRevoked: (event: SessionFamilyRevoked) => Promise<void>;
}

const BODY_BYTES_MAX = 56 * 1_024;
const HIDDEN = { schema: { hide: true } };
const USED_BY_ANOTHER = { error: 'invalid_grant', error_description: 'the refresh token was used by another request' };

/** The token endpoint: refreshes pass the claim in front of the engine, everything else goes straight to it. */
export function addTokenRoute(app: ServiceApp, options: TokenRouteOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) => done(null, body));
  app.post('/oauth/token', HIDDEN, async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const answer = await answerOf(options, request, body);
    return reply.code(answer.status).headers(answer.headers).serializer(String).send(answer.body);
  });
}

async function answerOf(options: TokenRouteOptions, request: ServiceRequest, body: Buffer): Promise<TokenEndpointAnswer> {
  const { engine, claims, refreshTokens } = options;
  const ask = (): Promise<TokenEndpointAnswer> => dispatch(request.raw, body, (copy, response) => engine.handle(copy, response));
  const form = new URLSearchParams(body.toString('utf8'));
  const token = form.get('refresh_token');
  if (form.get('grant_type') !== 'refresh_token' || token === null) return ask();
  // A token that does not exist claims nothing: strangers cannot fill the table.
  const known = await refreshTokens.find(token);
  if (known === undefined) return ask();
  const proof = digestOf(request.headers.authorization, form.get('client_id'), form.get('client_secret'));
  const parameters = digestOf(form.get('scope'), ...form.getAll('resource'));
  const askAndTell = async (): Promise<TokenEndpointAnswer> => {
    const answer = await ask();
    if (answer.status === 400 && known.consumed !== undefined) await tellReuse(options, token, known);
    return answer;
  };
  return refused(await claims.exchange({ hash: hashOfToken(token), proof }, parameters, askAndTell));
}

/** The engine has destroyed a token that was used before, and its grant with it: that is told to the others. */
async function tellReuse({ refreshTokens, announceRevoked }: TokenRouteOptions, token: string, known: AdapterPayload): Promise<void> {
  if ((await refreshTokens.find(token)) !== undefined) return;
  await announceRevoked({ userId: known.accountId ?? '', sessionId: known.grantId ?? '', reason: 'refresh-token-reuse' });
}

function refused(result: ExchangeResult): TokenEndpointAnswer {
  if (result !== 'other-parameters') return result;
  return {
    status: 400,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: JSON.stringify(USED_BY_ANOTHER),
  };
}

/** One hash of several optional texts, none of which can run into another. */
function digestOf(...parts: (string | null | undefined)[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
