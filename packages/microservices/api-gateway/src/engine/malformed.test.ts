import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { waitFor } from '@noa/testing';
import { echoRoute, exchangeRaw, startBed, startUpstream, type GatewayBed, type TestUpstream } from '../testkit/GatewayBed.ts';

const CRLF = '\r\n';
const head = (...lines: string[]): string => lines.join(CRLF) + CRLF + CRLF;
const H = 'Host: a.example';

/** Requests with two readings, or none (RFC 9112; anchored on what Node's parser takes and what it refuses by itself). */
const MALFORMED: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': head('POST /echo/x HTTP/1.1', H, 'Content-Length: 3', 'Transfer-Encoding: chunked') + 'abc',
  'two Content-Lengths': head('POST /echo/x HTTP/1.1', H, 'Content-Length: 3', 'Content-Length: 4') + 'abcd',
  'two equal Content-Lengths': head('POST /echo/x HTTP/1.1', H, 'Content-Length: 3', 'Content-Length: 3') + 'abc',
  'a list of Content-Lengths': head('POST /echo/x HTTP/1.1', H, 'Content-Length: 3, 3') + 'abc',
  'a signed Content-Length': head('POST /echo/x HTTP/1.1', H, 'Content-Length: +3') + 'abc',
  'a bare LF': 'GET /echo/x HTTP/1.1\nHost: a.example\n\n',
  'obsolete line folding': head('GET /echo/x HTTP/1.1', H, 'X-A: b', ' c'),
  'a space before the colon': head('GET /echo/x HTTP/1.1', H, 'X-A : b'),
  'a NUL in a value': head('GET /echo/x HTTP/1.1', H, 'X-A: b\0c'),
  'a CR in a value': head('GET /echo/x HTTP/1.1', H, 'X-A: b\rc'),
  'an empty field name': head('GET /echo/x HTTP/1.1', H, ': b'),
  'codings that do not end in chunked': head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: chunked, gzip') + '0\r\n\r\n',
  'an unknown coding': head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: xchunked') + '0\r\n\r\n',
  'a vertical tab before chunked': head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: \x0bchunked') + '0\r\n\r\n',
  'identity, chunked': head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: identity, chunked') + '0\r\n\r\n',
  'an empty Transfer-Encoding': head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding:', 'Content-Length: 3') + 'abc',
  'Transfer-Encoding on HTTP/1.0': head('POST /echo/x HTTP/1.0', H, 'Transfer-Encoding: chunked') + '0\r\n\r\n',
  'a missing Host': head('GET /echo/x HTTP/1.1'),
  'two Hosts': head('GET /echo/x HTTP/1.1', H, 'Host: b.example'),
  'a Host with userinfo': head('GET /echo/x HTTP/1.1', 'Host: user@a.example'),
  'a Host with a path': head('GET /echo/x HTTP/1.1', 'Host: a.example/b'),
  'a Host list': head('GET /echo/x HTTP/1.1', 'Host: a.example, b.example'),
  'an empty Host': head('GET /echo/x HTTP/1.1', 'Host:'),
  'a Host with a bad port': head('GET /echo/x HTTP/1.1', 'Host: a.example:99999'),
  'an HTTP/0.9 request': 'GET /echo/x\r\n\r\n',
  'GET *': head('GET * HTTP/1.1', H),
  'an absolute URI of another host': head('GET http://b.example/echo/x HTTP/1.1', H),
  'an absolute URI with another scheme': head('GET ftp://a.example/echo/x HTTP/1.1', H),
  'Connection: content-length': head('POST /echo/x HTTP/1.1', H, 'Connection: content-length', 'Content-Length: 3') + 'abc',
  'Connection: transfer-encoding': head('POST /echo/x HTTP/1.1', H, 'Connection: transfer-encoding', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
  'Connection: host': head('GET /echo/x HTTP/1.1', H, 'Connection: host'),
  'Connection: authorization': head('GET /echo/x HTTP/1.1', H, 'Connection: close, Authorization', 'Authorization: Bearer user'),
  'Connection: x-forwarded-for': head('GET /echo/x HTTP/1.1', H, 'Connection: X-Forwarded-For'),
  'two Authorizations': head('GET /echo/x HTTP/1.1', H, 'Authorization: Bearer a', 'Authorization: Bearer b'),
  'an upgrade with a body': head('GET /echo/x HTTP/1.1', H, 'Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 3') + 'abc',
  'dot segments': head('GET /echo/../admin HTTP/1.1', H),
  'encoded dot segments': head('GET /echo/%2e%2e/admin HTTP/1.1', H),
  'an encoded slash': head('GET /echo/a%2Fb HTTP/1.1', H),
  'an encoded backslash': head('GET /echo/a%5Cb HTTP/1.1', H),
  'a backslash': head('GET /echo/a\\b HTTP/1.1', H),
  'an encoded NUL': head('GET /echo/a%00 HTTP/1.1', H),
  'a doubly encoded slash': head('GET /echo/a%252Fb HTTP/1.1', H),
  'a half escape': head('GET /echo/a%2 HTTP/1.1', H),
  'an escape that is no UTF-8': head('GET /echo/a%ff HTTP/1.1', H),
  'a path that begins with two slashes': head('GET //evil.example/x HTTP/1.1', H),
  'a fragment': head('GET /echo/a#b HTTP/1.1', H),
};

