export { USER_ERRORS } from './errors.ts';
export { userService } from './main.ts';
