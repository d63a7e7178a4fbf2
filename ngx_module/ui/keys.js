// Keys: each page says which ones it knows; "g" and another key goes to a page.

import { el } from './dom.js';
import { show } from './dialog.js';
import { go } from './router.js';

const everywhere = {
    '/': ['search', () => document.querySelector('input[type=search]')?.focus()],
    '?': ['this list', () => help()],
    'g l': ['the list of issues', () => go('')],
    'g p': ['projects', () => go('projects')],
};
const names = { Enter: '↵' };
let ofPage = {};
let first = null;

/** The keys of the page that is shown: key → [what it does, the function]. */
export function setKeys(keys) {
    ofPage = keys;
}

export function help() {
    const table = el('table', { class: 'keys' });
    for (const [key, [what]] of Object.entries({ ...ofPage, ...everywhere })) {
        table.append(el('tr', null, el('th', { scope: 'row' }, key.split(' ').map((part) => el('kbd', null, names[part] ?? part))), el('td', null, what)));
    }
    show('Keys', table);
}

const typing = (node) => node.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');

document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) {
        return;
    }
    if (typing(event.target)) {
        if (event.key === 'Escape') {
            event.target.blur();
        }
        return;
    }
    // A focused button or link keeps its own Enter.
    if (event.key === 'Enter' && event.target.closest('a, button, summary, input')) {
        return;
    }
    const key = first ? `${first} ${event.key}` : event.key;
    first = null;
    const found = ofPage[key] ?? everywhere[key];
    if (found) {
        event.preventDefault();
        found[1]();
    } else if (event.key === 'g') {
        first = 'g';
    }
});
