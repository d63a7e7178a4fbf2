// Dialogs: a form that must be answered or left before the page goes on.

import { button, el, fill } from './dom.js';

/**
 * Shows a form. make(form) gives its content; submit(form) does what is asked, and what it
 * throws is shown in the dialog. Resolves with what submit gave, null when it was left.
 */
export function ask(title, { make, submit, label = 'OK', danger = false }) {
    return new Promise((resolve) => {
        const wrong = el('p', { class: 'wrong', role: 'alert', hidden: true });
        const accept = el('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, label);
        const form = el('form', { method: 'dialog' });
        const dialog = el('dialog', { 'aria-label': title, onclose: () => {
            dialog.remove();
            resolve(null);
        } }, form);
        form.append(el('h2', null, title), ...[make?.(form)].flat().filter(Boolean), wrong,
            el('p', { class: 'row end' }, button('Cancel', () => dialog.close()), accept));
        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            accept.disabled = true;
            wrong.hidden = true;
            try {
                const result = await submit(form);
                resolve(result ?? true);
                dialog.close();
            } catch (error) {
                fill(wrong, error.message).hidden = false;
                accept.disabled = false;
            }
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

/** Asks whether to do something that cannot be taken back. */
export function confirm(title, text, label, action) {
    return ask(title, { make: () => el('p', null, text), submit: action, label, danger: true });
}

/** Shows something that is closed when it was read. */
export function show(title, ...content) {
    const dialog = el('dialog', { 'aria-label': title, onclose: () => dialog.remove() },
        el('h2', null, title), content, el('p', { class: 'row end' }, button('Close', () => dialog.close(), { class: 'primary' })));
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}

let notes = 0;

/** A field of a form, with its label and what there is to know about it. */
export function field(label, input, note) {
    if (note) {
        input.setAttribute('aria-describedby', `note-${++notes}`);
    }
    return el('div', { class: 'field' }, el('label', null, el('span', null, label), input), note && el('small', { class: 'note', id: `note-${notes}` }, note));
}
