/** The open room in the address, so that a reload comes back to it, and the browser's own button goes back. */

/** @returns {number | null} The room that the address names. */
export function roomOfAddress() {
  const found = /^#room-(\d{1,16})$/.exec(location.hash);
  return found ? Number(found[1]) : null;
}

/**
 * Let the address follow the model, and the model the address.
 *
 * @param {import('./model.js').Model} model
 * @returns {() => void} Ends it.
 */
export function followAddress(model) {
  const went = () => {
    const roomId = roomOfAddress();
    if (roomId !== model.currentId) model.open(model.rooms.get(roomId) ? roomId : null).catch(() => {});
  };
  const opened = () => {
    if (roomOfAddress() !== model.currentId) history.pushState(null, '', addressOf(model.currentId));
  };
  addEventListener('popstate', went);
  model.addEventListener('current', opened);
  return () => {
    removeEventListener('popstate', went);
    model.removeEventListener('current', opened);
  };
}

/** @param {number | null} roomId */
function addressOf(roomId) {
  return roomId === null ? location.pathname + location.search : `#room-${roomId}`;
}
