/** What a request is refused with (§9.1), or fails with before it has an answer. */

export class AssaError extends Error {
  /**
   * @param {string} code `error_code` of the protocol, such as `ROOM_NOT_FOUND`; `DISCONNECTED` when there is no
   *   connection, or it was lost before the answer; `REQUEST_TIMEOUT` also when no answer came.
   * @param {string} [message] The server's text for people.
   * @param {object} [more]
   * @param {string} [more.details] What was wrong, for developers.
   * @param {number | null} [more.retryAfterMs] When trying again makes sense, where it does.
   * @param {unknown} [more.cause]
   */
  constructor(code, message = code, { details = '', retryAfterMs = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AssaError';
    this.code = code;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  /**
   * Return what a failed answer, or an ERROR without a request, says.
   *
   * @param {any} answer The whole message.
   * @returns {AssaError}
   */
  static of(answer) {
    const data = answer.data ?? {};
    return new AssaError(answer.error_code ?? 'INTERNAL_ERROR', answer.message, {
      details: data.error_details ?? '',
      retryAfterMs: data.retry_after_ms ?? null,
    });
  }

  /**
   * Return an error as it is, or one of ours that has it as its cause.
   *
   * @param {any} error
   * @param {string} [code]
   * @returns {AssaError}
   */
  static from(error, code = 'DISCONNECTED') {
    return error instanceof AssaError ? error : new AssaError(code, String(error?.message ?? error), { cause: error });
  }
}
