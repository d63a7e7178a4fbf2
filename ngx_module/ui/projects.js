// All projects, how much each receives, and making another one.

import { get, send } from './api.js';
import { ask, field } from './dialog.js';
import { button, el, fill, scrolled } from './dom.js';
import { linkTo } from './filters.js';
import { setKeys } from './keys.js';
import { exactly } from './number.js';
import { sparkline } from './plot.js';
import { go, to } from './router.js';
import { forget } from './session.js';
import { ago } from './time.js';

const together = 6;                     /* projects that are asked about at once */

/** Where somebody may make projects. */
const able = (who) => who.organizations.filter(({ slug }) => who.may(slug, 'project:write'));

function row(project) {
    const of = { org: project.organization.slug, project: project.slug };
    const graph = el('td', { class: 'graph' });
    const sum = el('td', { class: 'number' });
    const node = el('tr', null,
        el('td', null, el('a', { href: linkTo(of, {}) }, el('strong', null, project.name)), el('div', { class: 'note' }, `${of.org}/${project.slug} · ${project.id}`)),
        graph, sum,
        el('td', null, project.firstEvent ? ago(project.firstEvent) : 'never'),
        el('td', null, el('a', { href: to('health', { ...of, tab: 'releases' }) }, 'Health'), ' · ', el('a', { href: to('settings', { ...of, tab: 'general' }) }, 'Settings')));
    return { node, count: async (signal) => {
        const points = await get(['projects', of.org, project.slug, 'stats'], null, signal);
        fill(graph, sparkline(points));
        fill(sum, exactly(points.reduce((all, [, value]) => all + value, 0)));
    } };
}

async function create(who) {
    const made = await ask('A new project', {
        make: () => [
            field('Organization', el('select', { name: 'org' }, able(who).map(({ slug, name }) => el('option', { value: slug }, name)))),
            field('Name', el('input', { name: 'name', required: true, maxlength: 100 })),
            field('Slug', el('input', { name: 'slug', maxlength: 50, pattern: '[a-z0-9][a-z0-9_-]*' }), 'In addresses and short ids, such as SHOP-1A; made of the name unless given.')],
        label: 'Create',
        submit: async ({ elements }) => {
            const project = await send('POST', ['organizations', elements.org.value, 'projects'], { name: elements.name.value, slug: elements.slug.value || null });
            forget();
            return { org: elements.org.value, project: project.slug };
        },
    });
    if (made) {
        go('', { org: made.org, project: made.project });
    }
}

export async function show({ main, who, signal }) {
    document.title = 'Projects · errtrack';
    const rows = who.projects.map(row);
    fill(main,
        el('div', { class: 'row' }, el('h1', null, 'Projects'), el('span', { class: 'gap' }),
            button('New project', () => create(who), { class: 'primary', disabled: able(who).length === 0 })),
        rows.length === 0 ? el('p', { class: 'note' }, 'There is none that you may see.') : scrolled(el('table', { class: 'table projects' },
            el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Project'), el('th', { scope: 'col' }, 'Last 24 hours'), el('th', { scope: 'col', class: 'number' }, 'Events'), el('th', { scope: 'col' }, 'First event'), el('th', { scope: 'col' }, 'More'))),
            el('tbody', null, rows.map(({ node }) => node)))));
    setKeys({});
    // Some at a time, from the top: there may be thousands.
    (async () => {
        for (let n = 0; n < rows.length && !signal.aborted; n += together) {
            await Promise.allSettled(rows.slice(n, n + together).map(({ count }) => count(signal)));
        }
    })();
}
