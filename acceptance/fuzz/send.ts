import { Agent, request } from 'node:http';
import type { FuzzCase } from './cases.ts';
import type { FuzzAnswer } from './judge.ts';

/** An answer that takes longer is a hang. */
const ANSWER_MS_MAX = 40_000;
const TEXT_CHARACTERS_MAX = 100_000;

/** Sends the request as it is, without the tidying of `fetch`. @throws Error when nothing comes at all. */
export function send(base: string, fuzz: FuzzCase, options: { agent: Agent; token?: string }): Promise<FuzzAnswer> {
  const { hostname, port } = new URL(base);
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  return new Promise((resolve, reject) => {
    const call = request({
      hostname,
      port,
      agent: options.agent,
      method: fuzz.method,
      path: fuzz.target,
      headers: { ...authorization, ...fuzz.headers, 'content-length': String(fuzz.body?.length ?? 0) },
      timeout: ANSWER_MS_MAX,
    });
    call.once('response', (response) => {
      let text = '';
      const end = (): void => resolve({ status: response.statusCode, contentType: String(response.headers['content-type'] ?? ''), text });
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        if (text.length < TEXT_CHARACTERS_MAX) text += part;
      });
      response.once('end', end);
      response.once('error', end);
    });
    call.once('timeout', () => {
      call.destroy();
      reject(new Error(`no answer to "${fuzz.name}" ${fuzz.method} ${fuzz.target.slice(0, 100)} within ${ANSWER_MS_MAX} ms`));
    });
    call.once('error', () => resolve({ status: undefined, contentType: '', text: '' }));
    call.end(fuzz.body);
  });
}
