// The frame of the pages of one project: which it is, and the ways to its other pages.

import { el, fill, scrolled } from './dom.js';
import { linkTo } from './filters.js';
import { go, to } from './router.js';

const pages = [
    ['health', 'releases', 'Releases'], ['health', 'transactions', 'Transactions'], ['health', 'monitors', 'Check-ins'], ['health', 'ledger', 'Ledger'],
    ['settings', 'general', 'Settings'],
];

/** The project that an address names, else the first one of its organization or of all. */
function projectOf({ state, who }) {
    const org = state.get('org');
    const slug = state.get('project');
    return who.projects.find((project) => project.organization.slug === org && project.slug === slug)
        ?? (slug ? null : who.projects.find((project) => !org || project.organization.slug === org) ?? null);
}

/** Shows the frame of a page; its content goes into what this returns. null: no such project. */
export function frame(context, page, tab, title) {
    const { main, who } = context;
    const project = projectOf(context);
    if (!project) {
        fill(main, el('div', { class: 'state' }, el('h1', null, 'No such project'), el('p', null, el('a', { href: to('projects') }, 'All projects that you may see'))));
        return null;
    }
    const org = project.organization.slug;
    document.title = `${title} · ${project.name} · errtrack`;
    const place = el('div', { class: 'project-page' }, el('p', { class: 'note' }, 'Loading …'));
    const inSettings = page === 'settings';
    fill(main,
        el('div', { class: 'row' },
            el('h1', null, project.name),
            who.projects.length > 1 && el('select', { 'aria-label': 'Project', onchange: (event) => {
                const [itsOrg, itsSlug] = event.target.value.split('/');
                go(page, { org: itsOrg, project: itsSlug, tab });
            } }, who.projects.map((other) => el('option', { value: `${other.organization.slug}/${other.slug}`, selected: other === project }, `${other.organization.slug}/${other.slug}`)))),
        el('nav', { class: 'tabs', 'aria-label': 'Of this project' },
            el('a', { href: linkTo({ org, project: project.slug }, {}) }, 'Issues'),
            pages.map(([name, its, label]) => el('a', { href: to(name, { org, project: project.slug, tab: its }), 'aria-current': (name === page && (inSettings || its === tab)) ? 'page' : null }, label))),
        place);
    return { project, org, slug: project.slug, place, path: ['projects', org, project.slug], may: (scope) => who.may(org, scope) };
}

/** A table: columns [name, how a row shows it, whether it is a number]. */
export function table(columns, rows, empty) {
    return rows.length === 0 ? el('p', { class: 'note' }, empty) : scrolled(el('table', { class: 'table' },
        el('thead', null, el('tr', null, columns.map(([name, , number]) => el('th', { scope: 'col', class: number ? 'number' : null }, name)))),
        el('tbody', null, rows.map((row) => el('tr', null, columns.map(([, cell, number]) => el('td', { class: number ? 'number' : null }, cell(row))))))));
}
