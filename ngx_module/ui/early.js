// Asks for the list that the address names while the rest of this page is still on its way:
// of all that is asked it is what people wait for. Whoever asks is told to sign in later, if
// they have to.

import { getPage } from './api.js';
import { queryOf, readState } from './search.js';

const remembered = 'errtrack.org';

/** The organization whose list was looked at last, to begin with. */
export const lastOrganization = () => localStorage.getItem(remembered) ?? '';

export function rememberOrganization(slug) {
    localStorage.setItem(remembered, slug);
}

export const askList = (state, signal) => getPage(['organizations', state.org, 'issues'], queryOf(state), signal);

let first = null;

/** The answer that was asked for early, once, where it is of this state. */
export function takeEarly(state) {
    const taken = first;
    first = null;
    return taken?.of === JSON.stringify(state) ? taken.answer : null;
}

if (location.pathname.endsWith('/')) {
    const state = readState(new URLSearchParams(location.search));
    state.org ||= lastOrganization();
    if (state.org) {
        first = { of: JSON.stringify(state), answer: askList(state) };
        // What went wrong is asked anew: perhaps somebody has signed in by then.
        first.answer.catch(() => {
            first = null;
        });
    }
}
