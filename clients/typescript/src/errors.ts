/** What a request is refused with (§9.1), or fails with before it has an answer. */

import type { Code, Message } from './messages.js';

export interface ErrorOptions {
  details?: string;
  retryAfterMs?: number | null;
  cause?: unknown;
}

export class AssaError extends Error {
  override readonly name = 'AssaError';
  /**
   * `error_code` of the protocol, such as `ROOM_NOT_FOUND`; `DISCONNECTED` when there is no connection, or it was
   * lost before the answer; `REQUEST_TIMEOUT` also when no answer came; `BAD_ANSWER` when what came is no answer to it.
   */
  readonly code: Code;
  /** What was wrong, for developers. */
  readonly details: string;
  /** When trying again makes sense, where it does. */
  readonly retryAfterMs: number | null;

  /** @param message The server's text for people. */
  constructor(code: Code, message: string = code, { details = '', retryAfterMs = null, cause }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  /** Why, in one word where there is one: the code, or the text where the code says nothing. */
  get reason(): string {
    return this.code === 'DISCONNECTED' ? this.message : this.code;
  }

  /** Return what a failed answer, or an ERROR without a request, says. */
  static of({ error_code, message, data }: Message): AssaError {
    const details = data?.['error_details'];
    const retryAfterMs = data?.['retry_after_ms'];
    return new AssaError(error_code ?? 'INTERNAL_ERROR', message, {
      details: typeof details === 'string' ? details : '',
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
    });
  }

  /** Return an error as it is, or one of ours that has it as its cause. */
  static from(error: unknown): AssaError {
    if (error instanceof AssaError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new AssaError('DISCONNECTED', text, { cause: error });
  }
}
