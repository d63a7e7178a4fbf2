// The controls above the list, which change what it is of.

import { get } from './api.js';
import { button, el } from './dom.js';
import { show } from './dialog.js';
import { menu } from './menu.js';
import { go, here, to } from './router.js';
import { readState, writeState } from './search.js';

export const tabs = [['unresolved', 'Unresolved'], ['resolved', 'Resolved'], ['ignored', 'Ignored'], ['all', 'All']];
const sorts = [['date', 'Last seen'], ['new', 'First seen'], ['freq', 'Events'], ['user', 'Users'], ['trend', 'Trend']];
const spans = [['', 'Any time'], ['1h', 'Last hour'], ['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['14d', 'Last 14 days'], ['30d', 'Last 30 days']];

const tokens = [
    ['is:unresolved', 'also resolved, ignored, assigned, unassigned, linked, unlinked, regressed, new'],
    ['level:error', 'fatal, error, warning, info, debug'],
    ['release:shop@1.4.2', 'seen in it; firstRelease: and lastRelease: too, or latest'],
    ['environment:production', 'seen in it'],
    ['user.email:ann@example.com', 'also user.id, user.username, user.ip'],
    ['assigned:me', 'none, or an e-mail address'],
    ['browser:Firefox', 'any tag; tags[level]:x where the name is a word above'],
    ['has:browser', 'has the tag at all'],
    ['firstSeen:-24h', 'within a day; +7d longer ago; >2026-01-31; lastSeen: and age: too'],
    ['times_seen:>100', 'events of an issue, at all times'],
    ['issue:SHOP-1A', 'or its number'],
    ['timeout', 'a word of title, value or culprit, or the id of an event'],
    ['"is:text"', 'in quotes: as it is'],
    ['!level:info', 'not; level:[error, fatal] any of them; release:1.4.* anything'],
];

/** Goes to the list with something changed, on its first page. */
export function change(difference) {
    go('', writeState({ ...readState(here().state), cursor: '', ...difference }));
}

export const linkTo = (state, difference) => to('', writeState({ ...state, cursor: '', ...difference }));

// ---- controls -----------------------------------------------------------------------

/** A menu of boxes to tick. options: [value, label, note]. */
function choose(label, options, chosen, apply) {
    return menu(label, () => {
        const boxes = options().map(([value, text, note]) => [value, el('input', { type: 'checkbox', checked: chosen.includes(value) }), text, note]);
        return [
            ...boxes.map(([, box, text, note]) => el('label', { class: 'item' }, box, el('span', null, text), note && el('span', { class: 'note' }, note))),
            boxes.length ? null : el('p', { class: 'note item' }, 'There is none yet.'),
            el('div', { class: 'row item' },
                el('button', { type: 'button', class: 'primary', onclick: () => apply(boxes.filter(([, box]) => box.checked).map(([value]) => value)) }, 'Show'),
                chosen.length > 0 && button('All', () => apply([]))),
        ];
    });
}

const labelOf = (chosen, none, name = (value) => value) =>
    (chosen.length === 0 ? none : chosen.length === 1 ? name(chosen[0]) : `${name(chosen[0])} +${chosen.length - 1}`);

function projectControl(state, who) {
    const own = who.projects.filter((project) => project.organization.slug === state.org);
    return choose(labelOf(state.project, 'All projects', (slug) => own.find((project) => project.slug === slug)?.name ?? slug),
        () => own.map((project) => [project.slug, project.name, project.slug]), state.project, (project) => change({ project, environment: [], release: '' }));
}

/** A menu whose entries are asked for when it is opened the first time. */
function environmentControl(state, environments) {
    return choose(labelOf(state.environment, 'All environments', (name) => name || '(none)'),
        () => environments.map(({ name }) => [name, name || '(none)']), state.environment, (environment) => change({ environment }));
}

function releaseControl(state) {
    const list = el('datalist', { id: 'releases' });
    let asked = null;
    const input = el('input', {
        name: 'release', value: state.release, placeholder: 'Any release', list: 'releases', 'aria-label': 'Release', autocomplete: 'off', maxlength: 250, size: 14,
        onchange: () => change({ release: input.value.trim() }),
    });
    const ask = async () => {
        if (asked !== input.value) {
            asked = input.value;
            const releases = await get(['organizations', state.org, 'releases'], { project: state.project, query: asked || null, per_page: 20 }).catch(() => []);
            list.replaceChildren(...releases.map((release) => el('option', { value: release.version })));
        }
    };
    input.addEventListener('focus', ask);
    input.addEventListener('input', ask);
    return [input, list];
}

function select(label, options, value, apply) {
    return el('select', { 'aria-label': label, onchange: (event) => apply(event.target.value) },
        options.map(([name, text]) => el('option', { value: name, selected: name === value }, text)));
}

function searchForm(state) {
    const input = el('input', {
        type: 'search', name: 'query', value: state.query, maxlength: 1000, spellcheck: 'false', autocomplete: 'off',
        placeholder: 'Search: text, level:error, browser:Firefox, …', 'aria-label': 'Search issues',
    });
    return el('form', {
        role: 'search', class: 'search', onsubmit: (event) => {
            event.preventDefault();
            change({ query: input.value.trim() });
        },
    }, input, button('?', searchHelp, { class: 'plain', 'aria-label': 'What a search knows', title: 'What a search knows' }));
}

function searchHelp() {
    const dialog = show('What a search knows', el('table', { class: 'keys' }, tokens.map(([token, note]) => el('tr', null,
        el('th', { scope: 'row' }, button(token, () => {
            const input = document.querySelector('input[type=search]');
            input.value = `${input.value} ${token}`.trim();
            dialog.close();
            input.focus();
        }, { class: 'link code' })), el('td', null, note)))));
}

/** All that is above the list. */
export function controls(state, who, environments) {
    return el('div', { class: 'controls' },
        el('div', { class: 'row' },
            who.organizations.length > 1 && select('Organization', who.organizations.map(({ slug, name }) => [slug, name]), state.org,
                (org) => change({ org, project: [], environment: [], release: '' })),
            projectControl(state, who), environmentControl(state, environments), releaseControl(state),
            select('Seen', spans, state.seen, (seen) => change({ seen })), searchForm(state)),
        el('div', { class: 'row' },
            el('nav', { class: 'tabs', 'aria-label': 'Status' }, tabs.map(([status, label]) => el('a', {
                href: linkTo(state, { status }), 'aria-current': state.status === status ? 'page' : null,
            }, label))),
            el('span', { class: 'gap' }),
            el('label', { class: 'row' }, el('span', { class: 'note' }, 'Sort'), select('Sort', sorts, state.sort, (sort) => change({ sort })))));
}
