export { AUTH_ERRORS } from './errors.ts';
export { authFields, type AuthConfig } from './config.ts';
export { authService } from './main.ts';
