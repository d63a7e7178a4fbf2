// What the list is of: the state in its address, and the search that it comes to.

export const periods = ['24h', '14d', '30d'];
const shown = 25;                       /* issues of a page */

const quoted = (text) => (/[\s"[\],*\\]/.test(text) ? `"${text.replace(/(["\\])/g, '\\$1')}"` : text);

/** The search for a tag with a value. */
export function tagSearch(key, value) {
    if (key === 'user') {
        const [kind, ...rest] = value.split(':');
        return `user.${kind}:${quoted(rest.join(':'))}`;
    }
    return /^[a-z_]+$/i.test(key) && !/^(is|has|age|issue|assigned)$/i.test(key) ? `${key}:${quoted(value)}` : `tags[${key}]:${quoted(value)}`;
}

/** The state of the list that an address has. */
export function readState(query) {
    const one = (name, fallback = '') => query.get(name) ?? fallback;
    return {
        org: one('org'), project: query.getAll('project'), environment: query.getAll('environment'),
        status: one('status', 'unresolved'), release: one('release'), seen: one('seen'), query: one('query'),
        sort: one('sort', 'date'), stats: periods.includes(query.get('stats')) ? query.get('stats') : '24h', cursor: one('cursor'),
    };
}

/** A state as an address has it: what is usual is left out. */
export function writeState(state) {
    const usual = { status: 'unresolved', sort: 'date', stats: '24h' };
    return Object.fromEntries(Object.entries(state).filter(([name, value]) => value !== usual[name]));
}

/** What the search of the API is, for a state. */
export function searchOf(state) {
    const named = /(^|\s)!?is:(unresolved|resolved|ignored)\b/.test(state.query);
    return [
        state.status !== 'all' && !named && `is:${state.status}`,
        state.release && `release:${quoted(state.release)}`,
        state.seen && `lastSeen:-${state.seen}`,
        state.query,
    ].filter(Boolean).join(' ');
}

/** The arguments of the API that choose what a state is of. */
export function scopeOf(state) {
    return { project: state.project, environment: state.environment, query: searchOf(state) };
}

export function queryOf(state) {
    return { ...scopeOf(state), sort: state.sort, statsPeriod: state.stats, limit: shown, cursor: state.cursor || null };
}
