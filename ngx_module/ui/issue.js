// The page of one issue: what it is, how often, what an event of it looks like, and what
// can be done about it.

import { address, get, send } from './api.js';
import { assign, assignWays, copy, ignoreForever, ignoreWays, remove, reopen, resolveNow, resolveWays, setStatus } from './actions.js';
import { ask, field } from './dialog.js';
import { button, el, fill, outward, svg } from './dom.js';
import { eventParts } from './event.js';
import { linkTo } from './filters.js';
import { setKeys } from './keys.js';
import { menu } from './menu.js';
import { exactly, percent } from './number.js';
import { histogram } from './plot.js';
import { follow, go, to } from './router.js';
import { readState, tagSearch } from './search.js';
import { ago, exact } from './time.js';
import { tell, tellFailure } from './told.js';
import { neighbour, visit } from './trail.js';

const tabs = [['event', 'Event'], ['events', 'All events'], ['tags', 'Tags'], ['grouping', 'Grouping'], ['history', 'History'], ['feedback', 'Feedback']];

/** Why an issue has its status, out of what happened to it. */
function reasonOf(issue) {
    const types = { resolved: /^set_resolved/, ignored: /^set_ignored$/, unresolved: /^set_(regression|unresolved)$/ }[issue.status];
    const last = issue.activity.find(({ type }) => types?.test(type));
    const details = issue.statusDetails ?? {};
    const until = [
        details.inRelease && ['in release ', details.inRelease], details.inNextRelease && 'in the next release',
        details.ignoreUntil && ['until ', exact(details.ignoreUntil)],
        details.ignoreCount && `until it happened ${exactly(details.ignoreCount)} more times`,
        details.ignoreUserCount && `until ${exactly(details.ignoreUserCount)} more users had it`,
    ].filter(Boolean);
    const word = { resolved: 'Resolved', ignored: 'Ignored', unresolved: last?.type === 'set_regression' ? 'It was resolved and happened again' : last ? 'Reopened' : 'Unresolved' }[issue.status] ?? issue.status;
    const who = last && (last.user?.name || last.who);
    return [el('strong', null, word), until.map((part) => [' ', part]), who && ` by ${who}`, last && [', ', ago(last.dateCreated)],
        last?.type === 'set_regression' && last.data.release && [', in release ', last.data.release]];
}

class IssuePage {
    constructor(context, issue, event) {
        Object.assign(this, context, { issue, event });
        this.org = context.who.projects.find((project) => project.id === issue.project.id)?.organization.slug ?? '';
        this.project = issue.project.slug;
        this.tab = context.state.get('tab') ?? 'event';
        this.list = { ...readState(new URLSearchParams()), org: this.org, project: [this.project] };
        this.writes = context.who.may(this.org, 'event:write');
        this.status = el('div');
        this.mark = el('span');
        this.actions = el('div', { class: 'row', role: 'toolbar', 'aria-label': 'What can be done' });
    }

    // ---- head -----------------------------------------------------------------------

    head() {
        const { issue } = this;
        const { type, value } = issue.metadata;
        return el('div', { class: `issue-head level-${issue.level}` },
            el('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, el('a', { href: linkTo({ ...this.list, project: [] }, {}) }, this.org), ' / ',
                el('a', { href: linkTo(this.list, {}) }, issue.project.name), ` / ${issue.shortId}`),
            el('h1', null, el('span', null, type || issue.title), type && value ? el('span', { class: 'value' }, ` ${value.split('\n', 1)[0]}`) : null),
            el('div', { class: 'under' }, el('span', { class: 'level' }, issue.level), this.mark, el('span', { class: 'culprit' }, issue.culprit), issue.logger && el('span', null, issue.logger)),
            this.status, this.actions);
    }

