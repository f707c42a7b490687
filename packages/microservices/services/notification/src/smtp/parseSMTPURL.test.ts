import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { parseSMTPURL } from './parseSMTPURL.ts';

describe('parseSMTPURL', () => {
  it('reads host, port and login, with the ports of submission when none is given', () => {
    assert.deepEqual(parseSMTPURL('smtp://127.0.0.1:2525'), { host: '127.0.0.1', port: 2525, isSecure: false });
    assert.deepEqual(parseSMTPURL('smtp://mail.example'), { host: 'mail.example', port: 587, isSecure: false });
    assert.deepEqual(parseSMTPURL('smtps://[::1]'), { host: '::1', port: 465, isSecure: true });
    const { auth } = parseSMTPURL('smtps://ada%40noa.example:p%3Aw@mail.example');
    assert.deepEqual(auth, { user: 'ada@noa.example', pass: 'p:w' });
  });

  it('refuses what is no such URL, naming the variable and keeping the password', () => {
    for (const text of [
      'smtp://',
      'smtp:///path',
      'smtp://ada:secret@',
      'smtp://ada:secret@host:99999',
      'smtp://ada:secret%zz@host',
      'http://host',
      'host',
    ]) {
      assert.throws(
        () => parseSMTPURL(text),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'CONFIG_INVALID', text);
          assert.match(error.message, /NOA_SMTP_URL/);
          assert.ok(!inspect(error, { depth: null }).includes(':secret'));
          return true;
        },
      );
    }
  });
});
