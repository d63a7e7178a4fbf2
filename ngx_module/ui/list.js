// The list of issues: what is new, what is back, how often, and acting on many at once.

import { address, get, send } from './api.js';
import { assign, assignWays, copy, ignoreForever, ignoreWays, merge, remove, reopen, resolveNow, resolveWays, setStatus } from './actions.js';
import { confirm } from './dialog.js';
import { button, el, fill } from './dom.js';
import { askList, lastOrganization, rememberOrganization, takeEarly } from './early.js';
import { controls, linkTo } from './filters.js';
import { setKeys } from './keys.js';
import { closeMenu, menu } from './menu.js';
import { counted, exactly, short } from './number.js';
import { sparkline } from './plot.js';
import { follow, go, here, to } from './router.js';
import { periods, queryOf, readState, scopeOf, searchOf, writeState } from './search.js';
import { ago } from './time.js';
import { tell, tellFailure } from './told.js';
import { lastPlace, setTrail } from './trail.js';

const quick = 150;                      /* ms */

/** What the list shows, and what is ticked in it. */
class List {
    constructor({ main, who, signal }, state) {
        Object.assign(this, { main, who, signal, state });
        // With one project its name in each row would say nothing.
        this.several = state.project.length !== 1 && who.projects.filter((project) => project.organization.slug === state.org).length > 1;
        this.issues = [];
        this.rows = new Map();
        this.ticked = new Set();
        this.whole = null;              // how many match, once somebody asked for all of them
        this.at = -1;
        this.body = el('tbody');
        this.bar = el('div', { class: 'bulk row', hidden: true, role: 'toolbar', 'aria-label': 'What is ticked' });
        this.tickAll = el('input', { type: 'checkbox', 'aria-label': 'Tick all on this page', onchange: () => this.tick(this.issues, this.tickAll.checked) });
        this.pager = el('nav', { class: 'pager row', 'aria-label': 'Pages of the list' });
    }

    get writes() {
        return this.who.may(this.state.org, 'event:write');
    }

    // ---- rows ---------------------------------------------------------------------

    row(issue) {
        const { type, value, title } = issue.metadata;
        const box = el('input', { type: 'checkbox', 'aria-label': `Tick ${issue.shortId}`, checked: this.ticked.has(issue), onchange: () => this.tick([issue], box.checked) });
        const href = to('issue', { id: issue.id });
        return el('tr', { class: `issue level-${issue.level}`, 'data-id': issue.id },
            el('td', { class: 'tick' }, box),
            el('td', { class: 'what' },
                el('a', { class: 'title', href, title: issue.title },
                    el('strong', null, type || title || issue.title), type && value ? el('span', { class: 'value' }, value.split('\n', 1)[0]) : null),
                el('div', { class: 'under' },
                    el('span', { class: 'level', title: `Level: ${issue.level}` }, issue.level),
                    issue.substatus === 'regressed' && el('span', { class: 'mark regressed', title: 'It was resolved, and happened again' }, 'regressed'),
                    issue.substatus === 'new' && el('span', { class: 'mark new', title: 'First seen within a week' }, 'new'),
                    issue.status !== 'unresolved' && el('span', { class: 'mark' }, issue.status),
                    issue.culprit && el('span', { class: 'culprit' }, issue.culprit),
                    el('span', { class: 'id' }, issue.shortId),
                    this.several && el('span', { class: 'id' }, issue.project.name),
                    issue.assignedTo && el('span', { class: 'id', title: `Assigned to ${issue.assignedTo.email}` }, `→ ${issue.assignedTo.name || issue.assignedTo.email}`),
                    issue.numComments > 0 && el('span', { class: 'id' }, counted(issue.numComments, 'comment')))),
            el('td', { class: 'graph' }, sparkline(issue.stats[this.state.stats] ?? [])),
            el('td', { class: 'number', title: exactly(issue.count), 'data-label': Number(issue.count) === 1 ? 'event' : 'events' }, short(Number(issue.count))),
            el('td', { class: 'number', title: exactly(issue.userCount), 'data-label': issue.userCount === 1 ? 'user' : 'users' }, short(issue.userCount)),
            el('td', { class: 'when', 'data-label': 'last' }, ago(issue.lastSeen)),
            el('td', { class: 'when first', 'data-label': 'first' }, ago(issue.firstSeen)));
    }