    showStatus() {
        const { issue } = this;
        this.status.className = `status ${issue.status}`;
        // Of what is unresolved alone, as the status was changed here just now.
        this.mark.hidden = issue.status !== 'unresolved' || !['new', 'regressed'].includes(issue.substatus);
        this.mark.className = `mark ${issue.substatus}`;
        this.mark.textContent = issue.substatus;
        fill(this.status, reasonOf(issue), issue.pluginIssues.map((link) => [' · ', outward(link.issue.url, `${link.name} ${link.issue.label}`)]));
        const off = { disabled: !this.writes, title: this.writes ? null : 'Your role reads only' };
        fill(this.actions,
            issue.status === 'unresolved'
                ? [menu('Resolve', () => resolveWays((body) => this.set(body)), off), menu('Ignore', () => ignoreWays((body) => this.set(body)), off)]
                : [button('Reopen', () => this.set(reopen), off), issue.status === 'ignored' && menu('Resolve', () => resolveWays((body) => this.set(body)), off)],
            menu(issue.assignedTo ? `→ ${issue.assignedTo.name || issue.assignedTo.email}` : 'Assign', () => assignWays(this.org, (assignedTo, name) => this.assign(assignedTo, name), issue.assignedTo), off),
            menu('Tracker', () => this.trackers(), off),
            menu('More', () => [
                ['Merge with others …', () => this.askMerge()],
                ['Copy as curl', () => this.copyCurl()],
                ['Copy as SQL', () => this.copySql()],
                ['Delete …', () => this.writes && remove(this.org, [issue], () => follow(linkTo(this.list, {})))],
            ]));
    }

    async set(body) {
        if (!this.writes) {
            tell('Your role reads only: a developer may change issues.', { failed: true });
            return;
        }
        await setStatus(this.org, [this.issue], body, () => this.showStatus());
        await this.refresh();
    }

    /** What the server knows of the issue now. */
    async refresh() {
        try {
            Object.assign(this.issue, await get(['issues', this.issue.id], null, this.signal));
        } catch {
            return;                     // it was just told that it failed, or the page was left
        }
        this.showStatus();
    }

    async assign(assignedTo, name) {
        await assign(this.org, [this.issue], assignedTo, name);
        await this.refresh();
    }

    trackers() {
        const make = (provider) => async () => {
            try {
                await send('POST', ['issues', this.issue.id, 'tracker-issues'], { provider });
                tell(`An issue is being made in ${provider}. Its link is here in a moment.`);
            } catch (error) {
                tellFailure('No issue was made', error);
            }
            await this.refresh();
        };
        const place = el('div', { class: 'note item' }, 'Looking for trackers …');
        get(['projects', this.org, this.project, 'trackers']).then((found) => {
            const acting = found.filter((tracker) => tracker.acts);
            place.replaceWith(...(acting.length > 0
                ? acting.map(({ provider }) => button(`Make an issue in ${provider}`, make(provider), { class: 'item' }))
                : [el('div', { class: 'note item' }, 'No tracker is set up: ', el('a', { href: to('settings', { org: this.org, project: this.project, tab: 'trackers' }) }, 'set one up'))]));
        }, (error) => fill(place, error.message));
        return [place, ['Link an issue …', () => this.askLink()]];
    }

    askLink() {
        return ask('Link an issue of a tracker', {
            make: () => field('Address', el('input', { name: 'url', type: 'url', required: true, maxlength: 1000, placeholder: 'https://gitlab.example.com/acme/shop/-/issues/7' })),
            label: 'Link',
            submit: async (form) => {
                await send('POST', ['issues', this.issue.id, 'plugins', 'gitlab', 'link'], { issue_id: form.elements.url.value.split('/').pop(), url: form.elements.url.value });
                await this.refresh();
            },
        });
    }

    askMerge() {
        return ask('Merge with other issues', {
            make: () => field('Short ids or numbers', el('input', { name: 'ids', required: true, placeholder: 'SHOP-12 SHOP-1F' }), 'Of the same project. The one with the most events stays; it can be taken apart again under Grouping.'),
            label: 'Merge',
            submit: async (form) => {
                const ids = form.elements.ids.value.split(/[\s,]+/).filter(Boolean);
                const { merge: { parent } } = await send('PUT', ['projects', this.org, this.project, 'issues'], { merge: 1 }, { id: [this.issue.id, ...ids] });
                go('issue', { id: parent });
            },
        });
    }

