/** A connection of the web client's model, whose answers the test gives, and whose events it tells. */

export const OWN = 7;

export class FakeConnection extends EventTarget {
  userId = OWN;
  state = 'connected';
  serverNow = Date.parse('2024-01-02T12:00:00Z');
  pendingMessages = [];
  /** What was asked: `[action, data]`. */
  asked = [];
  /** What was sent: `[roomId, content, options]`. */
  sent = [];
  uploaded = [];

  /** @param {Record<string, any>} answers By action: data, an error, or a function of what is asked. */
  constructor(answers = {}) {
    super();
    this.answers = { CHECK_RECEIVE: () => ({ received_messages: [], pending_messages: [] }), ...answers };
  }

  async request(action, data) {
    this.asked.push([action, data]);
    const answer = this.answers[action];
    const given = typeof answer === 'function' ? await answer(data) : answer;
    if (given === undefined) throw new Error(`nobody answers ${action}`);
    if (given instanceof Error) throw given;
    return given;
  }

  requests(action) {
    return this.asked.filter(([one]) => one === action).map(([, data]) => data);
  }

  async sendMessage(...sent) {
    this.sent.push(sent);
  }

  upload(roomId, file, options) {
    return new Promise((resolve, reject) => this.uploaded.push({ roomId, file, options, resolve, reject }));
  }

  /** Tell an event of the server. */
  hear(action, data) {
    this.dispatchEvent(new CustomEvent(action, { detail: { action, data } }));
  }

  /** Tell an event of the library. */
  tell(type, detail = {}) {
    if (type === 'state') this.state = detail.state;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A message as NEW_MESSAGE shows it. */
export function message(id, { room = 100, user = 8, text = `text ${id}`, at = '2024-01-02T11:00:00Z', replyTo = null } = {}) {
  return {
    message_id: id,
    room_id: room,
    content: text,
    message_type: 'text',
    user: { user_id: user, nickname: user === OWN ? '' : `user ${user}`, profile_image: null },
    created_at: at,
    reply_to_message_id: replyTo,
  };
}

/** A room as LIST_ROOMS shows it. */
export function listed(id, { last = null, unread = 0, name = `room ${id}` } = {}) {
  return {
    room_id: id,
    name,
    description: '',
    is_open: true,
    host_user_id: OWN,
    participants_count: 2,
    unread_messages: unread,
    last_message: last,
  };
}

/** An error with a code, as requests are refused with. */
export function refused(code, retryAfterMs = null) {
  return Object.assign(new Error(code), { code, retryAfterMs });
}

export async function settle() {
  for (let turn = 0; turn < 50; turn += 1) await null;
}
