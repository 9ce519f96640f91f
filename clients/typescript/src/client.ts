/** One user's connection to a server: what is asked, what is heard, and what outlives a loss (§2, §3, §10). */

import { CatchUp } from './catchup.js';
import { CLOCK, type Clock } from './clock.js';
import { Emitter, type Listener } from './emitter.js';
import { AssaError } from './errors.js';
import { randomId } from './ids.js';
import { Link, type State, type StateChange } from './link.js';
import type {
  Answers,
  Asked,
  ConnectAnswer,
  Message,
  MessageSent,
  Requests as RequestData,
  Signalled,
} from './messages.js';
import type { ClientEvents, ClientOptions, SendOptions } from './options.js';
import { Outbox, type Outgoing } from './outbox.js';
import { isAnswer, Requests } from './requests.js';
import { Rooms } from './rooms.js';
import { isCurrent, Session } from './session.js';
import { faultOf, isChatMessage } from './shapes.js';
import { Tokens } from './tokens.js';
import type { Transport } from './transport.js';

/** §10.1; a longer message is refused or would close the connection. */
const MESSAGE_BYTES = 1_048_576;

/** A request without an answer that shows that the connection is dead: to wait longer would help nobody. */
const VITAL = new Set(['PING', 'SEND_MESSAGE']);

const FAREWELL_MS = 2_000;

type Answered = (error: AssaError | null, answer: unknown) => void;

/**
 * A connection. Each event comes once and in order, across reconnects too, and so does each message of others in the
 * user's rooms, as NEW_MESSAGE.
 */
export class Client {
  readonly #clock: Clock;
  readonly #tokens: Tokens;
  readonly #device: Record<string, string | undefined>;
  readonly #session = new Session();
  readonly #emitter = new Emitter();
  readonly #requests: Requests;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #rooms: Rooms;
  readonly #catchUp: CatchUp;
  #welcome: ConnectAnswer | null = null;

