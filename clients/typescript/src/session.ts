/** What resumes a session: its id, and the position of the last event that came (v1.1, "Sessions and recovery"). */

import type { ConnectAnswer } from './messages.js';

/** What a connection is to the ones before it. */
export interface Welcome {
  /** There was none, or its end was wanted. */
  first: boolean;
  /** Events are missing, and will not come. */
  gap: boolean;
  /** The server takes it for another client: what this one sent comes back to it. */
  strange: boolean;
}

export class Session {
  sessionId: string | null = null;
  lastSeqId: string | null = null;
  /** Whether there is a session to go on with: what comes after its end counts for nothing. */
  #alive = false;

  /** Take the answer to CONNECT. */
  welcomed({ session_id, reconnection_info: info }: ConnectAnswer): Welcome {
    const first = this.lastSeqId === null;
    const gap = !first && info.resumed !== true;
    const strange = !first && session_id !== this.sessionId;
    // Resumed: what was missed comes next, so the old position counts until then.
    if (first || gap) this.lastSeqId = info.last_seq_id ?? '';
    this.sessionId = session_id;
    this.#alive = true;
    return { first, gap, strange };
  }

  /** Take note of an event; return false for one that has come already. */
  advance(seqId: string | null): boolean {
    const position = positionOf(seqId);
    if (position === null) return true;
    if (!this.#alive) return false;
    const last = positionOf(this.lastSeqId);
    if (last !== null && position <= last) return false;
    this.lastSeqId = seqId;
    return true;
  }

  /** Forget a session that has been ended. */
  forget(): void {
    this.sessionId = this.lastSeqId = null;
    this.#alive = false;
  }
}

/** Return whether a server knows v1.1. */
export function isCurrent({ reconnection_info: info }: ConnectAnswer): boolean {
  return (info as Partial<typeof info>).resumed !== undefined;
}

/** Return the number of a position such as `e1024`, or null for a `seq_id` that is none. */
function positionOf(seqId: string | null): bigint | null {
  return seqId !== null && /^e\d{1,19}$/.test(seqId) ? BigInt(seqId.slice(1)) : null;
}
