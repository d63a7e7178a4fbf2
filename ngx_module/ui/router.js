// Addresses: a page is the last part of the path, its state the query. All pages lie in
// one folder, so that the place of the whole is the operator's choice.

const folder = new URL('.', location.href);
let show = null;

/** The address of a page with its state; a list is an argument several times. */
export function to(page, state) {
    const url = new URL(page === '' ? '.' : page, folder);
    for (const [name, value] of Object.entries(state ?? {})) {
        for (const one of [value].flat()) {
            if (one !== null && one !== undefined && one !== '' && one !== false) {
                url.searchParams.append(name, one);
            }
        }
    }
    return url.href;
}

/** The page that is shown, and its state. */
export function here() {
    return { page: location.pathname.slice(folder.pathname.length), state: new URLSearchParams(location.search) };
}

/** Goes to an address of this folder. */
export function follow(href, { replace = false } = {}) {
    if (replace) {
        history.replaceState(null, '', href);
    } else {
        history.replaceState({ scroll: scrollY }, '');
        history.pushState(null, '', href);
    }
    show({ scroll: replace ? scrollY : 0 });
}

export const go = (page, state, how) => follow(to(page, state), how);

/** Whether a click on a link means to stay in this window. */
function ours(event, link) {
    return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && !link.target
        && !link.hasAttribute('download') && link.href.startsWith(folder.href) && link.pathname.indexOf('/', folder.pathname.length) < 0
        && !(link.hash && link.pathname === location.pathname && link.search === location.search);
}

/** Begins: shows what the address says, and what each later one does. */
export function begin(render) {
    show = render;
    history.scrollRestoration = 'manual';
    addEventListener('popstate', (event) => show({ scroll: event.state?.scroll ?? 0 }));
    document.addEventListener('click', (event) => {
        const link = event.target.closest('a[href]');
        if (link && !event.defaultPrevented && ours(event, link)) {
            event.preventDefault();
            follow(link.href);
        }
    });
    show({ scroll: 0 });
}