/** Chunked bodies that are broken after a good head. */
const BROKEN_CHUNKS: Readonly<Record<string, string>> = {
  'a bare LF after the size': '3\nabc\r\n0\r\n\r\n',
  'an LF inside an extension': '3;a=\nb\r\nabc\r\n0\r\n\r\n',
  'a size with 0x': '0x3\r\nabc\r\n0\r\n\r\n',
  'an empty extension': '3;\r\nabc\r\n0\r\n\r\n',
  'a space after the size': '3 \r\nabc\r\n0\r\n\r\n',
  'a chunk longer than its size': '3\r\nabcdef\r\n0\r\n\r\n',
};

let bed: GatewayBed;
let upstream: TestUpstream;
const complete: string[] = [];

before(async () => {
  upstream = await startUpstream((request, response) => {
    request.resume();
    request.on('error', () => undefined);
    request.on('end', () => {
      complete.push(`${request.method} ${request.url}`);
      response.end('from the instance');
    });
  });
  bed = await startBed({ routes: [echoRoute] });
  bed.discovery.set('echo', [upstream.instance()]);
});
after(async () => {
  await bed.gateway.stop();
  await upstream.stop();
});

const SMUGGLED = head('GET /echo/smuggled HTTP/1.1', H);

for (const [name, bytes] of Object.entries(MALFORMED)) {
  test(`refuses ${name} with 400 and reads nothing behind it`, async () => {
    complete.length = 0;
    const isPath =
      /path|dot segments|slash|backslash|NUL|encoded|escape|fragment/.test(name) && !name.startsWith('a NUL') && !name.startsWith('a Host');
    // A bad path has one reading as a message: its connection stays good, so ask for the close.
    const request = isPath ? bytes.replace(CRLF + CRLF, `${CRLF}Connection: close${CRLF}${CRLF}`) : bytes + SMUGGLED;
    const answer = await exchangeRaw(bed.port, Buffer.from(request, 'latin1'));
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(answer, /content-type: application\/problem\+json/i);
    assert.match(answer, /connection: close/i);
    assert.match(answer, /"code":"REQUEST_MALFORMED"/);
    assert.equal(answer.split('HTTP/1.1 ').length, 2, 'exactly one answer');
    assert.deepEqual(complete, []);
  });
}

for (const [name, chunks] of Object.entries(BROKEN_CHUNKS)) {
  test(`never lets a chunked body with ${name} reach the instance as complete`, async () => {
    complete.length = 0;
    const answer = await exchangeRaw(bed.port, head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: chunked') + chunks + SMUGGLED);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.equal(answer.split('HTTP/1.1 ').length, 2, 'exactly one answer');
    assert.deepEqual(complete, []);
  });
}

test('answers 505 for another version, 414 for a long target, 431 for a long head and for many fields, 417, 501 for CONNECT', async () => {
  const cases: [string, number, string][] = [
    [head('GET /echo/x HTTP/1.2', H), 505, 'HTTP_VERSION_UNSUPPORTED'],
    [head(`GET /echo/${'a'.repeat(9_000)} HTTP/1.1`, H), 414, 'REQUEST_LINE_TOO_LONG'],
    [head('GET /echo/x HTTP/1.1', H, `X-A: ${'a'.repeat(17_000)}`), 431, 'HEAD_TOO_LARGE'],
    [head('GET /echo/x HTTP/1.1', H, ...Array.from({ length: 120 }, (_item, i) => `X-${i}: a`)), 431, 'HEAD_TOO_LARGE'],
    [head('GET /echo/x HTTP/1.1', H, 'Expect: a-miracle'), 417, 'EXPECTATION_FAILED'],
    [head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443'), 501, 'METHOD_NOT_IMPLEMENTED'],
  ];
  for (const [bytes, status, code] of cases) {
    const answer = await exchangeRaw(bed.port, bytes);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), code);
    assert.match(answer, new RegExp(`"code":"${code}"`));
  }
});

