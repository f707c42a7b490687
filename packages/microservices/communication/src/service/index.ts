export { CallerCheck } from './caller.ts';
export { createServiceApp, REQUEST_ID_HEADER, type ServiceAppOptions } from './createServiceApp.ts';
export { Engines, type EnginesOptions } from './Engines.ts';
export { KERNEL_ERRORS } from './errors.ts';
export { Health, type CheckResult, type HealthReport } from './Health.ts';
export { problemResponses, ProblemSchema } from './problems.ts';
export { runService, runUntilSignal } from './runService.ts';
export {
  defineService,
  type KeyspaceRequest,
  type ServiceApp,
  type ServiceDefinition,
  type ServiceHost,
  type ServiceRequest,
} from './ServiceDefinition.ts';
export { sharedFields, type SharedSettings } from './settings.ts';
export { startService, type RunningService, type StartOverrides } from './startService.ts';
