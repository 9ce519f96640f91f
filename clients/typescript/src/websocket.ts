/** WebSocket, which browsers and Node from 22 on have (v1.1). */

import type { Transport, TransportEvents, Wire } from './transport.js';

export const SUBPROTOCOL = 'assa.v1';

const LOST = 'the connection was lost';

/** What is used of a WebSocket: the browser's, Node's or that of the package `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  readonly readyState: number;
  send(text: string): void;
  close(code?: number): void;
}

export interface WebSocketOptions {
  /** Where there is no global one: that of the package `ws`, for example. */
  WebSocket?: new (url: string, subprotocol: string) => WebSocketLike;
}

/**
 * Connect with WebSocket.
 *
 * @param url `wss://host/ws`
 */
export function webSocket(url: string, options: WebSocketOptions = {}): Transport {
  return (events) => new Socket(new (options.WebSocket ?? WebSocket)(url, SUBPROTOCOL), events);
}

const OPEN = 1;

class Socket implements Wire {
  readonly #socket: WebSocketLike;
  readonly #events: TransportEvents;
  #over = false;

  constructor(socket: WebSocketLike, events: TransportEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.onopen = () => events.opened();
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (typeof data === 'string') events.heard(data);
    };
    // Node's WebSocket does not fire `close` when it cannot connect; where both come, the second is not news.
    socket.onerror = () => this.#lost(LOST);
    socket.onclose = ({ reason }: { reason?: string }) => this.#lost(reason ? `closed: ${reason}` : LOST);
  }

  send(text: string): void {
    if (!this.#over && this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    // A socket that is not open yet reports an error when it is closed; that is not news.
    this.#socket.onerror = () => {};
    this.#socket.close(1000);
  }

  #lost(reason: string): void {
    if (this.#over) return;
    this.close();
    this.#events.lost(reason);
  }
}