  /** @param transport `tcp('chat.example.org', 12345)` or `webSocket('wss://chat.example.org/ws')`. */
  constructor(transport: Transport, { token, deviceId = randomId(), platform, appVersion, ...uses }: ClientOptions) {
    this.#clock = uses.clock ?? CLOCK;
    this.#tokens = new Tokens(token, this.#clock);
    this.#device = { platform, app_version: appVersion, device_id: deviceId };
    this.#requests = new Requests(
      this.#clock,
      (action) => this.#overdue(action),
      () => this.#ping(),
    );
    this.#outbox = new Outbox(this.#clock, (data) => this.ask('SEND_MESSAGE', data));
    this.#rooms = new Rooms((message) => this.#emitter.emit('NEW_MESSAGE', message));
    this.#catchUp = new CatchUp(this.#rooms, this.#clock, {
      ask: (action, data) => this.ask(action, data),
      gap: (gap) => this.#emitter.emit('gap', gap),
    });
    this.#link = this.#makeLink(transport, uses.random ?? Math.random);
  }

  #makeLink(transport: Transport, random: () => number): Link {
    return new Link({
      transport,
      random,
      clock: this.#clock,
      token: () => this.#tokens.fresh(),
      greet: (settle) => this.#request('CONNECT', this.#greeting(), settle as Answered),
      welcomed: (answer) => this.#welcomed(answer),
      heard: (message) => this.#heard(message),
      cut: (error) => this.#cut(error),
      changed: (change) => this.#emitter.emit('state', change),
    });
  }

  get state(): State {
    return this.#link.state;
  }

  /** Why it is in this state: an error code, or words for developers. */
  get reason(): string {
    return this.#link.reason;
  }

  /** The data of the newest CONNECT_RESPONSE. */
  get welcome(): ConnectAnswer | null {
    return this.#welcome;
  }

  get userId(): number | null {
    return this.#welcome?.user_id ?? null;
  }

  /** The data of the messages that have no answer yet, oldest first. */
  get pendingMessages(): Outgoing[] {
    return this.#outbox.messages;
  }

  // --- listening ---

  /** Listen to events of the server, by their action, or to `state`, `resync` or `gap`; return what ends that. */
  on<E extends keyof ClientEvents>(event: E, listener: Listener<ClientEvents[E]>): () => void {
    return this.#emitter.on(event, listener);
  }

  /** Listen to the state; return what ends that. */
  onState(listener: Listener<StateChange>): () => void {
    return this.on('state', listener);
  }

  // --- connecting ---

  /**
   * Connect; later losses are mended without further ado. When that has failed, it can be called again, and resumes.
   *
   * @returns The data of CONNECT_RESPONSE.
   */
  connect(): Promise<ConnectAnswer> {
    if (this.state === 'connected' && this.#welcome) return Promise.resolve(this.#welcome);
    return this.#link.connect();
  }

  /** End the session and close: log out. Unsent messages are given up. */
  async close(reason = 'user_logout'): Promise<void> {
    const farewell = this.state === 'connected' ? this.ask('DISCONNECT', { reason }) : Promise.resolve();
    const closed = new AssaError('DISCONNECTED', 'closed');
    this.#session.forget();
    this.#outbox.clear(closed);
    this.#link.end('closed', closed);
    const deadline = this.#clock.setTimeout(() => this.state === 'closed' && this.#link.hangUp(), FAREWELL_MS);
    await farewell.catch(() => {});
    this.#clock.clearTimeout(deadline);
    if (this.state === 'closed') this.#link.hangUp(); // else it has been connected again meanwhile
  }

  /** Give the connection up as lost, and come back as always: for tests, and for those who know more of the network. */
  drop(reason = 'dropped'): void {
    this.#link.drop(reason);
  }

  #greeting(): object {
    const { lastSeqId } = this.#session;
    const position = lastSeqId ? { last_seq_id: lastSeqId } : {};
    return { jwt_token: this.#tokens.current, device_info: this.#device, ...position };
  }

  #welcomed(answer: ConnectAnswer): void {
    if (this.#welcome && this.#welcome.user_id !== answer.user_id) this.#becomeAnother();
    this.#welcome = answer;
    const { first, gap, strange } = this.#session.welcomed(answer);
    const { uncertain } = this.#outbox;
    if (first) this.#catchUp.begin(answer);
    if (gap) this.#catchUp.missed(answer);
    // Its NEW_MESSAGE may come now, and only its answer will tell that it is this client's.
    if (strange && uncertain) this.#rooms.hold(uncertain.room_id);
    this.#link.connected();
    if (gap) this.#emitter.emit('resync', answer);
    if (this.state !== 'connected') return; // who heard of it has ended it
    this.#outbox.open();
    void this.#recover(answer);
  }

  async #recover(answer: ConnectAnswer): Promise<void> {
    await this.#outbox.certain();
    if (this.#welcome === answer && this.state === 'connected') await this.#catchUp.run();
  }

  /** The tokens are of another user now. */
  #becomeAnother(): void {
    this.#outbox.clear(new AssaError('DISCONNECTED', 'another user'));
    this.#session.forget();
  }

  #cut(error: AssaError): void {
    this.#tokens.stop();
    this.#outbox.shut();
    this.#requests.fail(error);
  }

  // --- asking ---

  /**
   * Send a request; it is refused with an {@link AssaError}.
   *
   * @returns The data of its answer.
   */
  ask<A extends Asked>(action: A, data: RequestData[A]): Promise<Answers[A]> {
    return this.#promised(action, data, false) as Promise<Answers[A]>;
  }

  /**
   * Send what is answered only when it fails: SDP, ICE_CANDIDATE, MEDIA_STATUS.
   *
   * @returns Resolved once the server has certainly taken it.
   */
  async signal<A extends Signalled>(action: A, data: RequestData[A]): Promise<void> {
    await this.#promised(action, data, true);
  }

  /**
   * Send a message: now, or as soon as there is a connection, and again until it is answered. It is stored once.
   *
   * @returns The data of SEND_MESSAGE_RESPONSE; it does not come as NEW_MESSAGE to the one that sent it.
   */
  sendMessage(roomId: number, content: string, options: SendOptions = {}): Promise<MessageSent> {
    const { replyTo, fileInfo, clientMessageId = randomId() } = options;
    return this.#outbox.add({
      room_id: roomId,
      content,
      message_type: fileInfo ? 'image' : 'text',
      client_message_id: clientMessageId,
      ...(replyTo ? { reply_to_message_id: replyTo } : {}),
      ...(fileInfo ? { file_info: fileInfo } : {}),
    });
  }

  #promised(action: string, data: object, silent: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.state !== 'connected') reject(new AssaError('DISCONNECTED', this.reason || 'not connected'));
      else this.#request(action, data, (error, answer) => (error ? reject(error) : resolve(answer)), silent);
    });
  }

  /** Doubt the connection: it is lost if PING has no answer either. */
  #overdue(action: string): void {
    const answersPing = this.state === 'connected' && this.#welcome && isCurrent(this.#welcome);
    if (VITAL.has(action)) this.drop(`no answer to ${action}`);
    else if (answersPing) this.#ping();
  }

  #ping(): void {
    this.#request('PING', undefined, () => {});
  }

  #request(action: string, data: object | undefined, settle: Answered, silent = false): void {
    const seqId = this.#requests.add(
      action,
      (error, answer) => {
        const fault = error ?? (silent ? null : faultOf(action, answer));
        if (!fault && answer) this.#rooms.learn(action, answer);
        settle(fault, answer ?? {});
      },
      silent,
    );
    const resumes = action === 'CONNECT' && this.#session.sessionId;
    const text = this.#textOf({ action, data, seq_id: seqId, ...(resumes ? { session_id: resumes } : {}) });
    if (isTooLong(text)) this.#requests.refuse(seqId, new AssaError('MESSAGE_TOO_LONG', 'more than 1 MiB'));
    else this.#link.send(text);
  }

  #textOf(message: object): string {
    return JSON.stringify({ ...message, timestamp: new Date(this.#clock.now()).toISOString() });
  }

  // --- hearing ---

  #heard(message: Message): void {
    const { action, seq_id: seqId, data } = message;
    if (action === 'PING') return this.#link.send(this.#textOf({ action: 'PONG', seq_id: seqId }));
    if (this.#requests.answered(message)) return;
    if (action === 'ERROR') {
      if (!data?.['original_action']) this.#link.part(AssaError.of(message));
    } else if (!isAnswer(action) && this.#session.advance(seqId) && data) {
      this.#conclude(action, data);
      if (action !== 'NEW_MESSAGE') this.#emitter.emit(action, data);
      else if (isChatMessage(data)) this.#rooms.hear(data);
    }
  }

  /** Draw the conclusions that an event has for the connection itself. */
  #conclude(action: string, data: Record<string, unknown>): void {
    if (action === 'TOKEN_EXPIRING') void this.#tokens.renew((jwt) => this.ask('CONNECT', { jwt_token: jwt }));
    else if (action === 'SERVER_ANNOUNCEMENT') this.#link.announced(data['reconnect_after_ms']);
  }
}

function isTooLong(text: string): boolean {
  return text.length * 3 > MESSAGE_BYTES && new TextEncoder().encode(text).length > MESSAGE_BYTES;
}
