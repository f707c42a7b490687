import formbody from '@fastify/formbody';
import { errors, type InteractionResults } from 'oidc-provider';
import type { ServiceApp, ServiceRequest } from '@noa/communication';
import { isNoaError, NoaError } from '@noa/core';
import type { Credentials } from '../domain/Credentials.ts';
import type { ClientNetwork } from './clientNetwork.ts';
import type { OidcEngine } from './OidcEngine.ts';
import { consentPage, formTargetOf, loginPage, messagePage, policyOf } from './pages.ts';

export interface InteractionRoutesOptions {
  readonly engine: OidcEngine;
  readonly credentials: Credentials;
  readonly network: ClientNetwork;
  readonly issuer: string;
}

type ServiceReply = Parameters<ServiceApp['errorHandler']>[2];
type Interaction = Awaited<ReturnType<OidcEngine['provider']['interactionDetails']>>;

const FORM_BYTES_MAX = 16_384;
const HIDDEN = { schema: { hide: true } };
/** What the consent page calls each scope. */
const WISHES: Readonly<Record<string, string>> = {
  openid: 'Know who you are',
  email: 'See your e-mail address',
  profile: 'See your name and language',
  api: 'Use Noa in your name',
  offline_access: 'Do so while you are away',
};

/**
 * The pages on which a person logs in and consents: plain HTML forms without script. An interaction belongs to one browser
 * by a signed cookie; forms from other origins are refused.
 */
export async function addInteractionRoutes(app: ServiceApp, options: InteractionRoutesOptions): Promise<void> {
  await app.register(formbody, { bodyLimit: FORM_BYTES_MAX });
  app.addHook('onRequest', async (request) => refuseForeign(request, options.issuer));
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));

  app.get('/oauth/interaction/:uid', HIDDEN, async (request, reply) => {
    const interaction = await detailsOf(options, request, reply);
    if (interaction.prompt.name === 'login') return sendLogin(options, reply, interaction, {});
    const action = `/oauth/interaction/${interaction.uid}`;
    return sendPage(reply, consentPage({ action, clientName: await clientNameOf(options, interaction), wishes: wishesOf(interaction) }), interaction);
  });

  app.post('/oauth/interaction/:uid/login', HIDDEN, async (request, reply) => {
    const interaction = await detailsOf(options, request, reply);
    if (interaction.prompt.name !== 'login') throw gone();
    const { email, password } = credentialsOf(request.body);
    try {
      const from = options.network.of(request.socket.remoteAddress, forwardedFor(request));
      const account = await options.credentials.check(email, password, from);
      return await finish(options, request, reply, { login: { accountId: account.id, remember: true } }, false);
    } catch (error) {
      if (!isNoaError(error) || error.httpStatus >= 500) throw error;
      return sendLogin(options, reply.code(error.httpStatus), interaction, { email, error: error.message });
    }
  });

  app.post('/oauth/interaction/:uid/consent', HIDDEN, async (request, reply) => {
    const interaction = await detailsOf(options, request, reply);
    if (interaction.prompt.name !== 'consent') throw gone();
    const grantId = await grantOf(options, interaction);
    return finish(options, request, reply, { consent: interaction.grantId === undefined ? { grantId } : {} }, true);
  });

  app.post('/oauth/interaction/:uid/abort', HIDDEN, async (request, reply) => {
    await detailsOf(options, request, reply);
    return finish(options, request, reply, { error: 'access_denied', error_description: 'the person declined' }, false);
  });
}

/** Browsers send Origin with every form; another site's form is refused before anything is read. */
async function refuseForeign(request: ServiceRequest, issuer: string): Promise<void> {
  const { origin } = request.headers;
  if (request.method === 'POST' && origin !== undefined && origin !== new URL(issuer).origin) {
    throw new NoaError('AUTH_ORIGIN_REFUSED', { message: 'This form came from another site', httpStatus: 403 });
  }
}

async function detailsOf({ engine }: InteractionRoutesOptions, request: ServiceRequest, reply: ServiceReply): Promise<Interaction> {
  try {
    const interaction = await engine.provider.interactionDetails(engine.asIssuer(request.raw), reply.raw);
    if (interaction.uid !== (request.params as { uid?: string }).uid) throw gone();
    return interaction;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw gone(error);
    throw error;
  }
}

