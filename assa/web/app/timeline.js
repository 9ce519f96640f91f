/** A room's entries in their order, without DOM: messages by id, what is on its way at the end, remarks in between. */

const TOGETHER_MS = 5 * 60_000;

/**
 * @typedef {object} Entry
 * @property {'message' | 'note'} kind
 * @property {string} key Tells it from all others of the room.
 * @property {number} at Milliseconds since the epoch.
 * @property {any} [message] As NEW_MESSAGE shows it; `message_id` is null until it is stored.
 * @property {'sent' | 'queued' | 'failed'} [state]
 * @property {any} [error]
 * @property {string} [text] Of a note.
 */

/**
 * Put messages of the server among entries: each once, in the order of their ids, before what is on its way.
 *
 * @param {Entry[]} entries
 * @param {any[]} messages
 * @returns {Entry[]}
 */
export function merge(entries, messages) {
  const known = new Map(entries.filter((one) => one.state === 'sent').map((one) => [one.message.message_id, one]));
  for (const message of messages) {
    if (!known.has(message.message_id)) known.set(message.message_id, entryOf(message));
  }
  const sent = [...known.values()].sort((one, other) => one.message.message_id - other.message.message_id);
  const notes = entries.filter((one) => one.kind === 'note');
  const waiting = entries.filter((one) => one.kind === 'message' && one.state !== 'sent');
  return [...between(sent, notes), ...waiting];
}

/**
 * @param {any} message
 * @returns {Entry}
 */
function entryOf(message) {
  return { kind: 'message', key: `m${message.message_id}`, at: Date.parse(message.created_at), message, state: 'sent' };
}

/**
 * @param {Entry[]} sent
 * @param {Entry[]} notes
 */
function between(sent, notes) {
  const all = [];
  let place = 0;
  for (const one of sent) {
    while (place < notes.length && notes[place].at < one.at) all.push(notes[place++]);
    all.push(one);
  }
  return [...all, ...notes.slice(place)];
}

/**
 * Say of each entry whether a new day begins with it, and whether it goes on what its author said just before.
 *
 * @param {Entry[]} entries
 * @returns {{entry: Entry, newDay: boolean, goesOn: boolean}[]}
 */
export function arranged(entries) {
  return entries.map((entry, place) => {
    const before = entries[place - 1];
    const newDay = !before || dayOf(before.at) !== dayOf(entry.at);
    const goesOn =
      !newDay &&
      before.kind === 'message' &&
      entry.kind === 'message' &&
      before.message.user.user_id === entry.message.user.user_id &&
      entry.at - before.at < TOGETHER_MS;
    return { entry, newDay, goesOn };
  });
}

/** @param {number} at */
export function dayOf(at) {
  return new Date(at).toDateString();
}
