/** What events and answers must have for the client to go on with them: not every server is free of defects. */

import { AssaError } from './errors.js';
import type { ChatMessage, PendingMessage } from './messages.js';

type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Return whether something may be a message of CHECK_RECEIVE, which does not name its room. */
export function isPending(value: unknown): value is PendingMessage {
  if (!isObject(value)) return false;
  const { message_id, content, user } = value;
  return isId(message_id) && typeof content === 'string' && isObject(user);
}

export function isChatMessage(value: unknown): value is ChatMessage {
  return isPending(value) && isId((value as Partial<ChatMessage>).room_id);
}

const hasRoom = (data: Json): boolean => isId(data['room_id']);

/** Where nothing is said of an action, its answer needs data of whatever kind. */
const NEEDED: Record<string, (data: Json) => boolean> = {
  CONNECT: ({ user_id, session_id, reconnection_info: info }) =>
    isId(user_id) &&
    typeof session_id === 'string' &&
    isObject(info) &&
    Array.isArray(info['existing_rooms']) &&
    typeof (info['last_seq_id'] ?? '') === 'string',
  SEND_MESSAGE: (data) => hasRoom(data) && isId(data['message_id']),
  CREATE_ROOM: hasRoom,
  JOIN_ROOM: (data) => hasRoom(data) && Array.isArray(data['recent_messages'] ?? []),
  EXIT_ROOM: hasRoom,
  CHECK_RECEIVE: (data) => Array.isArray(data['pending_messages']),
  LIST_ROOMS: (data) => Array.isArray(data['rooms']),
  GET_MESSAGES: (data) => Array.isArray(data['messages']),
};

/** Of these it is enough that there is an answer. */
const NOTHING_NEEDED = new Set(['PING', 'DISCONNECT']);

/** Return what is wrong with the data of a successful answer; null when nothing is. */
export function faultOf(action: string, data: Json | null): AssaError | null {
  if (NOTHING_NEEDED.has(action) || (data && (NEEDED[action]?.(data) ?? true))) return null;
  return new AssaError('BAD_ANSWER', `the answer to ${action} is not one of the protocol`);
}
