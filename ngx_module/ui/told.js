// What the page tells beside its content: what was done, with a way back, and what failed.

import { button, el } from './dom.js';

const shownFor = 8000;                  /* ms */

/** Shows a message. undo: what takes it back, offered as long as the message is there. */
export function tell(message, { undo, failed } = {}) {
    const place = document.getElementById('told');
    const note = el('p', { class: failed ? 'toast failed' : 'toast' }, el('span', null, message));
    const close = () => note.remove();
    if (undo) {
        note.append(button('Undo', () => {
            close();
            undo();
        }, { class: 'link' }));
    }
    note.append(button('×', close, { class: 'plain', 'aria-label': 'Dismiss' }));
    place.append(note);
    while (place.children.length > 4) {
        place.firstElementChild.remove();
    }
    let timer = setTimeout(close, shownFor);
    // What somebody is reading or about to press stays.
    for (const event of ['mouseenter', 'focusin']) {
        note.addEventListener(event, () => clearTimeout(timer));
    }
    for (const event of ['mouseleave', 'focusout']) {
        note.addEventListener(event, () => {
            clearTimeout(timer);
            timer = setTimeout(close, shownFor);
        });
    }
}

/** Tells what went wrong. */
export function tellFailure(doing, error) {
    tell(`${doing}: ${error.message}`, { failed: true });
}
