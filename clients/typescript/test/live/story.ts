/**
 * Two people talk in one room over connections that somebody cuts, and each has to hear the other's messages exactly
 * once and in order. For Node and for browsers.
 */

import { AssaError, Client, type Clock, type Transport } from 'assa-client';

export interface Plot {
  /** Where both connect; the connections are cut there. */
  transport: Transport;
  /** JWTs of two users. */
  tokens: [string, string];
  /** Messages of each. */
  count: number;
}

export interface Outcome {
  /** What is wrong; nothing should be. */
  faults: string[];
  reconnects: number;
  resumed: number;
  gaps: number;
  failures: number;
}

const BEGIN = Date.now();
const SPEED = 20;

/** The time, twenty times as fast: the connections are cut all the time, and some fall silent. */
const HURRIED: Clock = {
  setTimeout: (callback, ms) => setTimeout(callback, ms / SPEED),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  now: () => BEGIN + (Date.now() - BEGIN) * SPEED,
};

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Person {
  readonly client: Client;
  readonly heard: { id: number; content: string }[] = [];
  readonly answered: number[] = [];
  readonly outcome = { reconnects: 0, resumed: 0, gaps: 0, failures: 0 };

  constructor(
    readonly name: string,
    transport: Transport,
    token: string,
  ) {
    this.client = new Client(transport, { token: async () => token, clock: HURRIED });
    this.client.on('NEW_MESSAGE', ({ message_id: id, content }) => this.heard.push({ id, content }));
    this.client.on('resync', () => (this.outcome.gaps += 1));
    this.client.onState(({ state }) => this.#changed(state));
  }

  #changed(state: string): void {
    if (state === 'reconnecting') this.outcome.reconnects += 1;
    if (state === 'connected' && this.client.welcome?.reconnection_info.resumed) this.outcome.resumed += 1;
    if (state === 'failed') {
      this.outcome.failures += 1;
      setTimeout(() => void this.come(), 100); // as a user does who presses the button
    }
  }

  async come(): Promise<void> {
    await this.client.connect().catch(() => {}); // `failed` again
  }

  /** Do something until it is not cut off. */
  async insist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof AssaError && ['DISCONNECTED', 'REQUEST_TIMEOUT'].includes(error.code))) throw error;
        await sleep(20);
      }
    }
  }

  async say(roomId: number, count: number): Promise<void> {
    const sent = Array.from({ length: count }, (_, number) =>
      this.client.sendMessage(roomId, `${this.name} ${number} ${'가'.repeat(number % 50)}`),
    );
    for (const one of sent) this.answered.push((await one).message_id);
  }
}

/** Return a room that both are in. */
async function inRoom(host: Person, guest: Person): Promise<number> {
  const { room_id: roomId } = await host.insist(() =>
    host.client.ask('CREATE_ROOM', { name: 'story', is_open: true }),
  );
  await guest.insist(() => guest.client.ask('JOIN_ROOM', { room_id: roomId }));
  return roomId;
}

export async function story({ transport, tokens, count }: Plot): Promise<Outcome> {
  const mina = new Person('mina', transport, tokens[0]);
  const jun = new Person('jun', transport, tokens[1]);
  await Promise.all([mina.come(), jun.come()]);
  const roomId = await inRoom(mina, jun);
  await Promise.all([mina.say(roomId, count), jun.say(roomId, count)]);
  const end = Date.now() + 20_000;
  while (Date.now() < end && (mina.heard.length < count || jun.heard.length < count)) await sleep(20);
  await sleep(200); // doubles would come now
  const faults = [...check(mina, jun, count), ...check(jun, mina, count), ...(await stored(mina, roomId, count))];
  const sum = (what: keyof Person['outcome']) => mina.outcome[what] + jun.outcome[what];
  await Promise.all([mina.client.close(), jun.client.close()]);
  return {
    faults,
    reconnects: sum('reconnects'),
    resumed: sum('resumed'),
    gaps: sum('gaps'),
    failures: sum('failures'),
  };
}

/** Return what is wrong with what one has heard of the other. */
function check(listener: Person, speaker: Person, count: number): string[] {
  const faults: string[] = [];
  const ids = listener.heard.map(({ id }) => id);
  if (listener.heard.length !== count) faults.push(`${listener.name} heard ${ids.length} of ${count}`);
  listener.heard.forEach(({ id, content }, index) => {
    if (!content.startsWith(`${speaker.name} ${index} `)) faults.push(`${listener.name} heard ${content} as ${index}`);
    if (id !== speaker.answered[index]) faults.push(`${listener.name} heard ${id}, the answer said otherwise`);
    if (index > 0 && id <= (ids[index - 1] ?? 0)) faults.push(`${listener.name} heard ${id} after ${ids[index - 1]}`);
  });
  return faults.slice(0, 10);
}

/** Return what is wrong with what the server has stored. */
async function stored(person: Person, roomId: number, count: number): Promise<string[]> {
  const contents: string[] = [];
  let page: { messages: { message_id: number; content: string }[]; has_more: boolean };
  let before = {};
  do {
    page = await person.insist(() => person.client.ask('GET_MESSAGES', { room_id: roomId, limit: 20, ...before }));
    contents.push(...page.messages.map(({ content }) => content));
    before = { before_message_id: page.messages[0]?.message_id ?? 1 };
  } while (page.has_more);
  const different = new Set(contents).size;
  return contents.length === 2 * count && different === 2 * count
    ? []
    : [`the server has ${contents.length} messages, ${different} different ones`];
}
