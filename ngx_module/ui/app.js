// Begins: finds the page that the address names, and puts the frame around it.

import { Failure, watchPending } from './api.js';
import { button, el, fill } from './dom.js';
import { help, setKeys } from './keys.js';
import { menu } from './menu.js';
import { begin, go, here, to } from './router.js';
import { forget, session, signOut } from './session.js';
import { tellFailure } from './told.js';

// A page is a module with show(context). Those that are rarely opened are loaded then.
const pages = {
    '': () => import('./list.js'),
    issue: () => import('./issue.js'),
    projects: () => import('./projects.js'),
    settings: () => import('./settings.js'),
    health: () => import('./health.js'),
    account: () => import('./account.js'),
};
const head = document.getElementById('head');
const main = document.getElementById('page');
let left = new AbortController();
const quick = 150;                      /* ms: an answer that comes within them is not waited for visibly */
let retry = 0;

watchPending((pending) => document.body.classList.toggle('asking', pending));

// ---- the frame ------------------------------------------------------------------

async function leave() {
    try {
        await signOut();
    } catch (error) {
        tellFailure('Signing out', error);
        return;
    }
    go('');
}

function showHead(who, page) {
    const place = (name, label, within) => el('a', { href: to(name), 'aria-current': page === name ? 'page' : within.includes(page) ? 'true' : null }, label);
    fill(head,
        el('a', { class: 'brand', href: to(''), 'aria-label': 'errtrack: issues' }, el('img', { src: 'icon.svg', alt: '', width: 20, height: 20 }), 'errtrack'),
        who && el('nav', { 'aria-label': 'Pages' }, place('', 'Issues', ['issue']), place('projects', 'Projects', ['health', 'settings'])),
        el('span', { class: 'gap' }),
        button('?', help, { class: 'plain', title: 'Keys (?)', 'aria-label': 'Keys' }),
        who && menu(who.user.name || who.user.email, () => [
            ['Tokens and account', () => go('account')],
            who.auth.kind === 'session' && ['Sign out', leave],
        ], { class: 'plain', 'aria-label': `Account of ${who.user.name || who.user.email}` }));
}

// ---- what stands for a page that cannot be shown ------------------------------------

function state(title, text, ...more) {
    fill(main, el('div', { class: 'state', role: 'alert' }, el('h1', null, title), el('p', null, text), more));
}

function showFailure(error) {
    if (error.status === 403) {
        state('Not allowed', `${error.message}. A maintainer or owner of the organization can change what you may do.`,
            el('p', null, el('a', { href: to('account') }, 'Who am I here?')));
    } else if (error.status === 404) {
        state('Not found', 'It was deleted, has passed its retention, or is not for you to see.', el('p', null, el('a', { href: to('') }, 'All issues')));
    } else if (error instanceof Failure && error.passing) {
        const seconds = Math.max(error.retryAfter, Math.min(60, 5 * 2 ** retry++));
        const left = el('span', null, seconds);
        const again = () => {
            clearInterval(timer);
            render({ scroll: 0 });
        };
        let rest = seconds;
        const timer = setInterval(() => {
            if (!left.isConnected) {
                clearInterval(timer);
            } else if (--rest <= 0) {
                again();
            } else {
                fill(left, rest);
            }
        }, 1000);
        state('No answer', `${error.message} Nothing is lost: reports are taken and kept all the same.`,
            el('p', null, 'Trying again in ', left, ' s. ', button('Try now', again)));
    } else {
        state('This went wrong', error.message, el('p', null, button('Try again', () => render({ scroll: 0 }))));
    }
}

// ---- pages ------------------------------------------------------------------------

async function render({ scroll }) {
    left.abort();
    left = new AbortController();
    const { signal } = left;
    const { page, state: arguments_ } = here();
    setKeys({});
    main.setAttribute('aria-busy', 'true');
    try {
        const make = pages[page];
        // Both at once: the code of the page and who asks.
        const asking = session();
        asking.catch(() => {});         // what went wrong is thrown where it is awaited
        const module = make ? await make() : null;
        const slow = setTimeout(() => main.childElementCount === 0 && !signal.aborted && module?.waiting?.({ main, state: arguments_ }), quick);
        const who = await asking.finally(() => clearTimeout(slow));
        if (signal.aborted) {
            return;
        }
        showHead(who, page);
        if (!module) {
            throw new Failure(404, 'There is no such page.');
        }
        await module.show({ main, state: arguments_, who, signal });
        retry = 0;
    } catch (error) {
        if (signal.aborted) {
            return;
        }
        if (error.status === 401) {
            forget();
            showHead(null, page);
            (await import('./sign_in.js')).show({ main, done: () => render({ scroll: 0 }) });
        } else {
            showFailure(error);
            if (!(error instanceof Failure)) {
                console.error(error);
            }
        }
    } finally {
        if (!signal.aborted) {
            main.removeAttribute('aria-busy');
            scrollTo(0, scroll);
        }
    }
}

showHead(null, '');
begin(render);
