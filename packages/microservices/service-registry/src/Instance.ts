import type { RouteDeclaration } from '@noa/contracts';

export const InstanceStatus = { Passing: 'passing', Warning: 'warning', Critical: 'critical', Maintenance: 'maintenance' } as const;
export type InstanceStatus = (typeof InstanceStatus)[keyof typeof InstanceStatus];

/** One process of a service, as the registry knows it. */
export interface Instance {
  /** Unique over the deployment. */
  readonly id: string;
  /** Name of the service, `user`. */
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  /** 1..1000, used by the weighted balancer. */
  readonly weight: number;
  readonly zone?: string;
  readonly status: InstanceStatus;
  /** Plain strings, at most 64 of them; `protocol`, `environment` … */
  readonly metadata: Readonly<Record<string, string>>;
  /** Gateway rules that this instance asks for. */
  readonly routes: readonly RouteDeclaration[];
}

/** Whether an instance of this status gets requests. */
export function mayServe({ status }: Instance): boolean {
  return status !== InstanceStatus.Maintenance && status !== InstanceStatus.Critical;
}