test('refuses a body over the limit of the route with 413: by its length at once, in chunks when it gets there', async () => {
  await using small = await startBed({ routes: [{ ...echoRoute, bodyBytesMax: 1_000 }] });
  small.discovery.set('echo', [upstream.instance()]);
  complete.length = 0;
  const declared = await exchangeRaw(small.port, head('POST /echo/x HTTP/1.1', H, 'Content-Length: 1001') + 'a'.repeat(1_001));
  assert.match(declared, /^HTTP\/1\.1 413 [\s\S]*"code":"CONTENT_TOO_LARGE"/);
  const chunk = `3e8\r\n${'a'.repeat(1_000)}\r\n`;
  const streamed = await exchangeRaw(small.port, `${head('POST /echo/x HTTP/1.1', H, 'Transfer-Encoding: chunked')}${chunk}${chunk}0\r\n\r\n`);
  assert.match(streamed, /^HTTP\/1\.1 413 [\s\S]*"code":"CONTENT_TOO_LARGE"/);
  assert.deepEqual(complete, []);
  const exact = await exchangeRaw(small.port, head('POST /echo/x HTTP/1.1', H, 'Connection: close', 'Content-Length: 1000') + 'a'.repeat(1_000));
  assert.match(exact, /^HTTP\/1\.1 200 /);
});

test('answers 408 when the head does not come, and when the body does not', async () => {
  await using slow = await startBed({ headTimeoutMs: 100, routes: [{ ...echoRoute, timeoutMs: 150 }] });
  slow.discovery.set('echo', [upstream.instance()]);
  assert.match(await exchangeRaw(slow.port, 'GET /echo/x HTTP/1.1\r\nHost: a'), /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/);
  const body = await exchangeRaw(slow.port, `${head('POST /echo/x HTTP/1.1', H, 'Content-Length: 100')}only a part`);
  assert.match(body, /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/);
});

test('answers pipelined requests in their order and takes what is merely unusual', async () => {
  const pipelined = head('GET /echo/1 HTTP/1.1', H) + head('GET /nowhere HTTP/1.1', H) + head('GET /echo/3 HTTP/1.1', H, 'Connection: close');
  const answers = await exchangeRaw(bed.port, pipelined);
  assert.deepEqual(
    [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['200', '404', '200'],
  );
  assert.match(await exchangeRaw(bed.port, head('GET http://A.example/echo/x HTTP/1.1', H, 'Connection: close')), /^HTTP\/1\.1 200 /);
  assert.match(await exchangeRaw(bed.port, head('OPTIONS * HTTP/1.1', H, 'Connection: close')), /^HTTP\/1\.1 204 /);
  assert.match(await exchangeRaw(bed.port, head('GET /echo/x HTTP/1.0')), /^HTTP\/1\.1 200 /);
  const upgraded = head('GET /echo/x HTTP/1.1', H, 'Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk');
  assert.match(await exchangeRaw(bed.port, upgraded), /^HTTP\/1\.1 200 /);
});

test('gives 100 Continue only when the instance wants the body', async () => {
  const expecting = head('POST /nowhere HTTP/1.1', H, 'Expect: 100-continue', 'Content-Length: 3');
  assert.match(await exchangeRaw(bed.port, expecting), /^HTTP\/1\.1 404 /);
  const socket = connect(bed.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write(head('POST /echo/x HTTP/1.1', H, 'Expect: 100-continue', 'Content-Length: 3', 'Connection: close'));
  await waitFor(() => text.includes('100 Continue'));
  socket.write('abc');
  await waitFor(() => text.includes('from the instance'));
  socket.destroy();
});
