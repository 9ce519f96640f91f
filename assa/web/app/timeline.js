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
 * @property {string} [name]
 *
 * @typedef {object} Arranged
 * @property {Entry} entry
 * @property {boolean} newDay
 * @property {boolean} goesOn Its author stands above already.
 * @property {boolean} ends Nothing more of its author follows at once.
 */

/**
 * Put entries among others: each message once, in the order of their ids, before what is on its way.
 *
 * @param {Entry[]} entries
 * @param {Entry[]} added
 * @returns {Entry[]}
 */
export function merge(entries, added) {
  const all = [...entries, ...added];
  const sent = new Map();
  for (const one of all) {
    if (one.state === 'sent' && !sent.has(one.message.message_id)) sent.set(one.message.message_id, one);
  }
  const ordered = [...sent.values()].sort((one, other) => one.message.message_id - other.message.message_id);
  const notes = all.filter((one) => one.kind === 'note');
  const waiting = all.filter((one) => one.kind === 'message' && one.state !== 'sent');
  return [...between(ordered, notes), ...waiting];
}

/**
 * @param {any} message
 * @returns {Entry}
 */
export function entryOf(message) {
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
 * Say of each entry whether a new day begins with it, and whether it belongs to what its author said just before.
 *
 * @param {Entry[]} entries
 * @returns {Arranged[]}
 */
export function arranged(entries) {
  const all = entries.map((entry, place) => {
    const before = entries[place - 1];
    const newDay = !before || dayOf(before.at) !== dayOf(entry.at);
    return { entry, newDay, goesOn: !newDay && together(before, entry), ends: true };
  });
  all.forEach((one, place) => (one.ends = !all[place + 1]?.goesOn));
  return all;
}

/**
 * @param {Entry} before
 * @param {Entry} entry
 */
function together(before, entry) {
  if (before.kind !== 'message' || entry.kind !== 'message') return false;
  return before.message.user.user_id === entry.message.user.user_id && entry.at - before.at < TOGETHER_MS;
}

/** @param {number} at */
export function dayOf(at) {
  return new Date(at).toDateString();
}

/**
 * Return how many days ago a time was, by the calendar.
 *
 * @param {number} at
 * @param {number} now
 */
export function daysAgo(at, now) {
  const midnight = (/** @type {number} */ time) => new Date(dayOf(time)).getTime();
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}
