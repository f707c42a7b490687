import type { ServiceRequest } from '@noa/communication';

/** For routes all of whose body fields are optional: no body is an empty one. */
export async function takeMissingBody(request: ServiceRequest): Promise<void> {
  request.body ??= {};
}
