/** The messages of the protocol as the client sees them; their types are generated from the server's classes. */

import type { Answers, Event, Request } from './protocol.js';

export type * from './protocol.js';

/** What a message has on the wire, as far as it matters here (§2). */
export interface Message {
  action: string;
  seq_id: string | null;
  success?: boolean;
  message?: string;
  error_code?: string;
  data?: Record<string, unknown>;
}

/** Actions that are answered. */
export type Asked = Extract<keyof Answers, Request['action']>;

/** Actions that are answered only when they fail. */
export type Signalled = Exclude<Request['action'], keyof Answers>;

/** The data of a request. */
export type Asking<A extends Request['action']> = Extract<Request, { action: A }>['data'];

export type Ask = <A extends Asked>(action: A, data: Asking<A>) => Promise<Answers[A]>;

/** The data of what the server says by itself, by action. */
export type ServerEvents = { [E in Event as E['action']]: E['data'] };

/** Return whether something that was received may be a message. */
export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'action' in value && typeof value.action === 'string';
}
