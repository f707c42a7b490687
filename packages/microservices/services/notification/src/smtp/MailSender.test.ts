import { afterEach, beforeEach, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { systemClock } from '@noa/core';
import { SimulatedClock, waitFor } from '@noa/testing';
import { SMTPDouble } from '../testing/SMTPDouble.ts';
import { MailSender, type SendOutcome } from './MailSender.ts';

let smtp: SMTPDouble;
let url: string;

beforeEach(async () => {
  smtp = new SMTPDouble();
  url = await smtp.start();
});
afterEach(() => smtp.stop());

function sender(address = url): MailSender {
  return new MailSender({ url: address, sender: 'Noa <no-reply@noa.localhost>', clock: systemClock });
}

const mail = { id: 'id-1', recipient: 'ada@noa.example', subject: 'Grüße', text: 'hello\n.\nend', html: '<p>hello</p>' };

async function kindOf(outcome: Promise<SendOutcome>): Promise<string> {
  return (await outcome).kind;
}

describe('MailSender', () => {
  it('sends text and HTML with an id that follows from the message', async () => {
    assert.deepEqual(await sender().send(mail), { kind: 'sent' });
    assert.match(smtp.contents[0]!, /Message-ID: <id-1@noa\.localhost>/i);
    assert.match(smtp.contents[0]!, /Auto-Submitted: auto-generated/i);
    assert.match(smtp.contents[0]!, /multipart\/alternative/);
    assert.match(smtp.contents[0]!, /\r\n\.\.\r\n/);
  });

  it('takes a server that is away, hangs up or defers as one to be asked later', async () => {
    smtp.mode = 'hang-up';
    assert.equal(await kindOf(sender().send(mail)), 'later');
    smtp.mode = 'defer';
    assert.equal(await kindOf(sender().send(mail)), 'later');
    await smtp.stop();
    assert.equal(await kindOf(sender().send(mail)), 'later');
  });

  it('takes a refused login as our fault, not the mail’s: later', async () => {
    smtp.mode = 'auth';
    const outcome = await sender(url.replace('smtp://', 'smtp://noa:secret@')).send(mail);
    assert.equal(outcome.kind, 'later');
    assert.ok(outcome.kind === 'later' && !outcome.reason.includes('secret'));
  });

  it('takes a 5xx to the recipient as final and does not repeat the address', async () => {
    smtp.mode = 'reject';
    const outcome = await sender().send(mail);
    assert.ok(outcome.kind === 'refused' && outcome.reason.includes('550') && !outcome.reason.includes(mail.recipient));
  });

  it('is uncertain when the connection breaks after the content, and connects no second time', async () => {
    smtp.mode = 'drop';
    assert.equal(await kindOf(sender().send(mail)), 'uncertain');
    assert.deepEqual([smtp.contents.length, smtp.connections], [1, 1]);
  });

  it('refuses an address that cannot be written in SMTP', async () => {
    assert.equal(await kindOf(sender().send({ ...mail, recipient: 'a>b@noa.example' })), 'refused');
    assert.equal(smtp.contents.length, 0);
  });

  it('writes one recipient and one subject line, whatever they hold', async () => {
    await sender().send({ ...mail, recipient: 'ada,eve@noa.example', subject: 'a\r\nBcc: eve@noa.example' });
    for (const content of smtp.contents) assert.doesNotMatch(content, /^Bcc:/im);
  });

  it('gives up a server that answers nothing for too long', async () => {
    const clock = new SimulatedClock();
    smtp.mode = 'silent';
    const outcome = new MailSender({ url, sender: 'Noa <no-reply@noa.localhost>', clock }).send(mail);
    await waitFor(() => smtp.connections === 1);
    await clock.advance(120_000);
    assert.equal(await kindOf(outcome), 'later');
    assert.equal(clock.pendingTimers, 0);
  });

  it('breaks off what is being sent when it is stopped', async () => {
    smtp.mode = 'silent';
    const stopping = sender();
    const outcome = stopping.send(mail);
    await waitFor(() => smtp.connections === 1);
    await stopping.stop();
    assert.equal(await kindOf(outcome), 'later');
  });
});
