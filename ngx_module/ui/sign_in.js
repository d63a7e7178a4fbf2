// Signing in with a token, where nginx vouches for nobody.

import { el, fill } from './dom.js';
import { field } from './dialog.js';
import { signIn } from './session.js';

export function show({ main, done }) {
    document.title = 'Sign in · errtrack';
    const wrong = el('p', { class: 'wrong', role: 'alert', hidden: true });
    const token = el('input', { name: 'token', type: 'password', autocomplete: 'current-password', required: true, maxlength: 200, spellcheck: 'false' });
    const accept = el('button', { type: 'submit', class: 'primary' }, 'Sign in');
    const form = el('form', {
        class: 'state', onsubmit: async (event) => {
            event.preventDefault();
            accept.disabled = true;
            wrong.hidden = true;
            try {
                await signIn(token.value.trim());
                done();
            } catch (error) {
                fill(wrong, error.status === 401 ? 'No token of a person is like this, or it has run out.' : error.message).hidden = false;
                accept.disabled = false;
                token.select();
            }
        },
    }, el('h1', null, 'Sign in'),
    field('Token', token, ['An administrator makes one with ', el('code', null, 'errtrack token create --user you@example.com'), '. The browser keeps a session, not the token.']),
    wrong, el('p', { class: 'row' }, accept));
    fill(main, form);
    token.focus();
}
