export { BreakerState, CircuitBreaker, type CircuitBreakerOptions } from './CircuitBreaker.ts';
export { CLIENT_ERRORS } from './errors.ts';
export type { ServiceAnswer } from './readAnswer.ts';
export { RetryBudget, type RetryBudgetOptions } from './RetryBudget.ts';
export { ServiceClient, type ServiceClientOptions, type ServiceRequestOptions } from './ServiceClient.ts';
