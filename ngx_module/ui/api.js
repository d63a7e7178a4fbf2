// Speaks with the HTTP API, the only thing that this page knows of the server.

const root = new URL(document.documentElement.dataset.api, location.href);
const longest = 30000;                  /* ms; nginx gives up a query long before */

/** An answer that is not the one that was asked for. status 0: there was none. */
export class Failure extends Error {
    constructor(status, message, retryAfter = 0) {
        super(message);
        this.status = status;
        this.retryAfter = retryAfter;
    }

    /** Whether the same may go well in a moment. */
    get passing() {
        return this.status === 0 || this.status === 429 || this.status >= 502;
    }
}

let pending = 0;
const watchers = new Set();

function count(difference) {
    pending += difference;
    for (const watcher of watchers) {
        watcher(pending > 0);
    }
}

/** Tells whether something is being asked, each time that this changes. */
export function watchPending(watcher) {
    watchers.add(watcher);
}

/** The address of a path, with its arguments; a list is an argument several times. */
export function address(path, query) {
    const url = new URL(path.map((part) => `${encodeURIComponent(part)}/`).join(''), root);
    for (const [name, value] of Object.entries(query ?? {})) {
        for (const one of [value].flat()) {
            if (one !== null && one !== undefined) {
                url.searchParams.append(name, one);
            }
        }
    }
    return url;
}

function reason(status, answer) {
    const detail = answer && (answer.detail ?? answer.message ?? answer.error);
    if (typeof detail === 'string') {
        return detail;
    }
    return status >= 502 ? 'The server cannot answer now.' : `The server answered ${status}.`;
}

async function fetchAnswer(method, url, body, signal) {
    const limit = AbortSignal.timeout(longest);
    const request = { method, signal: signal ? AbortSignal.any([signal, limit]) : limit, headers: { Accept: 'application/json' } };
    if (method !== 'GET') {
        // Without it a session changes nothing: no other site can set it.
        request.headers['X-Errtrack-Request'] = '1';
    }
    if (body !== undefined) {
        request.headers['Content-Type'] = 'application/json';
        request.body = JSON.stringify(body);
    }
    try {
        return await fetch(url, request);
    } catch (error) {
        if (signal?.aborted) {
            throw error;
        }
        throw new Failure(0, limit.aborted ? 'The server did not answer in time.' : 'The server cannot be reached.');
    }
}

async function call(method, path, { query, body, signal } = {}) {
    count(1);
    try {
        const answer = await fetchAnswer(method, address(path, query), body, signal);
        const text = await answer.text();
        let json = null;
        try {
            json = text === '' ? null : JSON.parse(text);
        } catch {
            if (answer.ok) {
                throw new Failure(answer.status, 'The server sent something else than JSON.');
            }
        }
        if (!answer.ok) {
            throw new Failure(answer.status, reason(answer.status, json), Number(answer.headers.get('Retry-After')) || 0);
        }
        return { json, headers: answer.headers };
    } finally {
        count(-1);
    }
}

/** What is at a path: its parts as they are, unescaped. */
export async function get(path, query, signal) {
    return (await call('GET', path, { query, signal })).json;
}

/** A page of a list: its items, and the cursors of the pages beside it, null where there is none. */
export async function getPage(path, query, signal) {
    const { json, headers } = await call('GET', path, { query, signal });
    const page = { items: json, next: null, previous: null };
    for (const [, direction, results, cursor] of
        (headers.get('Link') ?? '').matchAll(/rel="(next|previous)"; results="(true|false)"; cursor="([^"]*)"/g)) {
        page[direction] = results === 'true' ? cursor : null;
    }
    return page;
}

/** Changes something. */
export async function send(method, path, body, query) {
    return (await call(method, path, { body, query })).json;
}
