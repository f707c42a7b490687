import { call, personOf, prove, until, type DemoStep } from '../DemoContext.ts';

interface Mails {
  readonly items: readonly { readonly subject: string; readonly recipients: readonly string[] }[];
}

const MAIL_MS_MAX = 10_000;

export const welcomeMail: DemoStep = {
  title: 'the event becomes a mail',
  async run(context) {
    const person = personOf(context);
    const read = async (): Promise<Mails['items']> => {
      const answer = await call<Mails>(context.gateway, 'GET', '/api/notifications/sink/messages', { token: person.accessToken });
      prove(answer.status === 200, `the sink answers 200, got ${answer.status}`);
      return answer.body.items;
    };
    const mails = await until('user.registered travels outbox → queue → SMTP', MAIL_MS_MAX, async () => {
      const items = await read();
      return items.length > 0 ? items : undefined;
    });
    prove(mails.length === 1, `one mail, got ${mails.length}`);
    prove(mails[0]?.recipients.includes(person.email) ?? false, 'the mail is for the new address');
    return `"${mails[0]?.subject}" in the sink, once`;
  },
};