async function finish(
  { engine }: InteractionRoutesOptions,
  request: ServiceRequest,
  reply: ServiceReply,
  result: InteractionResults,
  mergeWithLastSubmission: boolean,
): Promise<ServiceReply> {
  const target = await engine.provider.interactionResult(engine.asIssuer(request.raw), reply.raw, result, { mergeWithLastSubmission });
  return reply.redirect(target, 303);
}

/** The grant of this person to this client, with what was asked for added. */
async function grantOf({ engine }: InteractionRoutesOptions, interaction: Interaction): Promise<string> {
  const { Grant } = engine.provider;
  const accountId = interaction.session?.accountId;
  const clientId = String(interaction.params['client_id']);
  if (accountId === undefined) throw gone();
  const known = interaction.grantId === undefined ? undefined : await Grant.find(interaction.grantId);
  const grant = known ?? new Grant({ accountId, clientId });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = missingOf(interaction);
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims);
  for (const [indicator, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(indicator, scopes.join(' '));
  return grant.save();
}

interface Missing {
  readonly missingOIDCScope?: string[];
  readonly missingOIDCClaims?: string[];
  readonly missingResourceScopes?: Record<string, string[]>;
}

function missingOf(interaction: Interaction): Missing {
  return interaction.prompt.details as Missing;
}

function wishesOf(interaction: Interaction): string[] {
  const { missingOIDCScope = [], missingResourceScopes = {} } = missingOf(interaction);
  const scopes = new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()]);
  return scopes.size === 0 ? [WISHES['openid'] ?? ''] : [...scopes].map((scope) => WISHES[scope] ?? scope);
}

async function sendLogin(
  options: InteractionRoutesOptions,
  reply: ServiceReply,
  interaction: Interaction,
  again: { email?: string; error?: string },
): Promise<ServiceReply> {
  const hint = interaction.params['login_hint'];
  const email = again.email ?? (typeof hint === 'string' ? hint : undefined);
  const html = loginPage({
    action: `/oauth/interaction/${interaction.uid}`,
    clientName: await clientNameOf(options, interaction),
    ...(email === undefined ? {} : { email }),
    ...(again.error === undefined ? {} : { error: again.error }),
  });
  return sendPage(reply, html, interaction);
}

async function clientNameOf({ engine }: InteractionRoutesOptions, interaction: Interaction): Promise<string> {
  const client = await engine.provider.Client.find(String(interaction.params['client_id']));
  return client?.clientName ?? 'an application';
}

function sendPage(reply: ServiceReply, html: string, interaction?: Interaction): ServiceReply {
  const target = interaction?.params['redirect_uri'];
  return reply
    .header('content-security-policy', policyOf(typeof target === 'string' ? formTargetOf(target) : []))
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .header('x-content-type-options', 'nosniff')
    .type('text/html; charset=utf-8')
    .send(html);
}

function sendError(reply: ServiceReply, error: unknown): ServiceReply {
  const status = isNoaError(error) ? error.httpStatus : ((error as { statusCode?: number }).statusCode ?? 500);
  const text = isNoaError(error) && status < 500 ? error.message : 'The login could not go on. Start again from the application.';
  if (status >= 500) reply.log.error({ err: error }, 'a login page failed');
  return sendPage(reply.code(status), messagePage('This did not work', text));
}

function credentialsOf(body: unknown): { email: string; password: string } {
  const { email, password } = (body ?? {}) as Record<string, unknown>;
  if (typeof email === 'string' && typeof password === 'string' && email.length <= 254 && password.length <= 1_024) return { email, password };
  throw new NoaError('VALIDATION_FAILED', { message: 'E-mail and password are needed', httpStatus: 400 });
}

function forwardedFor(request: ServiceRequest): string {
  return [request.headers['x-forwarded-for']].flat().join(',');
}

function gone(cause?: unknown): NoaError {
  return new NoaError('AUTH_INTERACTION_GONE', {
    message: 'This login page is no longer valid. Start again from the application.',
    httpStatus: 400,
    cause,
  });
}
