/** What a client is told when it is made, and what it tells. */

import type { Gap } from './catchup.js';
import type { Clock } from './clock.js';
import type { StateChange } from './link.js';
import type { ConnectAnswer, Events, FileInfo } from './messages.js';
import type { TokenSource } from './tokens.js';

export interface ClientOptions {
  token: TokenSource;
  /** Stays the same for this device; a second connection of it replaces the first. Without it one is made. */
  deviceId?: string;
  /** `android`, `web` and so on. */
  platform?: string;
  appVersion?: string;
  /** For tests. */
  clock?: Clock;
  /** For tests: from 0 to 1. */
  random?: () => number;
}

export interface SendOptions {
  replyTo?: number | null;
  /** Of an image. */
  fileInfo?: FileInfo | null;
  clientMessageId?: string;
}

/** The data of what the server says by itself, and what becomes of the connection. */
export interface ClientEvents extends Events {
  state: StateChange;
  /** Away for too long: events are missing. Messages are caught up with all the same; load the rest again. */
  resync: ConnectAnswer;
  /** Messages of a room are missing, and could not be got. */
  gap: Gap;
}
