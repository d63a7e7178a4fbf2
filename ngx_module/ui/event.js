// One event: everything that it consists of.

import { address, get } from './api.js';
import { fold, inline, pairs, shown } from './data.js';
import { button, el, fill, outward, scrolled } from './dom.js';
import { bytes, counted } from './number.js';
import { linkTo } from './filters.js';
import { tagSearch } from './search.js';
import { bareStack, exceptions, threads } from './stack.js';
import { exact, timeOfDay } from './time.js';

const firstCrumbs = 20;                 /* breadcrumbs that are shown at once */
const longestOpen = 16;                 /* entries of a context that is shown at once */

const isEmpty = (value) => value === null || value === undefined || value === ''
    || typeof value === 'object' && !(value instanceof Node) && Object.keys(value).length === 0;
const filled = (entries) => entries.filter(([, value]) => !isEmpty(value));

function breadcrumbs(data) {
    const row = (crumb) => {
        const at = new Date(typeof crumb.timestamp === 'number' ? crumb.timestamp * 1000 : crumb.timestamp);
        return el('tr', null,
            el('td', { class: 'crumb-time', title: Number.isNaN(at.getTime()) ? null : at.toISOString() }, Number.isNaN(at.getTime()) ? '' : timeOfDay(at)),
            el('td', null, crumb.category ?? crumb.type ?? ''),
            el('td', null, el('span', { class: `level level-${crumb.level}` }, crumb.level ?? '')),
            el('td', null, crumb.message && shown(crumb.message), !isEmpty(crumb.data) && inline(Object.entries(crumb.data))));
    };
    // The newest first: what came right before it is what people look for.
    const crumbs = [...data.values].reverse();
    return fold(`Breadcrumbs (${crumbs.length})`, true, () => {
        const body = el('tbody', null, crumbs.slice(0, firstCrumbs).map(row));
        const rest = crumbs.length > firstCrumbs && button(`Show ${crumbs.length - firstCrumbs} older`, () => {
            body.append(...crumbs.slice(firstCrumbs).map(row));
            rest.remove();
        }, { class: 'link' });
        return [scrolled(el('table', { class: 'table' },
            el('thead', null, el('tr', null, ['Time', 'Category', 'Level', 'What'].map((name) => el('th', { scope: 'col' }, name)))), body)), rest];
    });
}

function request(data) {
    const list = (title, entries) => entries?.length > 0 && fold(`${title} (${entries.length})`, false, () => pairs(entries.map((pair) => [pair?.[0], pair?.[1]])));
    return el('section', { class: 'part' }, el('h2', null, 'Request'),
        el('p', null, el('strong', null, data.method ?? ''), ' ', data.url && outward(data.url), data.fragment && `#${data.fragment}`),
        list('Query', data.query), list('Headers', data.headers), list('Cookies', data.cookies),
        !isEmpty(data.data) && fold('Body', true, () => el('pre', null, shown(data.data))),
        !isEmpty(data.env) && fold('Environment', false, () => pairs(Object.entries(data.env))));
}

function message(data) {
    const said = data.formatted ?? data.message;
    return el('section', { class: 'part' }, el('h2', null, 'Message'), el('pre', null, shown(said)),
        data.message && data.formatted && data.message !== data.formatted && el('p', { class: 'note' }, 'Pattern: ', shown(data.message)),
        !isEmpty(data.params) && pairs(Object.entries(data.params)));
}

const entries = {
    message, exception: exceptions, stacktrace: bareStack, threads, breadcrumbs, request,
    csp: (data) => el('section', { class: 'part' }, el('h2', null, 'Report of a browser'), pairs(filled(Object.entries(data)))),
    template: (data) => el('section', { class: 'part' }, el('h2', null, 'Template'), pairs(filled(Object.entries(data)))),
    debugmeta: (data) => fold('Debug images', false, () => el('pre', null, JSON.stringify(data, null, 2))),
};

/** A part that is looked at elsewhere on the server, once it is there. */
function later(make) {
    const place = el('div');
    make().then((content) => content && fill(place, content), () => {});
    return place;
}

function attachments(org, project, event) {
    return later(async () => {
        const path = ['projects', org, project, 'events', event.eventID, 'attachments'];
        const files = await get(path);
        return files.length > 0 && el('section', { class: 'part' }, el('h2', null, `Attachments (${files.length})`),
            el('table', { class: 'table' }, el('tbody', null, files.map((file) => el('tr', null,
                el('td', null, el('a', { href: address([...path, file.id], { download: 1 }).href, download: file.name }, file.name)),
                el('td', null, file.mimetype), el('td', { class: 'number' }, bytes(file.size)))))));
    });
}

function user(data) {
    const { id, email, username, name, ip_address, ...others } = data;
    return el('section', { class: 'part' }, el('h2', null, 'User'),
        pairs(filled([['id', id], ['email', email], ['username', username], ['name', name], ['address', ip_address], ...Object.entries(others)])));
}

function tags(event, scope) {
    return el('section', { class: 'part' }, el('h2', null, 'Tags'),
        el('p', { class: 'tags' }, event.tags.map(({ key, value }) => el('a', {
            href: linkTo(scope, { query: tagSearch(key, value) }), title: `Issues with ${key}: ${value}`,
        }, el('span', null, key), el('span', null, value)))));
}

const isShort = (value) => typeof value !== 'object' || Object.keys(value).length <= longestOpen;

/** Everything of an event. scope: the list that its tags search. */
export function eventParts(event, org, project, scope) {
    return [
        event.errors?.length > 0 && el('p', { class: 'status', role: 'note' }, event.errors.map((error) => error.message).join(' ')),
        !event.bodyKept && el('p', { class: 'status', role: 'note' }, 'The body of this event was not kept: the issue had used up its budget of stored bodies in that hour. It is counted all the same.'),
        event.entries.map(({ type, data }) => entries[type]?.(data)),
        !isEmpty(event.user) && user(event.user),
        tags(event, scope),
        attachments(org, project, event),
        Object.entries(event.contexts ?? {}).filter(([, value]) => !isEmpty(value)).map(([name, value]) => fold(name, isShort(value), () => pairs(typeof value === 'object' ? filled(Object.entries(value)) : [[name, value]]))),
        !isEmpty(event.context) && fold('Extra', isShort(event.context), () => pairs(Object.entries(event.context))),
        !isEmpty(event.packages) && fold(counted(Object.keys(event.packages).length, 'package'), false, () => pairs(Object.entries(event.packages))),
        fold('About this event', false, () => pairs(filled([
            ['id', event.eventID], ['received', exact(event.dateReceived)], ['happened', exact(event.dateCreated)],
            ['SDK', event.sdk && `${event.sdk.name} ${event.sdk.version ?? ''}`], ['platform', event.platform], ['dist', event.dist], ['size', event.size && bytes(event.size)],
        ]))),
    ];
}
