/** The messages of the protocol as the client sees them; their types are generated from the server's classes. */

import type { Answers, ErrorCode, Requests } from './protocol.js';
import { isObject } from './shapes.js';

export type * from './protocol.js';

/** What a message has on the wire, as far as it matters here (§2). */
export interface Message {
  action: string;
  seq_id: string | null;
  success?: boolean;
  message?: string;
  error_code?: string;
  data: Record<string, unknown> | null;
}

/** Actions that are answered. */
export type Asked = keyof Answers;

/** Actions that are answered only when they fail. */
export type Signalled = Exclude<keyof Requests, keyof Answers>;

export type Ask = <A extends Asked>(action: A, data: Requests[A]) => Promise<Answers[A]>;

/** The protocol's codes, those of later versions, and the client's own: `DISCONNECTED` and `BAD_ANSWER`. */
export type Code = ErrorCode | 'DISCONNECTED' | 'BAD_ANSWER' | (string & {});

/** Return something that was received as a message, without what is not of its type; null when it is none. */
export function messageOf(value: unknown): Message | null {
  if (!isObject(value) || typeof value['action'] !== 'string') return null;
  const { action, seq_id, success, message, error_code, data } = value;
  return {
    action,
    seq_id: typeof seq_id === 'string' ? seq_id : null,
    ...(typeof success === 'boolean' ? { success } : {}),
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof error_code === 'string' ? { error_code } : {}),
    data: isObject(data) ? data : null,
  };
}