    copyCurl() {
        copy('a command', `curl -H "Authorization: Bearer $ERRTRACK_TOKEN" '${address(['issues', this.issue.id, 'events', this.event?.eventID ?? 'latest']).href}'`);
    }

    copySql() {
        copy('a query', `select event_id, received_at, level, release, environment, transaction\nfrom errtrack.occurrences\nwhere project_id = ${Number(this.issue.project.id)} and issue_id = ${Number(this.issue.id)}\norder by received_at desc\nlimit 100;`);
    }

    // ---- facts -------------------------------------------------------------------------

    release(release) {
        return release && [' in ', el('a', { href: linkTo(this.list, { status: 'all', release: release.version }) }, release.shortVersion ?? release.version),
            release.lastCommit && [' ', this.commit(release.lastCommit)]];
    }

    /** A commit, as a link once it is known where the source of the project is. */
    commit({ id, message }) {
        const shown = el('code', { title: message }, id.slice(0, 8));
        const place = el('span', null, shown);
        this.sources ??= get(['projects', this.org, this.project, 'trackers'], null, this.signal).catch(() => []);
        this.sources.then((trackers) => {
            const source = trackers.find(({ provider }) => ['gitlab', 'github'].includes(provider));
            if (source && /^[0-9a-f]{7,64}$/i.test(id)) {
                fill(place, outward(`${source.url.replace(/\/$/, '')}/${source.provider === 'gitlab' ? '-/' : ''}commit/${id}`, shown));
            }
        });
        return place;
    }

    facts() {
        const { issue } = this;
        const fact = (name, large, ...more) => el('div', null, el('dt', null, name), el('dd', null, el('span', { class: 'large' }, large), el('div', { class: 'note' }, more)));
        return el('dl', { class: 'facts' },
            fact('Events', exactly(issue.count)), fact('Users', exactly(issue.userCount)),
            fact('Last seen', ago(issue.lastSeen), exact(issue.lastSeen), this.release(issue.lastRelease)),
            fact('First seen', ago(issue.firstSeen), exact(issue.firstSeen), this.release(issue.firstRelease)));
    }

    shares() {
        const place = el('div', null, el('p', { class: 'note' }, 'Counting tags …'));
        get(['issues', this.issue.id, 'tags'], null, this.signal).then((tags) => {
            this.tags = tags;
            fill(place, tags.slice(0, 12).map((tag) => this.share(tag, 3)), tags.length === 0 && el('p', { class: 'note' }, 'No event of it has tags.'));
        }, () => fill(place, el('p', { class: 'note' }, 'Tags cannot be shown now.')));
        return el('section', null, el('h2', null, 'Tags'), place);
    }

    share(tag, most) {
        return el('div', { class: 'share' }, el('h3', null, tag.key, tag.uniqueValues > most && ` (${exactly(tag.uniqueValues)})`),
            tag.topValues.slice(0, most).map(({ name, value, count }) => el('a', { class: 'value', href: linkTo(this.list, { query: tagSearch(tag.key, value), status: 'all' }), title: `${name || '(empty)'}: ${exactly(count)} of ${exactly(tag.totalValues)}` },
                svg('svg', { 'aria-hidden': 'true', preserveAspectRatio: 'none', viewBox: '0 0 100 10' }, svg('rect', { width: 100 * count / Math.max(tag.totalValues, 1), height: 10 })),
                el('span', null, name || '(empty)'), el('span', null, percent(count, tag.totalValues)))));
    }

    // ---- tabs --------------------------------------------------------------------------

    address(difference) {
        return to('issue', { id: this.issue.id, event: this.state.get('event'), tab: this.tab === 'event' ? null : this.tab, ...difference });
    }

