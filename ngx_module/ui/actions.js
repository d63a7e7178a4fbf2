// What a person does to issues, the same in the list and on the page of one.

import { get, send } from './api.js';
import { ask, confirm, field } from './dialog.js';
import { button, el } from './dom.js';
import { counted } from './number.js';
import { tell, tellFailure } from './told.js';

const hour = 60;                        /* minutes */

export const resolveNow = { status: 'resolved' };
export const reopen = { status: 'unresolved' };
export const ignoreForever = { status: 'ignored' };

/** How an issue would be put back to what it is now. */
function wayBack(issue) {
    const { inRelease, inNextRelease, ...details } = issue.statusDetails ?? {};
    if (issue.status === 'resolved') {
        return inNextRelease ? { status: 'resolvedInNextRelease' } : { status: 'resolved', statusDetails: inRelease ? { inRelease } : {} };
    }
    return { status: issue.status, statusDetails: details };
}

const done = { unresolved: 'Reopened', resolved: 'Resolved', resolvedInNextRelease: 'Resolved in the next release:', ignored: 'Ignored' };

/** How issues are called in a sentence. */
export const called = (issues) => (issues.length === 1 ? issues[0].shortId : counted(issues.length, 'issue'));

const updateAll = (org, issues, body) => send('PUT', ['organizations', org, 'issues'], body, { id: issues.map((issue) => issue.id) });

/**
 * Sets the status of issues at once on the page, and then on the server: shown() is told
 * what they are now, and again what they were when that fails or is taken back.
 */
export async function setStatus(org, issues, body, shown) {
    const before = issues.map((issue) => ({ issue, status: issue.status, details: issue.statusDetails, back: wayBack(issue) }));
    const apply = (status) => {
        for (const { issue } of before) {
            issue.status = status.startsWith('resolved') ? 'resolved' : status;
            issue.statusDetails = {};
        }
        shown(issues);
    };
    const restore = () => {
        for (const { issue, status, details } of before) {
            issue.status = status;
            issue.statusDetails = details;
        }
        shown(issues);
    };
    apply(body.status);
    try {
        await updateAll(org, issues, body);
    } catch (error) {
        restore();
        tellFailure(`${called(issues)} could not be changed`, error);
        return;
    }
    tell(`${done[body.status]} ${called(issues)}.`, { undo: async () => {
        try {
            // Those that were alike go back together.
            const ways = Map.groupBy?.(before, ({ back }) => JSON.stringify(back)) ?? new Map(before.map((one) => [one.issue.id, [one]]));
            for (const group of ways.values()) {
                await updateAll(org, group.map(({ issue }) => issue), group[0].back);
            }
            restore();
        } catch (error) {
            tellFailure('It could not be taken back', error);
        }
    } });
}

/** Entries of the menu of ways to resolve. apply(body) does it. */
export function resolveWays(apply) {
    return [
        ['Resolve now', () => apply(resolveNow)],
        ['In the next release', () => apply({ status: 'resolvedInNextRelease' }), 'reopens if a later release has it'],
        ['In the latest release', () => apply({ status: 'resolved', statusDetails: { inRelease: 'latest' } })],
        ['In another release …', () => ask('Resolved in a release', {
            make: () => field('Release', el('input', { name: 'release', required: true, maxlength: 250 }), 'The version as the SDK sends it.'),
            label: 'Resolve',
            submit: async (form) => apply({ status: 'resolved', statusDetails: { inRelease: form.elements.release.value.trim() } }),
        })],
    ];
}

function askNumber(title, label, note, member, apply) {
    return ask(title, {
        make: () => field(label, el('input', { name: 'number', type: 'number', min: 1, max: 1000000000, required: true, value: 100 }), note),
        label: 'Ignore',
        submit: async (form) => apply({ status: 'ignored', statusDetails: { [member]: Number(form.elements.number.value) } }),
    });
}

function askTime(apply) {
    return ask('Ignore until', {
        make: () => field('Until', el('input', { name: 'until', type: 'datetime-local', required: true }), 'In your own time zone.'),
        label: 'Ignore',
        submit: async (form) => {
            const until = new Date(form.elements.until.value);
            if (until <= new Date()) {
                throw new Error('That is over already: name a time that is to come.');
            }
            apply({ status: 'ignored', statusDetails: { ignoreUntil: until.toISOString() } });
        },
    });
}

/** Entries of the menu of ways to ignore. */
export function ignoreWays(apply) {
    const span = (minutes) => () => apply({ status: 'ignored', statusDetails: { ignoreDuration: minutes } });
    return [
        ['For ever', () => apply(ignoreForever)],
        ['For an hour', span(hour)],
        ['For a day', span(24 * hour)],
        ['For a week', span(7 * 24 * hour)],
        ['Until a time …', () => askTime(apply)],
        ['Until more events …', () => askNumber('Ignore until it happens again', 'Further events', 'It comes back when so many more were counted.', 'ignoreCount', apply)],
        ['Until more users …', () => askNumber('Ignore until more have it', 'Further users', 'It comes back when so many more users had it.', 'ignoreUserCount', apply)],
    ];
}

/** Makes several issues one. Resolves when it was done or left. */
export function merge(org, issues, then) {
    return confirm('Merge issues', `${counted(issues.length, 'issue')} become one, the one with the most events. It can be taken apart again on its page.`, 'Merge', async () => {
        const { merge: { parent } } = await send('PUT', ['organizations', org, 'issues'], { merge: 1 }, { id: issues.map((issue) => issue.id) });
        tell(`Merged ${counted(issues.length, 'issue')}.`);
        then(parent);
    });
}

/** Deletes issues for good, those of each project together. */
export function remove(org, issues, then) {
    return confirm('Delete for good', `${called(issues)} and all events of ${issues.length === 1 ? 'it' : 'them'} are deleted. This cannot be taken back; a later event of the same error makes a new issue.`, 'Delete', async () => {
        for (const slug of new Set(issues.map((issue) => issue.project.slug))) {
            await send('DELETE', ['projects', org, slug, 'issues'], undefined, { id: issues.filter((issue) => issue.project.slug === slug).map((issue) => issue.id) });
        }
        tell(`Deleted ${called(issues)}.`);
        then();
    });
}

/** Assigns issues to somebody, or to nobody. */
export async function assign(org, issues, assignedTo, name) {
    try {
        await updateAll(org, issues, { assignedTo });
        tell(assignedTo ? `Assigned ${called(issues)} to ${name}.` : `Assigned ${called(issues)} to nobody.`);
    } catch (error) {
        tellFailure(`${called(issues)} could not be assigned`, error);
    }
}

/** Entries of the menu of people of an organization. apply(who, name) assigns; nobody is offered where somebody is. */
export function assignWays(org, apply, somebody) {
    const place = el('div', { class: 'note item' }, 'Looking for people …');
    get(['organizations', org, 'users']).then((found) => place.replaceWith(...found.map((member) => {
        const { email, name } = member.user ?? member;
        return button(name || email, () => apply(email, name || email), { class: 'item' });
    })), (error) => place.replaceChildren(error.message));
    return [['Me', () => apply('me', 'you')], somebody && ['Nobody', () => apply(null)], place];
}

/** Puts a text on the clipboard, or shows it where that is not allowed. */
export async function copy(what, text) {
    try {
        await navigator.clipboard.writeText(text);
        tell(`Copied ${what}.`);
    } catch {
        const { show } = await import('./dialog.js');
        show(`Copy ${what}`, el('textarea', { rows: 6, readonly: true, onfocus: (event) => event.target.select() }, text));
    }
}