    head() {
        const period = (name) => el('a', { href: linkTo(this.state, { stats: name, cursor: this.state.cursor }), 'aria-current': name === this.state.stats ? 'true' : null }, name);
        return el('thead', null, el('tr', null,
            el('th', { class: 'tick', scope: 'col' }, this.tickAll), el('th', { class: 'what', scope: 'col' }, 'Issue'),
            el('th', { class: 'graph', scope: 'col' }, el('span', { class: 'periods' }, periods.map(period))),
            el('th', { class: 'number', scope: 'col' }, 'Events'), el('th', { class: 'number', scope: 'col' }, 'Users'),
            el('th', { class: 'when', scope: 'col' }, 'Last seen'), el('th', { class: 'when first', scope: 'col' }, 'First seen')));
    }

    /** The list without its rows, in the place that they will have. */
    frame(environments) {
        fill(this.main, el('h1', { class: 'unseen' }, 'Issues'), controls(this.state, this.who, environments), this.bar,
            el('table', { class: 'issues' }, this.head(), this.body), this.pager);
        fill(this.body, Array.from({ length: 10 }, () => el('tr', { class: 'issue waiting', 'aria-hidden': 'true' },
            el('td', { class: 'tick' }), el('td', { class: 'what' }, el('span', { class: 'title bone' }), el('div', { class: 'under bone' })),
            el('td', { class: 'graph' }), el('td', { class: 'number' }), el('td', { class: 'number' }), el('td', { class: 'when' }), el('td', { class: 'when first' }))));
    }

    // ---- what is ticked, and where one is ------------------------------------------------

    tick(issues, on) {
        this.whole = null;
        for (const issue of issues) {
            this.ticked[on ? 'add' : 'delete'](issue);
            this.rows.get(issue).querySelector('input').checked = on;
            this.rows.get(issue).classList.toggle('ticked', on);
        }
        this.showBar();
    }

    move(step) {
        if (this.issues.length === 0) {
            return;
        }
        this.at = Math.min(this.issues.length - 1, Math.max(0, this.at + step));
        for (const row of this.rows.values()) {
            row.classList.remove('here');
        }
        const row = this.rows.get(this.issues[this.at]);
        row.classList.add('here');
        row.scrollIntoView({ block: 'nearest' });
        row.querySelector('a.title').focus({ preventScroll: true });
    }

    /** What an action is about: what is ticked, else where one is. */
    meant() {
        return this.ticked.size > 0 ? [...this.ticked] : this.at >= 0 && this.issues[this.at] ? [this.issues[this.at]] : [];
    }

    // ---- acting -----------------------------------------------------------------------

    /** Whether an issue still belongs into what is shown. */
    belongs(issue) {
        return this.state.status === 'all' || issue.status === this.state.status;
    }

    changed(issues) {
        if (!this.body.isConnected) {
            // Another list is shown by now: as the server has it.
            if (here().page === '') {
                follow(location.href, { replace: true });
            }
            return;
        }
        for (const issue of issues) {
            const old = this.rows.get(issue);
            const row = this.row(issue);
            this.rows.set(issue, row);
            if (!this.belongs(issue)) {
                old.remove();
                this.ticked.delete(issue);
            } else if (old.isConnected) {
                old.replaceWith(row);
            } else {
                // Back at its place: before the next one that is there.
                const next = this.all.slice(this.all.indexOf(issue) + 1).find((other) => this.rows.get(other).isConnected);
                this.body.insertBefore(row, next ? this.rows.get(next) : null);
            }
        }
        this.issues = this.all.filter((issue) => this.rows.get(issue).isConnected);
        this.at = Math.min(this.at, this.issues.length - 1);
        if (this.at >= 0) {
            this.move(0);
        }
        this.showBar();
        if (this.issues.length === 0) {
            this.showNothing();
        }
    }

