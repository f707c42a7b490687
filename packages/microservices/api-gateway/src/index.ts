export { AdminAPI, type AdminAPIOptions } from './admin/AdminAPI.ts';
export { APIGateway, type APIGatewayOptions } from './APIGateway.ts';
export { gatewayConfig, type GatewayConfig } from './config.ts';
export type {
  Attempt,
  AttemptFailure,
  Decided,
  Decision,
  ExchangeHandler,
  ExchangeResult,
  FieldList,
  Forwarding,
  HTTPEngine,
  LocalResponse,
  Refusal,
  RequestHead,
} from './engine/HTTPEngine.ts';
export { NodeHTTPEngine, type NodeHTTPEngineOptions } from './engine/NodeHTTPEngine.ts';
export { GATEWAY_ERRORS, type GatewayErrorCode } from './errors.ts';
export type { TokenChecker } from './policies/authenticate.ts';
export type { Explanation, Route } from './RouteRegistry.ts';
export { PostgresRouteStore } from './store/PostgresRouteStore.ts';
export type { RouteStore } from './store/RouteStore.ts';
export type { DiscoverySource } from './upstreams/DiscoveredUpstreams.ts';
export type { UpstreamState } from './upstreams/Upstreams.ts';
