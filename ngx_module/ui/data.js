// Data of any shape, as events have it, in tables.

import { button, el, fill, outward } from './dom.js';

const longest = 2000;                   /* characters that are shown at once */

function text(value) {
    if (value instanceof Node) {
        return value;
    }
    if (typeof value !== 'string') {
        return value === null ? el('span', { class: 'none' }, 'null') : JSON.stringify(value, null, 2);
    }
    return /^https?:\/\/\S+$/.test(value) ? outward(value) : value;
}

/** A value, the rest of a long one on demand. */
export function shown(value) {
    const whole = text(value);
    if (typeof whole !== 'string' || whole.length <= longest) {
        return whole;
    }
    const place = el('span', null, whole.slice(0, longest));
    place.append(' ', button(`… ${whole.length - longest} more characters`, () => fill(place, whole), { class: 'link' }));
    return place;
}

/** A table of names and values: [[name, value], …]. */
export function pairs(entries) {
    return el('table', { class: 'pairs' }, el('tbody', null, entries.map(([name, value]) => el('tr', null, el('th', { scope: 'row' }, name), el('td', null, shown(value))))));
}

/** Names and values behind each other, for where there is one set of them in each row. */
export function inline(entries) {
    return el('div', { class: 'inline' }, entries.map(([name, value]) => el('span', null, el('span', { class: 'note' }, name), ' ',
        el('code', null, shown(typeof value === 'object' && value !== null ? JSON.stringify(value) : value)))));
}

/** What can be folded away; made when it is opened the first time. */
export function fold(title, open, make) {
    const body = el('div');
    const once = () => body.hasChildNodes() || fill(body, make());
    if (open) {
        once();
    }
    return el('details', { class: 'part', open, ontoggle: (event) => event.target.open && once() }, el('summary', null, title), body);
}
