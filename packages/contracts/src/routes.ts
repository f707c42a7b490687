import { Type, type Static } from 'typebox';
import { RoleSchema } from './roles.ts';

export const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const MethodSchema = Type.Unsafe<(typeof HTTP_METHODS)[number]>(Type.Union(HTTP_METHODS.map((method) => Type.Literal(method))));

/** One gateway rule, as a service declares it in its registry entry and as the admin API takes it. */
export const RouteDeclarationSchema = Type.Object(
  {
    /** Unique over the gateway, `user.byId`. */
    id: Type.String({ pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$' }),
    /** Literal segments, `{name}` for one segment, a final `*` for the rest: `/api/users/{id}`, `/oauth/*`. */
    path: Type.String({ pattern: '^/[^\\s?#]{0,1023}$' }),
    /** Empty or absent: every method. HEAD follows GET. */
    methods: Type.Optional(Type.Array(MethodSchema, { uniqueItems: true })),
    /** Only for this Host (without port); absent: any. */
    host: Type.Optional(Type.String({ pattern: '^[a-z0-9.-]{1,253}$' })),
    /** Registry name of the service that answers. */
    service: Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
    /** `required`: 401 without a valid token; `optional`: checked when present; `none`: passed on untouched. */
    auth: Type.Union([Type.Literal('required'), Type.Literal('optional'), Type.Literal('none')]),
    /** With `auth: required`: one of these roles, else 403. */
    roles: Type.Optional(Type.Array(RoleSchema)),
    /** Per client IP; absent: the gateway's default (100/s); null: none. */
    rateLimit: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object(
          {
            requestsPerSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
            /** Requests that may come at once; default = one second's worth. */
            burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
          },
          { additionalProperties: false },
        ),
      ]),
    ),
    /** Whole exchange, default 30_000; the caller's own deadline may shorten it. */
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 900_000 })),
    /** Default 10 MiB. */
    bodyBytesMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 5_368_709_120 })),
    /** Upgrades to WebSocket pass through. Default false. */
    websocket: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type RouteDeclaration = Static<typeof RouteDeclarationSchema>;