    apply(body) {
        if (!this.writes) {
            tell('Your role reads only: a developer may change issues.', { failed: true });
            return;
        }
        if (this.whole) {
            this.applyWhole(body);
            return;
        }
        const issues = this.meant();
        if (issues.length > 0) {
            setStatus(this.state.org, issues, body, (changed) => this.changed(changed)).then(() => {
                // Of a page of which nothing is left, its neighbour takes the place.
                if (this.body.isConnected && this.issues.length === 0 && (this.page.next || this.page.previous)) {
                    go('', writeState(this.page.next ? this.state : { ...this.state, cursor: this.page.previous }), { replace: true });
                }
            });
        }
    }

    /** On all that match, in pieces as the server takes them. */
    async applyWhole(body) {
        const target = body.status.startsWith('resolved') ? 'resolved' : body.status;
        const label = { resolved: 'Resolve', ignored: 'Ignore', unresolved: 'Reopen' }[target];
        const progress = el('p', { class: 'note', role: 'status' });
        await confirm(`${label} all that match`, [el('span', null, `${counted(this.whole.count, 'issue')}${this.whole.more ? ' and more' : ''} will be changed: everything that the search finds, not only this page.`), progress],
            `${label} ${this.whole.more ? 'all' : exactly(this.whole.count)}`, async () => {
                // What is done already is left out, so that each piece is another one.
                const scope = { ...scopeOf(this.state), query: `${searchOf(this.state)} !is:${target}`.trim() };
                let sum = 0;
                let answer;
                do {
                    answer = await send('PUT', ['organizations', this.state.org, 'issues'], body, scope);
                    sum += answer.updated;
                    fill(progress, `${exactly(sum)} done …`);
                } while (answer.more && answer.updated > 0);
                tell(`Changed ${counted(sum, 'issue')}.`);
                this.reload();
            });
    }

    async removeWhole() {
        const progress = el('p', { class: 'note', role: 'status' });
        await confirm('Delete all that match', [el('span', null, `${counted(this.whole.count, 'issue')}${this.whole.more ? ' and more' : ''} and all their events are deleted for good. This cannot be taken back.`), progress],
            `Delete ${this.whole.more ? 'all' : exactly(this.whole.count)}`, async () => {
                const { environment, query } = scopeOf(this.state);
                const slugs = this.state.project.length > 0 ? this.state.project
                    : this.who.projects.filter((project) => project.organization.slug === this.state.org).map((project) => project.slug);
                let sum = 0;
                for (const slug of slugs) {
                    let answer;
                    do {
                        answer = await send('DELETE', ['projects', this.state.org, slug, 'issues'], undefined, { environment, query });
                        sum += answer?.deleted ?? 0;
                        fill(progress, `${exactly(sum)} done …`);
                    } while (answer?.more && answer.deleted > 0);
                }
                tell(`Deleted ${counted(sum, 'issue')}.`);
                this.reload();
            });
    }

    async countWhole() {
        try {
            const { count, more } = await send('PUT', ['organizations', this.state.org, 'issues'], resolveNow, { ...scopeOf(this.state), dryRun: 1 });
            this.whole = { count, more };
            this.showBar();
        } catch (error) {
            tellFailure('Counting', error);
        }
    }

    showBar() {
        const many = this.ticked.size;
        this.bar.hidden = many === 0;
        this.tickAll.checked = many > 0 && many === this.issues.length;
        this.tickAll.indeterminate = many > 0 && many < this.issues.length;
        if (many === 0) {
            return;
        }
        const chosen = [...this.ticked];
        const said = this.whole ? `All ${this.whole.more ? `${exactly(this.whole.count)} and more` : exactly(this.whole.count)} that match` : `${exactly(many)} ticked`;
        fill(this.bar, el('strong', { role: 'status' }, said),
            menu('Resolve', () => resolveWays((body) => this.apply(body)), { disabled: !this.writes }),
            menu('Ignore', () => ignoreWays((body) => this.apply(body)), { disabled: !this.writes }),
            this.state.status !== 'unresolved' && button('Reopen', () => this.apply(reopen), { disabled: !this.writes }),
            !this.whole && menu('Assign', () => assignWays(this.state.org, async (to, name) => {
                await assign(this.state.org, chosen, to, name);
                this.reload();
            }, true), { disabled: !this.writes }),
            !this.whole && button('Merge', () => merge(this.state.org, chosen, () => this.reload()), { disabled: !this.writes || many < 2 || new Set(chosen.map((issue) => issue.project.id)).size > 1, title: 'Two or more of one project' }),
            button('Delete', () => (this.whole ? this.removeWhole() : remove(this.state.org, chosen, () => this.reload())), { class: 'danger', disabled: !this.writes }),
            !this.whole && (this.page.next || this.page.previous) && button('All that match …', () => this.countWhole(), { class: 'link', title: 'Counts what the search finds, on all pages' }),
            button('Untick', () => this.tick(this.issues, false), { class: 'link' }));
    }

