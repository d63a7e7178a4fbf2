// What is behind the other tabs of an issue: all its events, why they are one, what
// happened to it, and what people wrote.

import { get, getPage, send } from './api.js';
import { confirm } from './dialog.js';
import { button, el, fill, scrolled } from './dom.js';
import { counted } from './number.js';
import { ago, exact } from './time.js';
import { tell, tellFailure } from './told.js';

// ---- all events ---------------------------------------------------------------------

export async function events(page, place) {
    const { items, next, previous } = await getPage(['issues', page.issue.id, 'events'], { limit: 50, cursor: page.state.get('cursor') }, page.signal);
    const columns = ['Time', 'Event', 'Title', 'Release', 'Environment', 'User'];
    const tag = (event, name) => event.tags.find(({ key }) => key === name)?.value ?? '';
    fill(place, scrolled(el('table', { class: 'table' },
        el('thead', null, el('tr', null, columns.map((name) => el('th', { scope: 'col' }, name)))),
        el('tbody', null, items.map((event) => el('tr', null,
            el('td', null, ago(event.dateCreated)), el('td', null, el('a', { href: page.address({ event: event.eventID, tab: null }) }, el('code', null, event.eventID.slice(0, 8)))),
            el('td', null, event.title), el('td', null, tag(event, 'release')), el('td', null, tag(event, 'environment')), el('td', null, tag(event, 'user'))))))),
    el('nav', { class: 'pager row', 'aria-label': 'Pages of the events' },
        previous ? el('a', { href: page.address({ cursor: previous }) }, '← Newer') : el('span', { class: 'off' }, '← Newer'),
        next ? el('a', { href: page.address({ cursor: next }) }, 'Older →') : el('span', { class: 'off' }, 'Older →')));
}

// ---- grouping ------------------------------------------------------------------------

const hints = {
    value_ignored_stack_present: 'left out: the stack tells more', frame_ignored: 'left out: not of the application',
};

/** A part of what was hashed, and its parts. */
function component(part) {
    const value = part.value === undefined ? null : String(part.value);
    return el('li', { class: part.contributes ? null : 'none' },
        part.name, value !== null && [' ', el('code', null, value)], part.raw !== undefined && part.contributes && [' from ', el('code', null, String(part.raw))],
        part.hint && ` (${hints[part.hint] ?? part.hint.replaceAll('_', ' ')})`,
        part.components?.length > 0 && el('ul', { class: 'explained' }, part.components.map(component)));
}

export async function grouping(page, place) {
    const hashes = await get(['issues', page.issue.id, 'hashes'], null, page.signal);
    const explained = page.event && await get(['projects', page.org, page.project, 'events', page.event.eventID, 'grouping'], null, page.signal);
    const apart = (hash) => confirm('Take apart', `Events with this hash become an issue of their own, those of the past too.`, 'Take apart', async () => {
        await send('DELETE', ['issues', page.issue.id, 'hashes'], undefined, { id: hash.id });
        tell('Taken apart. The events move in the background.');
    }).catch((error) => tellFailure('It could not be taken apart', error));
    fill(place,
        el('section', { class: 'part' }, el('h2', null, `Hashes (${hashes.length})`),
            el('p', { class: 'note' }, 'Events are one issue when they have one of these. Each can be made an issue of its own.'),
            scrolled(el('table', { class: 'table' },
                el('thead', null, el('tr', null, ['Hash', 'Of', 'First event', 'Since', ''].map((name) => el('th', { scope: 'col' }, name)))),
                el('tbody', null, hashes.map((hash) => el('tr', null,
                    el('td', null, el('code', null, hash.id.slice(0, 12))), el('td', null, hash.variant), el('td', null, hash.title ?? ''), el('td', null, ago(hash.firstSeen)),
                    el('td', null, hashes.length > 1 && button('Take apart', () => apart(hash), { disabled: !page.writes })))))))),
        explained?.explanation && el('section', { class: 'part' }, el('h2', null, 'Why this event is here'),
            el('p', null, 'Grouped by ', el('strong', null, explained.explanation.strategy ?? '?'), ', hash ', el('code', null, (explained.hash ?? '').slice(0, 12)), '. What is grey did not count.'),
            el('ul', { class: 'explained' }, (explained.explanation.variants ?? []).map(component))));
}

