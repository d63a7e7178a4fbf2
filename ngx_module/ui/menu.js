// A button that opens a list of actions; arrow keys, Escape and a click elsewhere do what
// people expect of them.

import { el } from './dom.js';

let open = null;

function close(focus) {
    if (!open) {
        return;
    }
    const { trigger, list } = open;
    open = null;
    list.hidden = true;
    trigger.setAttribute('aria-expanded', 'false');
    if (focus) {
        trigger.focus();
    }
}

document.addEventListener('click', (event) => {
    if (open && !open.list.contains(event.target) && !open.trigger.contains(event.target)) {
        close(false);
    }
});

function step(list, event) {
    const items = [...list.querySelectorAll('button:not(:disabled), input, a')];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === 'Escape') {
        close(true);
    } else if (next === undefined || event.target.matches('input') && (event.key === 'Home' || event.key === 'End')) {
        return;
    } else {
        items[(next + items.length) % items.length]?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
}

/** items: functions that make what is in the list, or [label, action, note] of an entry. */
export function menu(label, items, attributes) {
    const list = el('div', { class: 'menu', hidden: true, onkeydown: (event) => step(list, event) });
    const trigger = el('button', {
        type: 'button', 'aria-haspopup': 'true', 'aria-expanded': 'false', ...attributes,
        onclick: () => {
            if (open?.list === list) {
                close(false);
                return;
            }
            close(false);
            list.replaceChildren(...items().filter(Boolean).map((item) => (item instanceof Node ? item : el('button', {
                type: 'button', class: 'item',
                onclick: () => {
                    close(true);
                    item[1]();
                },
            }, item[0], item[2] && el('span', { class: 'note' }, item[2])))));
            list.hidden = false;
            trigger.setAttribute('aria-expanded', 'true');
            open = { trigger, list };
            list.querySelector('button:not(:disabled), input, a')?.focus();
        },
    }, label, el('span', { class: 'arrow', 'aria-hidden': 'true' }, '▾'));
    return el('span', { class: 'menu-place' }, trigger, list);
}

export const closeMenu = () => close(true);
