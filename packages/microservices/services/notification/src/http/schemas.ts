import { Type } from 'typebox';
import { EmailSchema, LocaleSchema } from '@noa/contracts';

export const TemplateNameSchema = Type.String({ pattern: '^[a-z][a-z0-9._-]{0,99}$' });
/** One header line. */
export const SubjectSchema = Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\r\\n\\u0000]*$' });
const BodyText = Type.String({ minLength: 1, maxLength: 100_000 });

export const TemplateDataSchema = Type.Record(
  Type.String({ pattern: '^[a-zA-Z][a-zA-Z0-9_]{0,63}$' }),
  Type.Union([Type.String({ maxLength: 10_000 }), Type.Number(), Type.Boolean()]),
  { maxProperties: 100, additionalProperties: false },
);

export const TemplateBodySchema = Type.Object(
  { locale: LocaleSchema, subject: SubjectSchema, text: BodyText, html: Type.Optional(BodyText) },
  { additionalProperties: false },
);

export const TemplateSchema = Type.Object({
  name: TemplateNameSchema,
  locale: Type.String(),
  version: Type.Integer(),
  subject: Type.String(),
  text: Type.String(),
  html: Type.Optional(Type.String()),
});

export const PreviewSchema = Type.Object(
  { locale: Type.Optional(LocaleSchema), data: Type.Optional(TemplateDataSchema) },
  { additionalProperties: false },
);
export const RenderedSchema = Type.Object({ subject: Type.String(), text: Type.String(), html: Type.Optional(Type.String()) });

export const NotificationRequestSchema = Type.Object(
  {
    /** Key of de-duplication: one delivery per key and recipient. */
    key: Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\x21-\\x7e]+$' }),
    to: EmailSchema,
    locale: Type.Optional(LocaleSchema),
    template: Type.Optional(TemplateNameSchema),
    data: Type.Optional(TemplateDataSchema),
    /** Instead of a template. */
    subject: Type.Optional(SubjectSchema),
    text: Type.Optional(BodyText),
  },
  { additionalProperties: false },
);

const StateSchema = Type.Union([
  Type.Literal('queued'),
  Type.Literal('sending'),
  Type.Literal('sent'),
  Type.Literal('failed'),
  Type.Literal('uncertain'),
]);
export const AcceptedSchema = Type.Object({ id: Type.String(), state: StateSchema });
export const NotificationSchema = Type.Object({
  id: Type.String(),
  key: Type.String(),
  channel: Type.Literal('email'),
  recipient: Type.String(),
  subject: Type.String(),
  state: StateSchema,
  attempts: Type.Integer(),
  createdAt: Type.String(),
  timeline: Type.Array(Type.Object({ state: StateSchema, detail: Type.Optional(Type.String()), at: Type.String() })),
});

export const SinkQuerySchema = Type.Object({
  to: Type.Optional(EmailSchema),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20 })),
});
export const SinkPageSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      messageId: Type.Optional(Type.String()),
      sender: Type.String(),
      recipients: Type.Array(Type.String()),
      subject: Type.String(),
      text: Type.String(),
      html: Type.Optional(Type.String()),
      receivedAt: Type.String(),
    }),
  ),
});
