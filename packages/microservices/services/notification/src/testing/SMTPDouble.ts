import { createServer, type Server, type Socket } from 'node:net';

/** `drop`: the connection is cut once the content has arrived; `reject` and `defer`: answers to the recipient; `auth`: wants a login and refuses it; `silent`: greets and says no more. */
export type SMTPMode = 'accept' | 'reject' | 'defer' | 'drop' | 'hang-up' | 'auth' | 'silent';

/** As much of an SMTP server as is needed to misbehave at a chosen step. */
export class SMTPDouble {
  mode: SMTPMode = 'accept';
  /** Contents that have arrived whole, answered or not. */
  readonly contents: string[] = [];
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  /** @param port - 0 takes a free one. @returns the URL. */
  start(port = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(`smtp://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
      });
    });
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    if (this.mode === 'hang-up') return void socket.destroy();
    let pending = '';
    let isContent = false;
    socket.write('220 double\r\n');
    if (this.mode === 'silent') return;
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('utf8');
      for (;;) {
        const end = pending.indexOf(isContent ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const text = pending.slice(0, end);
        pending = pending.slice(end + (isContent ? 5 : 2));
        if (isContent) {
          isContent = false;
          this.contents.push(text);
          if (this.mode === 'drop') return void socket.destroy();
          socket.write('250 taken\r\n');
        } else {
          isContent = text === 'DATA';
          socket.write(`${this.#answer(text.split(/[ :]/)[0]!.toUpperCase(), text)}\r\n`);
        }
      }
    });
  }

  #answer(command: string, line: string): string {
    if (command === 'EHLO') return this.mode === 'auth' ? '250-double\r\n250 AUTH PLAIN' : '250 double';
    if (command === 'AUTH') return '535 who are you';
    if (command === 'DATA') return '354 go on';
    if (command === 'QUIT') return '221 bye';
    if (command === 'RCPT' && this.mode === 'reject') return `550 no such mailbox ${line.slice('RCPT TO:'.length)}`;
    if (command === 'RCPT' && this.mode === 'defer') return '451 not now';
    return '250 ok';
  }
}
