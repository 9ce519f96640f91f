/** The messages of the protocol as the client sees them; their types are generated from the server's classes. */

import type { Answers, ErrorCode, Requests } from './protocol.js';

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
export type Asked = keyof Answers;

/** Actions that are answered only when they fail. */
export type Signalled = Exclude<keyof Requests, keyof Answers>;

export type Ask = <A extends Asked>(action: A, data: Requests[A]) => Promise<Answers[A]>;

/** The protocol's codes, those of later versions, and `DISCONNECTED`, which is the client's own. */
export type Code = ErrorCode | 'DISCONNECTED' | (string & {});

/** Return whether something that was received may be a message. */
export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'action' in value && typeof value.action === 'string';
}
