// Times as people read them: how long ago, and the exact one in the viewer's zone beside it.

import { el } from './dom.js';

const steps = [[60, 's', 1], [3600, 'min', 60], [86400, 'h', 3600], [86400 * 60, 'd', 86400], [86400 * 730, 'mo', 86400 * 30.44], [Infinity, 'y', 86400 * 365.25]];

/** How a time is written. What knows the habits of a country takes long to make: only when it is needed. */
function written(how) {
    let format = null;
    return (date) => (format ??= new Intl.DateTimeFormat(undefined, how)).format(date);
}

const exactly = written({ dateStyle: 'medium', timeStyle: 'long' });

/** How long a time is away from now, in one unit. */
export function away(date, now = Date.now()) {
    const seconds = (now - date.getTime()) / 1000;
    const size = Math.abs(seconds);
    if (size < 10) {
        return 'just now';
    }
    const [, unit, length] = steps.find(([below]) => size < below);
    const text = `${Math.floor(size / length)} ${unit}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** A time, the exact one on hover; it goes on while the page is open. */
export function ago(text) {
    const date = new Date(text);
    if (!text || Number.isNaN(date.getTime())) {
        return el('span', { class: 'none' }, '–');
    }
    return el('time', { datetime: date.toISOString(), 'data-ago': true }, away(date));
}

/** The exact time. */
export function exact(text) {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? String(text ?? '') : el('time', { datetime: date.toISOString(), title: away(date) }, exactly(date));
}

/** The day of a time, its time of day, or both in short, as plain text. */
export const day = written({ month: 'short', day: 'numeric' });
export const timeOfDay = written({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
export const moment = written({ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });

// A list has fifty of them, of which one is looked at.
document.addEventListener('pointerover', ({ target }) => {
    const node = target.closest?.('time[data-ago]:not([title])');
    if (node) {
        node.title = exactly(new Date(node.dateTime));
    }
});

setInterval(() => {
    for (const node of document.querySelectorAll('time[data-ago]')) {
        const text = away(new Date(node.dateTime));
        if (node.textContent !== text) {
            node.textContent = text;
        }
    }
}, 15000);