// ---- history --------------------------------------------------------------------------

const trackerIssue = ({ url, provider, reference }) => url ?? (reference ? `${provider ?? 'an issue'} ${reference}` : 'an issue of a tracker');

const said = {
    first_seen: ({ release }) => (release ? `First seen in ${release}` : 'First seen'),
    set_regression: ({ release }) => (release ? `Happened again, in ${release}` : 'Happened again'),
    set_resolved: () => 'Resolved',
    set_resolved_in_release: (data) => (data.after_release !== undefined ? 'Resolved in the next release' : `Resolved in ${data.in_release}`),
    set_ignored: ({ until, events: more, users }) => (until ? ['Ignored until ', exact(until)] : more ? `Ignored for ${counted(more, 'event')}` : users ? `Ignored for ${counted(users, 'user')}` : 'Ignored for ever'),
    set_unresolved: () => 'Reopened',
    merge: () => 'Others were merged into it', merged_away: () => 'Merged into another', unmerged: () => 'Taken out of another', unmerged_from: () => 'Others were taken out of it',
    split: () => 'A hash was taken out of it', split_off: () => 'Made of a hash of another', assigned: ({ to: who, user }) => `Assigned to ${who ?? user ?? 'somebody'}`, unassigned: () => 'Assigned to nobody',
    linked: (link) => `Linked to ${trackerIssue(link)}`, unlinked: (link) => `No longer linked to ${trackerIssue(link)}`, note: () => 'Comment',
};

export async function history(page, place) {
    const [{ activity }, comments] = await Promise.all([
        get(['issues', page.issue.id, 'activities'], null, page.signal), get(['issues', page.issue.id, 'comments'], null, page.signal)]);
    const again = () => history(page, place).catch((error) => tellFailure('The history', error));
    const text = el('textarea', { name: 'text', rows: 3, maxlength: 10000, required: true, 'aria-label': 'Comment' });
    const form = el('form', { onsubmit: async (event) => {
        event.preventDefault();
        try {
            await send('POST', ['issues', page.issue.id, 'comments'], { text: text.value });
            await again();
        } catch (error) {
            tellFailure('The comment was not kept', error);
        }
    } }, text, el('p', { class: 'row' }, el('button', { type: 'submit', class: 'primary', disabled: !page.writes }, 'Comment')));
    const rows = [
        ...activity.filter(({ type }) => type !== 'note').map(({ type, data, user, who, dateCreated }) => ({ at: dateCreated, who: user?.name || who, text: said[type]?.(data) ?? type.replaceAll('_', ' ') })),
        ...comments.map((comment) => ({ at: comment.dateCreated, who: comment.user?.name || comment.user?.email, text: 'Comment', comment })),
    ].sort((a, b) => b.at.localeCompare(a.at));
    fill(place, form, el('ul', { class: 'history' }, rows.map((row) => el('li', null,
        el('span', null, row.text, row.who && el('span', { class: 'note' }, ` by ${row.who}`)), el('span', { class: 'note' }, ago(row.at)),
        row.comment && el('div', { class: 'comment' }, row.comment.data.text, ' ', row.comment.user?.id === page.who.user.id && button('Delete', async () => {
            try {
                await send('DELETE', ['issues', page.issue.id, 'comments', row.comment.id]);
                await again();
            } catch (error) {
                tellFailure('The comment is still there', error);
            }
        }, { class: 'link' }))))));
}

// ---- feedback ---------------------------------------------------------------------------

export async function feedback(page, place) {
    const reports = await get(['issues', page.issue.id, 'user-reports'], null, page.signal);
    fill(place, reports.length === 0 && el('p', { class: 'note' }, 'Nobody wrote anything about it. SDKs can ask people who meet an error what they were doing.'),
        el('ul', { class: 'history' }, reports.map((report) => el('li', null,
            el('span', null, report.name || report.email || 'Somebody', report.name && report.email && el('span', { class: 'note' }, ` ${report.email}`),
                report.eventID && [' on ', el('a', { href: page.address({ event: report.eventID, tab: null }) }, el('code', null, report.eventID.slice(0, 8)))]),
            el('span', { class: 'note' }, ago(report.dateCreated)), el('div', { class: 'comment' }, report.comments)))));
}