    eventNav() {
        const step = (label, id, title) => (id ? el('a', { class: 'step', href: this.address({ event: id, tab: null }), title }, label) : el('span', { class: 'step off', title }, label));
        const { event } = this;
        return el('nav', { class: 'event-nav', 'aria-label': 'Events of this issue' },
            step('« Oldest', event.previousEventID && 'oldest', 'the oldest event'), step('‹ Previous', event.previousEventID, '['),
            step('Next ›', event.nextEventID, ']'), step('Newest »', event.nextEventID && 'latest', 'the newest event'),
            el('span', null, el('code', null, event.eventID.slice(0, 8)), ' ', ago(event.dateCreated), ' ', el('span', { class: 'note' }, exact(event.dateCreated))),
            el('span', { class: 'gap' }),
            el('form', { onsubmit: (sent) => {
                sent.preventDefault();
                follow(this.address({ event: sent.target.elements.event.value.trim(), tab: null }));
            } }, el('input', { name: 'event', size: 12, required: true, pattern: '\\s*[0-9a-fA-F-]{32,36}\\s*', placeholder: 'Event id', 'aria-label': 'Go to an event by its id', title: '32 hexadecimal digits', autocomplete: 'off' })),
            el('a', { href: address(['projects', this.org, this.project, 'events', event.eventID, 'json']).href, target: '_blank', rel: 'noopener' }, 'Raw JSON'));
    }

    showEvent() {
        return this.event ? [this.eventNav(), eventParts(this.event, this.org, this.project, { ...this.list, status: 'all' })]
            : el('p', { class: 'note' }, 'No event of it is kept any more: they have passed their retention. The counts stay.');
    }

    async showTab(place) {
        switch (this.tab) {
        case 'event':
            fill(place, this.showEvent());
            break;
        case 'tags': {
            const tags = this.tags ?? await get(['issues', this.issue.id, 'tags'], null, this.signal);
            fill(place, tags.map((tag) => this.share(tag, 10)), tags.length === 0 && el('p', { class: 'note' }, 'No event of it has tags.'));
            break;
        }
        default:
            await (await import('./issue_tabs.js'))[this.tab](this, place);
        }
    }

    show() {
        const place = el('div', null, el('p', { class: 'note' }, 'Loading …'));
        const { issue } = this;
        this.showStatus();
        fill(this.main, this.head(), this.facts(),
            el('div', { class: 'plots' }, histogram('Last 24 hours', issue.stats['24h'], 3600), histogram('Last 30 days', issue.stats['30d'], 86400)),
            el('nav', { class: 'tabs', 'aria-label': 'About this issue' }, tabs.map(([name, label]) => el('a', { href: this.address({ tab: name === 'event' ? null : name }), 'aria-current': name === this.tab ? 'page' : null }, label))),
            el('div', { class: 'issue-page' }, place, el('aside', { 'aria-label': 'Shares of tags' }, this.tab === 'tags' ? null : this.shares())));
        this.showTab(place).catch((error) => this.signal.aborted || fill(place, el('p', { class: 'wrong' }, error.message)));
    }

    keys() {
        const toEvent = (id) => id && follow(this.address({ event: id, tab: null }));
        const toIssue = (step) => {
            const id = neighbour(this.issue.id, step);
            if (id !== null) {
                scrollTo(0, 0);
                go('issue', { id }, { replace: true });
            }
        };
        setKeys({
            j: ['next issue of the list', () => toIssue(1)], k: ['previous issue of the list', () => toIssue(-1)],
            r: [this.issue.status === 'unresolved' ? 'resolve' : 'reopen', () => this.set(this.issue.status === 'unresolved' ? resolveNow : reopen)],
            i: ['ignore', () => this.set(ignoreForever)],
            '[': ['previous event', () => toEvent(this.event?.previousEventID)], ']': ['next event', () => toEvent(this.event?.nextEventID)],
        });
    }
}

export async function show(context) {
    const { state, signal } = context;
    const id = state.get('id') ?? '';
    const [issue, event] = await Promise.all([
        get(['issues', id], null, signal),
        get(['issues', id, 'events', state.get('event') ?? 'latest'], null, signal).catch((error) => {
            if (error.status === 404) {
                return null;
            }
            throw error;
        }),
    ]);
    document.title = `${issue.shortId} ${issue.title} · errtrack`;
    visit(issue.id);
    const page = new IssuePage(context, issue, event);
    page.show();
    page.keys();
}

