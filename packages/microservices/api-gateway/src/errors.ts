/** Codes that `@noa/api-gateway` answers with: code → when, what to check. */
export const GATEWAY_ERRORS = {
  REQUEST_MALFORMED: 'The request is malformed or ambiguous (framing, Host, Connection, path); the connection is closed. Check the client.',
  REQUEST_LINE_TOO_LONG: 'The request target is longer than 8 KiB (414).',
  HEAD_TOO_LARGE: 'The request head is larger than 16 KiB or has more than 100 fields (431).',
  CONTENT_TOO_LARGE: 'The body is larger than the route takes (413); see `bodyBytesMax` of the route.',
  REQUEST_TIMEOUT: 'The client did not send its head or its body in time (408).',
  EXPECTATION_FAILED: 'The request expects something other than `100-continue` (417).',
  METHOD_NOT_IMPLEMENTED: 'The gateway does not forward this method (501): CONNECT, TRACE and unknown ones.',
  METHOD_NOT_ALLOWED: 'A rule takes this path, but not with this method (405); `Allow` lists those it takes.',
  HTTP_VERSION_UNSUPPORTED: 'Only HTTP/1.1 and HTTP/1.0 are spoken (505).',
  ROUTE_NOT_FOUND: 'No rule takes this path on this host (404); ask /admin/explain.',
  ROUTE_INVALID: 'A rule does not match its schema, or its path pattern is not one; the message says where.',
  ROUTE_CONFLICT: 'A rule takes a path, method and host that another rule has already (409); the message names it.',
  ROUTE_LIMIT: 'The gateway holds as many rules as it may (10,000); remove some first.',
  RATE_LIMITED: 'The client asked more often than the rule allows (429); `Retry-After` says when to come back.',
  UPSTREAM_UNAVAILABLE: 'No instance of the service could take the request (503); look at /admin/upstreams.',
  UPSTREAM_FAILED: 'The instance failed while it handled the request, and repeating it is not safe (502).',
  UPSTREAM_TIMEOUT: 'The service did not answer within the time of the rule or of the caller (504).',
  GATEWAY_OVERLOADED: 'The gateway has as many exchanges or tunnels in progress as it may (503).',
  UPGRADE_REFUSED: 'A WebSocket was asked for on a route without `websocket: true` (400).',
  ADMIN_TOKEN_INVALID: 'The admin API was called without the admin token (401); see NOA_ADMIN_TOKEN.',
} as const;
export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS;
