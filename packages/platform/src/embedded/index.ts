export { EMBEDDED_ERRORS } from './errors.ts';
export { describePortHolder } from './portHolder.ts';
export { findPostgresBinaries } from './postgresBinaries.ts';
export { removeEmbeddedPostgres, stopLeftoverPostgres } from './leftovers.ts';
export { startEmbeddedPostgres, type EmbeddedOptions, type EmbeddedPostgres } from './startEmbeddedPostgres.ts';
export { startTestServer, type TestServer } from './testServer.ts';
export { findUnprivilegedUser } from './unprivilegedUser.ts';
