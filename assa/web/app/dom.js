/** Elements of the page. Texts go in as text, never as HTML. */

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `text`, `test` (data-test), `on` ({event: listener}), `data`; others are
 *   attributes: true is an empty one, false and null leave it out.
 * @param {...(Node | string | null | undefined)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'class') made.className = value;
    else if (name === 'text') made.textContent = value;
    else if (name === 'test') made.dataset.test = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name === 'data') Object.assign(made.dataset, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  send: 'M4 12l16-8-6 16-3-6z',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9h.01',
  info: 'M12 11v6M12 7h.01M12 3a9 9 0 100 18 9 9 0 000-18z',
  invite: 'M9 11a4 4 0 100-8 4 4 0 000 8zM3 21c0-4 3-6 6-6s6 2 6 6M18 8v6M15 11h6',
  leave: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  video: 'M3 7h12v10H3zM15 11l6-4v10l-6-4',
  videoOff: 'M3 7h12v10H3zM15 11l6-4v10l-6-4M3 3l18 18',
  mic: 'M12 3a3 3 0 013 3v5a3 3 0 01-6 0V6a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v4',
  micOff: 'M12 3a3 3 0 013 3v5a3 3 0 01-6 0V6a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v4M3 3l18 18',
  screen: 'M3 5h18v11H3zM8 20h8M12 16v4',
  hangUp: 'M4 14c4-5 12-5 16 0l-3 3-3-2v-3h-4v3l-3 2z',
  reply: 'M9 7l-5 5 5 5M4 12h9c4 0 6 2 7 6',
  close: 'M6 6l12 12M18 6L6 18',
  globe: 'M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18',
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button with an icon and a name that only a screen reader says.
 *
 * @param {keyof typeof PATHS} picture
 * @param {string} label
 * @param {string} test
 * @param {() => void} clicked
 * @param {Record<string, any>} [more]
 */
export function iconButton(picture, label, test, clicked, more = {}) {
  const props = { type: 'button', class: 'icon-button', 'aria-label': label, title: label, test, on: { click: clicked } };
  return el('button', { ...props, ...more }, icon(picture));
}

/** Counts the fields, whose labels need an id. */
let fields = 0;

/**
 * A labelled input.
 *
 * @param {string} label
 * @param {Record<string, any>} props Of the input.
 */
export function field(label, props) {
  const id = `field-${(fields += 1)}`;
  return el('div', { class: 'field' }, el('label', { for: id, text: label }), el('input', { id, ...props }));
}
