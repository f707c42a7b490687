/** Schema of the auth service in the control database. */
export const AUTH_SCHEMA = 'auth';

/** Its tables, as migration 1 made them. */
export const AUTH_TABLES_SQL = `
-- One row per e-mail. pending: the user service has not confirmed the user yet; nobody can log in.
CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE,
  password_hash text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'active', 'disabled')),
  roles text[] NOT NULL,
  display_name text NOT NULL,
  locale text NOT NULL,
  -- Version of the user at the last change of status that was heard of; older news is ignored.
  user_version int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

-- A session is one refresh family: the chain of tokens that began with one login.
CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  user_agent text NOT NULL,
  network text NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoke_reason text
);
CREATE INDEX sessions_of_account ON sessions (account_id, created_at) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE refresh_tokens (
  hash bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  sealed_answer bytea
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_sealed ON refresh_tokens (used_at) WHERE sealed_answer IS NOT NULL;

CREATE TABLE login_failures (
  email_hash bytea NOT NULL,
  network text NOT NULL,
  window_started_at timestamptz NOT NULL,
  failures int NOT NULL,
  locked_until timestamptz,
  PRIMARY KEY (email_hash, network)
);
CREATE INDEX login_failures_by_age ON login_failures (window_started_at);

CREATE TABLE signing_keys (
  kid text PRIMARY KEY,
  alg text NOT NULL,
  state text NOT NULL CHECK (state IN ('next', 'active', 'retired', 'removed')),
  public_jwk jsonb NOT NULL,
  sealed_private bytea,
  published_at timestamptz NOT NULL,
  activated_at timestamptz,
  retired_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_each ON signing_keys (alg, state) WHERE state IN ('next', 'active');

-- What the OpenID Connect engine keeps: sessions, grants, codes, tokens, interactions.
CREATE TABLE oidc_payloads (
  model text NOT NULL,
  id text NOT NULL,
  payload text NOT NULL,
  grant_id text,
  uid text,
  user_code text,
  consumed_at timestamptz,
  expires_at timestamptz,
  PRIMARY KEY (model, id)
);
CREATE INDEX oidc_payloads_of_grant ON oidc_payloads (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oidc_payloads_by_uid ON oidc_payloads (model, uid) WHERE uid IS NOT NULL;
CREATE INDEX oidc_payloads_by_end ON oidc_payloads (expires_at) WHERE expires_at IS NOT NULL;

-- Who uses a refresh token of an OAuth client up, and the sealed answer for those who raced with the same credentials.
CREATE TABLE oidc_refresh_claims (
  hash bytea NOT NULL,
  proof bytea NOT NULL,
  parameters bytea NOT NULL,
  claimed_at timestamptz NOT NULL,
  sealed_answer bytea,
  PRIMARY KEY (hash, proof)
);
CREATE INDEX oidc_refresh_claims_by_age ON oidc_refresh_claims (claimed_at);

CREATE TABLE clients (
  id text PRIMARY KEY,
  name text NOT NULL,
  type text NOT NULL CHECK (type IN ('public', 'confidential')),
  sealed_secret bytea,
  redirect_uris text[] NOT NULL,
  post_logout_redirect_uris text[] NOT NULL,
  grants text[] NOT NULL,
  roles text[] NOT NULL,
  created_at timestamptz NOT NULL
);
`;
