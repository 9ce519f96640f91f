/** A server of which the tests write every word, and a clock that they move. */

import assert from 'node:assert/strict';

import {
  Client,
  type ChatMessage,
  type ClientOptions,
  type Clock,
  type Gap,
  type StateChange,
  type TransportEvents,
  type Wire,
} from 'assa-client';

export type Json = Record<string, any>;

/** Let everything happen that waits for nothing but its turn. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

export class FakeClock implements Clock {
  #now = Date.parse('2024-01-01T12:00:00.000Z');
  readonly #timers = new Map<number, { at: number; callback: () => void }>();
  #number = 0;

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): number {
    this.#number += 1;
    this.#timers.set(this.#number, { at: this.#now + ms, callback });
    return this.#number;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!next) break;
      const [number, { at, callback }] = next;
      this.#timers.delete(number);
      this.#now = at;
      callback();
    }
    this.#now = end;
    await settled();
  }
}

export class FakeWire implements Wire {
  readonly said: Json[] = [];
  closed = false;
  #read = 0;

  constructor(readonly events: TransportEvents) {}

  send(text: string): void {
    assert.ok(!text.includes('\n'));
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  /** Return what the client said next, which must be of that action. */
  async next(action: string): Promise<Json> {
    await settled();
    const message = this.said[this.#read];
    this.#read += 1;
    assert.equal(message?.['action'], action, JSON.stringify(this.said.slice(this.#read - 1)));
    return message as Json;
  }

  async isQuiet(): Promise<void> {
    await settled();
    assert.deepEqual(this.said.slice(this.#read), []);
  }

  async open(): Promise<void> {
    this.events.opened();
    await settled();
  }

  async lose(reason = 'cut'): Promise<void> {
    this.events.lost(reason);
    await settled();
  }

  async say(message: Json): Promise<void> {
    this.events.heard(JSON.stringify(message));
    await settled();
  }

  /** Let an event come. */
  event(action: string, seqId: string, data: Json): Promise<void> {
    return this.say({ action, seq_id: seqId, data });
  }

  answer(request: Json, data: Json): Promise<void> {
    return this.say({ action: `${request['action']}_RESPONSE`, success: true, seq_id: request['seq_id'], data });
  }

  refuse(request: Json, code: string, data: Json = {}): Promise<void> {
    const { action, seq_id } = request;
    const answer = action === 'CONNECT' ? 'CONNECT_RESPONSE' : 'ERROR';
    const told = { original_action: action, error_details: 'why', ...data };
    return this.say({ action: answer, success: false, error_code: code, message: '안 됩니다', seq_id, data: told });
  }

  /** Answer the next request, which must be of that action; return it. */
  async serve(action: string, data: Json): Promise<Json> {
    const request = await this.next(action);
    await this.answer(request, data);
    return request;
  }

  /** Open it and answer CONNECT; return the request. */
  async welcome({ session = 's1', user = 1, ...info }: Json = {}): Promise<Json> {
    await this.open();
    return this.serve('CONNECT', {
      user_id: user,
      session_id: session,
      server_time: '2024-01-01T12:00:00.000Z',
      reconnection_info: {
        existing_rooms: [],
        unread_messages: 0,
        resumed: false,
        replayed_events: 0,
        video_rooms: [],
        last_seq_id: 'e100',
        ...info,
      },
    });
  }
}

/** A client, the connections that it has made, and what it has told. */
export class World {
  readonly clock = new FakeClock();
  readonly wires: FakeWire[] = [];
  readonly client: Client;
  readonly states: StateChange[] = [];
  /** The ids of the messages that were told. */
  readonly heard: number[] = [];
  /** How often it was said that events are missing. */
  resyncs = 0;
  readonly gaps: Gap[] = [];

  constructor(options: Partial<ClientOptions> = {}) {
    this.client = new Client((events) => this.#dialled(events), {
      token: 'jwt',
      deviceId: 'phone',
      clock: this.clock,
      random: () => 0,
      ...options,
    });
    this.client.onState((change) => this.states.push(change));
    this.client.on('NEW_MESSAGE', ({ message_id: id }) => this.heard.push(id));
    this.client.on('resync', () => (this.resyncs += 1));
    this.client.on('gap', (gap) => this.gaps.push(gap));
  }

  #dialled(events: TransportEvents): FakeWire {
    const wire = new FakeWire(events);
    this.wires.push(wire);
    return wire;
  }

  /** The newest connection. */
  get wire(): FakeWire {
    const wire = this.wires.at(-1);
    assert.ok(wire, 'the client has not dialled');
    return wire;
  }

  get state(): string {
    return this.client.state;
  }

  async connected(info: Json = {}): Promise<FakeWire> {
    const connected = this.client.connect();
    await settled();
    await this.wire.welcome(info);
    await connected;
    return this.wire;
  }

  /** Lose the connection, and come back as the server says. */
  async comeBack(info: Json): Promise<FakeWire> {
    await this.wire.lose();
    await this.clock.advance(1_000);
    await this.wire.welcome(info);
    return this.wire;
  }
}

/** Return the data of a message. */
export function message(id: number, { room = 7, at = '2024-01-01T12:00:01.000Z', user = 2 } = {}): ChatMessage {
  return {
    message_id: id,
    room_id: room,
    content: `message ${id}`,
    message_type: 'text',
    user: { user_id: user, nickname: 'jun', profile_image: null },
    created_at: at,
    reply_to_message_id: null,
  };
}

/** Return the data of an answer to SEND_MESSAGE. */
export function sent(request: Json, id: number): Json {
  const { room_id, content, message_type, client_message_id } = request['data'];
  return { message_id: id, room_id, content, message_type, client_message_id, created_at: '2024-01-01T12:00:01.000Z' };
}