    // ---- loading ------------------------------------------------------------------------

    reload() {
        go('', writeState(this.state), { replace: true });
    }

    async showNothing() {
        const { state } = this;
        const filtered = state.query || state.release || state.seen || state.environment.length > 0;
        const own = this.who.projects.filter((project) => project.organization.slug === state.org && (state.project.length === 0 || state.project.includes(project.slug)));
        const silent = own.find((project) => !project.firstEvent);
        let content;
        if (own.length === 0) {
            content = el('div', { class: 'state' }, el('h1', null, 'No project yet'), el('p', null, 'A project is what applications report to. ', el('a', { href: to('projects') }, 'Make one')));
        } else if (!filtered && silent && own.every((project) => !project.firstEvent)) {
            content = await (await import('./welcome.js')).welcome(silent, this.signal);
        } else {
            content = el('div', { class: 'state' }, el('h1', null, filtered ? 'Nothing matches' : state.status === 'unresolved' ? 'Nothing is unresolved' : 'Nothing here'),
                el('p', null, filtered ? ['The search was ', el('code', null, searchOf(state)), '. '] : null,
                    (filtered || state.status !== 'all') && el('a', { href: linkTo({ org: state.org, project: state.project, status: 'all' }, {}) }, 'Show all issues')));
        }
        fill(this.body, el('tr', null, el('td', { colspan: 7, class: 'nothing' }, content)));
    }

    /** What the server says of a search that it does not take; it can be mended where it stands. */
    showRefusal(error) {
        fill(this.body, el('tr', null, el('td', { colspan: 7, class: 'nothing' }, el('div', { class: 'state', role: 'alert' },
            el('h1', null, 'This search cannot be answered'), el('p', null, error.message),
            el('p', null, el('a', { href: linkTo(this.state, { query: '' }) }, 'Without the search'))))));
        fill(this.pager);
        const search = this.main.querySelector('input[type=search]');
        search.focus();
        search.setSelectionRange(search.value.length, search.value.length);
    }

    showPager() {
        const page = (cursor, label, key) => (cursor === null ? el('span', { class: 'off' }, label)
            : el('a', { href: to('', writeState({ ...this.state, cursor })), rel: key }, label));
        fill(this.pager, page(this.page.previous, '← Previous', 'prev'), page(this.page.next, 'Next →', 'next'),
            el('span', { class: 'gap' }),
            menu('Copy', () => [['This list as curl', () => this.copyCurl()], ['This list as SQL', () => this.copySql()]], { class: 'plain' }));
    }

    show(page) {
        this.page = page;
        this.issues = this.all = page.items;
        for (const issue of this.all) {
            this.rows.set(issue, this.row(issue));
        }
        fill(this.body, [...this.rows.values()]);
        this.showPager();
        setTrail(this.all.map(({ id }) => id));
        this.at = lastPlace();
        this.rows.get(this.issues[this.at])?.classList.add('here');
        if (this.all.length === 0) {
            this.showNothing();
        }
    }

    // ---- the same elsewhere ---------------------------------------------------------------

    copyCurl() {
        const url = address(['organizations', this.state.org, 'issues'], queryOf(this.state));
        copy('a command', `curl -H "Authorization: Bearer $ERRTRACK_TOKEN" '${url.href.replace(/'/g, '%27')}'`);
    }

