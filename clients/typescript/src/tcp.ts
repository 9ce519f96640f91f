/** Lines over TCP or TLS (§1.1), for Node. */

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

import type { Transport, TransportEvents, Wire } from './transport.js';

/** More than any answer has; a server that sends a longer line is none. */
const LINE_BYTES = 16 * 1_048_576;

const LF = 0x0a;

export interface TcpOptions {
  /**
   * Whether, and with what options, TLS is used. Certificates are verified, and the name in them. By default it is
   * used for all hosts but the machine itself.
   */
  tls?: boolean | ConnectionOptions;
}

/** Connect with TCP: port 12345, unless the server is configured otherwise. */
export function tcp(host: string, port: number, { tls = !isLoopback(host) }: TcpOptions = {}): Transport {
  return (events) => {
    const servername = isIP(host) ? {} : { servername: host };
    const options = typeof tls === 'object' ? tls : {};
    const socket = tls ? connectTls({ host, port, ...servername, ...options }) : connectTcp({ host, port });
    return new Lines(socket, tls ? 'secureConnect' : 'connect', events);
  };
}

/** Whether a host is this machine, to which tokens may go without TLS. */
export function isLoopback(host: string): boolean {
  // A name may begin like an address: 127.example.org is anybody's.
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

class Lines implements Wire {
  readonly #socket: Socket;
  readonly #events: TransportEvents;
  /** The pieces of a line whose end has not come. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** What came and is still to be told: one a turn, as WebSocket does, so that promises are settled in between. */
  #waiting: (() => void)[] = [];
  #over = false;

  constructor(socket: Socket, opened: string, events: TransportEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.once(opened, () => this.#tell(() => events.opened()));
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.once('error', (error) => this.#lost(error.message));
    socket.once('close', () => this.#lost('the connection was lost'));
  }

  send(text: string): void {
    if (!this.#over) this.#socket.write(`${text}\n`);
  }

  close(): void {
    this.#over = true;
    this.#waiting = [];
    this.#socket.removeAllListeners('data');
    this.#socket.on('error', () => {}); // one that comes now is not news, and would end the process
    this.#socket.destroy();
  }

  #lost(reason: string): void {
    this.#tell(() => {
      this.close();
      this.#events.lost(reason);
    });
  }

  #received(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      const line = Buffer.concat([...this.#begun, chunk.subarray(from, end)]).toString();
      this.#begun = [];
      this.#begunBytes = 0;
      from = end + 1;
      this.#tell(() => this.#events.heard(line));
    }
    if (from === chunk.length) return;
    this.#begun.push(chunk.subarray(from));
    this.#begunBytes += chunk.length - from;
    if (this.#begunBytes > LINE_BYTES) this.#socket.destroy(new Error('the server sent a line without an end'));
  }

  #tell(event: () => void): void {
    if (this.#over) return;
    this.#waiting.push(event);
    if (this.#waiting.length === 1) setImmediate(() => this.#tellNext());
  }

  #tellNext(): void {
    const [event] = this.#waiting;
    if (!event) return;
    try {
      event();
    } finally {
      this.#waiting.shift(); // only now, as what is first is being told
      if (this.#waiting.length > 0) setImmediate(() => this.#tellNext());
    }
  }
}
