/** Elements of the page. Texts go in as text, never as HTML. */

import { PATHS } from './icons.js';

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `text`, `test` (data-test), `on` ({event: listener}), `data`; others are
 *   attributes: true is an empty one, false and null leave it out.
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'class') made.className = value;
    else if (name === 'text') made.textContent = value;
    else if (name === 'test') made.dataset.test = value;
    else if (name === 'on')
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name === 'data') Object.assign(made.dataset, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

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
 * A button.
 *
 * @param {string} text
 * @param {() => void} clicked
 * @param {Record<string, any>} [more]
 */
export function button(text, clicked, more = {}) {
  return el('button', { type: 'button', class: 'plain', text, on: { click: clicked }, ...more });
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
  const props = {
    type: 'button',
    class: 'icon-button',
    'aria-label': label,
    title: label,
    test,
    on: { click: clicked },
  };
  return el('button', { ...props, ...more }, icon(picture));
}

/**
 * A button with an icon before its words.
 *
 * @param {keyof typeof PATHS} picture
 * @param {string} text
 * @param {string} test
 * @param {() => void} clicked
 * @param {string} [look] Its class.
 */
export function wordButton(picture, text, test, clicked, look = 'plain') {
  return el('button', { type: 'button', class: look, test, on: { click: clicked } }, icon(picture), text);
}

/**
 * The first letter of a name, on a colour that goes with an id.
 *
 * @param {string} name
 * @param {number} id
 * @param {string} [shape] Further classes.
 */
export function avatar(name, id, shape = '') {
  const letter = [...name.trim()][0]?.toUpperCase() ?? '?';
  return el('span', { class: `avatar ${shape}`, 'aria-hidden': 'true', data: { tint: String(id % 6) }, text: letter });
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
  fields += 1;
  const id = `field-${fields}`;
  return el('div', { class: 'field' }, el('label', { for: id, text: label }), el('input', { id, ...props }));
}

/**
 * Have an element consist of these children; only what differs is touched.
 *
 * @param {Element} parent
 * @param {Element[]} children
 */
export function place(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, number) => {
    if (parent.children[number] !== child) parent.insertBefore(child, parent.children[number] ?? null);
  });
}

/**
 * Fill an element anew; what has the focus in it has it again afterwards.
 *
 * @param {HTMLElement} parent
 * @param {...(Node | false | null)} children
 */
export function refill(parent, ...children) {
  const focused = parent.contains(document.activeElement)
    ? /** @type {any} */ (document.activeElement).dataset.test
    : null;
  parent.replaceChildren(.../** @type {Node[]} */ (children.filter(Boolean)));
  if (focused) /** @type {any} */ (parent.querySelector(`[data-test="${focused}"]`))?.focus();
}