    copySql() {
        const text = (value) => `'${value.replace(/'/g, "''")}'`;
        const { state, who } = this;
        const own = who.projects.filter((project) => project.organization.slug === state.org && (state.project.length === 0 || state.project.includes(project.slug)));
        const tagged = (key, and) => `exists (select from errtrack.issue_tags as t where (t.project_id, t.issue_id) = (i.project_id, i.issue_id) and t.key = ${text(key)}${and})`;
        const named = state.environment.filter(Boolean);
        const environments = [
            named.length > 0 && tagged('environment', ` and t.value in (${named.map(text).join(', ')})`),
            named.length < state.environment.length && `not ${tagged('environment', '')}`,
        ].filter(Boolean);
        const conditions = [
            // By number: another organization may have a project of the same name.
            own.length > 0 && own.length < who.projects.length && `project_id in (${own.map(({ id }) => Number(id)).join(', ')})`,
            state.status !== 'all' && `status = ${text(state.status)}`,
            environments.length > 0 && `(${environments.join(' or ')})`,
            state.release && tagged('release', ` and t.value = ${text(state.release)}`),
            state.seen && `last_seen > now() - interval ${text(state.seen)}`,
        ].filter(Boolean);
        const order = { date: 'last_seen', new: 'first_seen', freq: 'event_count', user: 'user_count', trend: 'last_seen' }[state.sort];
        copy('a query', `select short_id, title, culprit, level, status, event_count, user_count, first_seen, last_seen\nfrom errtrack.issues as i\n`
            + (conditions.length > 0 ? `where ${conditions.join('\n  and ')}\n` : '') + `order by ${order} desc\nlimit 100;`
            + (state.query ? `\n-- The search is not in it: ${state.query.replace(/\s+/g, ' ')}` : ''));
    }
}

/** Where the list of somebody begins: the organization that they looked at last. */
function chosenOrganization(who, state) {
    const slugs = who.organizations.map(({ slug }) => slug);
    return [state.org, lastOrganization(), slugs[0]].find((slug) => slugs.includes(slug)) ?? state.org ?? '';
}

/** What is shown while it is not known yet who asks. */
export function waiting({ main, state }) {
    new List({ main, who: { projects: [], organizations: [], may: () => false } }, readState(state)).frame([]);
}

export async function show(context) {
    const { main, who, signal } = context;
    const state = readState(context.state);
    state.org = chosenOrganization(who, state);
    document.title = `${state.status === 'all' ? 'All issues' : `${state.status[0].toUpperCase()}${state.status.slice(1)} issues`} · errtrack`;
    if (!state.org) {
        fill(main, el('div', { class: 'state' }, el('h1', null, 'Nothing to see yet'), el('p', null, 'You belong to no organization. An owner can add you, or an administrator makes one with ', el('code', null, 'errtrack org create'), '.')));
        return;
    }
    rememberOrganization(state.org);
    const list = new List(context, state);
    const asked = takeEarly(state) ?? askList(state, signal);
    const environments = [];
    // A quick answer needs no list without rows before it, which would be painted for nothing.
    await Promise.race([asked.catch(() => {}), new Promise((resolve) => setTimeout(resolve, quick))]);
    if (signal.aborted) {
        return;
    }
    list.frame(environments);
    setKeys({
        j: ['next issue', () => list.move(1)], k: ['previous issue', () => list.move(-1)],
        x: ['tick', () => list.issues[list.at] && list.tick([list.issues[list.at]], !list.ticked.has(list.issues[list.at]))],
        Enter: ['open', () => list.issues[list.at] && go('issue', { id: list.issues[list.at].id })],
        r: ['resolve', () => list.apply(resolveNow)], i: ['ignore', () => list.apply(ignoreForever)],
        '[': ['previous page', () => list.page?.previous && go('', writeState({ ...state, cursor: list.page.previous }))],
        ']': ['next page', () => list.page?.next && go('', writeState({ ...state, cursor: list.page.next }))],
        Escape: ['close a menu, untick', () => (closeMenu(), list.tick([...list.ticked], false))],
    });
    try {
        const page = await asked;
        if (!signal.aborted) {
            list.show(page);
        }
        // Not before the rows, which people wait for.
        get(['organizations', state.org, 'environments'], { project: state.project }, signal).then((found) => environments.push(...found), () => {});
    } catch (error) {
        if (error.status !== 400 || signal.aborted) {
            throw error;
        }
        list.showRefusal(error);
    }
}

