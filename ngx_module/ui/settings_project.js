// What a project is called, how long it keeps, what it takes, and what is scrubbed.

import { get, send } from './api.js';
import { ask, field } from './dialog.js';
import { button, el, fill } from './dom.js';
import { exactly } from './number.js';
import { go } from './router.js';
import { forget } from './session.js';
import { tell } from './told.js';

const categories = ['all', 'error', 'transaction', 'session', 'attachment', 'monitor', 'feedback'];
const windows = [[60, 'a minute'], [3600, 'an hour'], [86400, 'a day']];
const agents = { crawlers: 'crawlers', 'legacy-browsers': 'browsers that nobody makes any more' };
const kinds = { 'browser-extensions': 'errors of browser extensions', 'health-checks': 'transactions of health checks', 'legacy-browsers': 'events of old browsers', localhost: 'events of localhost' };
const limits = {
    bodies: 'Bodies kept of an issue in an hour', releases: 'Releases', environments: 'Environments', tag_keys: 'Tag keys', tag_values: 'Values of a tag and issue',
    new_issues: 'New issues in an hour', new_issues_alike: 'New issues in an hour that are alike',
};

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);
const area = (name, value, rows = 3) => el('textarea', { name, rows, spellcheck: 'false' }, value);
const tick = (name, value, label, checked) => el('label', { class: 'row' }, el('input', { type: 'checkbox', name, value, checked }), label);
const ticked = (form, name) => [...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value);
const group = (label, ...content) => el('div', { class: 'field', role: 'group', 'aria-label': label }, el('span', null, label), content);

/** A form of settings. read(form) gives what is to be changed. */
export function settingsForm(tab, read, ...content) {
    const wrong = el('p', { class: 'wrong', role: 'alert', hidden: true });
    const save = el('button', { type: 'submit', class: 'primary', disabled: !tab.writes }, 'Save');
    return el('form', {
        onsubmit: async (event) => {
            event.preventDefault();
            save.disabled = true;
            wrong.hidden = true;
            try {
                await send('PUT', tab.path, read(event.target));
                forget();
                await tab.again();
                tell('Saved. It takes effect everywhere within ten seconds.');
            } catch (error) {
                fill(wrong, error.message).hidden = false;
                save.disabled = false;
            }
        },
    }, content, wrong, el('p', { class: 'row' }, save, !tab.writes && el('span', { class: 'note' }, 'A maintainer may change this.')));
}

function askDeletion(tab) {
    return ask('Delete the project', {
        make: () => [el('p', null, `All issues, events, keys and settings of ${tab.project.name} are deleted for good; what still reports to it is refused.`),
            field('Its slug', el('input', { name: 'slug', required: true, autocomplete: 'off' }), `Type ${tab.slug} to say that you mean it.`)],
        label: 'Delete for good', danger: true,
        submit: async ({ elements }) => {
            if (elements.slug.value !== tab.slug) {
                throw new Error(`That is not its slug: ${tab.slug}.`);
            }
            await send('DELETE', tab.path);
            forget();
        },
    }).then((done) => done && go('projects'));
}

export async function general(tab) {
    const project = await get(tab.path, null, tab.signal);
    const instance = project.instanceRetentionDays;
    fill(tab.place, el('h2', null, 'General'), settingsForm(tab, ({ elements }) => ({
        name: elements.name.value, platform: elements.platform.value || null, retentionDays: elements.retention.value ? Number(elements.retention.value) : null,
    }),
    field('Name', el('input', { name: 'name', required: true, maxlength: 200, value: project.name })),
    el('p', { class: 'note' }, `Slug ${project.slug}, number ${project.id}: they stay, since short ids and DSNs are made of them.`),
    field('Platform', el('input', { name: 'platform', maxlength: 64, value: project.platform ?? '' })),
    field('Days that events are kept', el('input', { name: 'retention', type: 'number', min: 1, max: instance ?? 3650, value: project.retentionDays ?? '', placeholder: instance ?? '' }),
        instance ? `${exactly(instance)} at most, which is what this instance keeps.` : 'Empty: as long as this instance keeps them.')),
    el('section', { class: 'part' }, el('h2', null, 'Delete'), el('p', { class: 'note' }, 'An owner may delete it.'), button('Delete the project …', () => askDeletion(tab), { class: 'danger', disabled: !tab.may('org:write') })));
}

// ---- what it takes ----------------------------------------------------------------------

function quotaRow(category, quota) {
    return el('tr', null, el('th', { scope: 'row' }, category),
        el('td', null, el('input', { name: `count-${category}`, type: 'number', min: 0, max: 1e12, value: quota?.count ?? '', 'aria-label': `${category}: how many`, placeholder: 'no limit' })),
        el('td', null, el('select', { name: `window-${category}`, 'aria-label': `${category}: in how long` },
            windows.concat(quota && !windows.some(([seconds]) => seconds === quota.window) ? [[quota.window, `${quota.window} s`]] : [])
                .map(([seconds, label]) => el('option', { value: seconds, selected: quota ? quota.window === seconds : seconds === 3600 }, label)))));
}

function readQuotas({ elements }) {
    return Object.fromEntries(categories.map((category) => [category, elements[`count-${category}`].value === '' ? null
        : { count: Number(elements[`count-${category}`].value), window: Number(elements[`window-${category}`].value) }]));
}

export async function filters(tab) {
    const project = await get(tab.path, null, tab.signal);
    const option = (name) => project.options[`filters:${name}`];
    fill(tab.place, el('h2', null, 'Filters and quotas'), settingsForm(tab, (form) => ({
        allowedDomains: lines(form.elements.origins.value),
        filters: { agents: ticked(form, 'agent'), sdks: lines(form.elements.sdks.value), events: ticked(form, 'event') },
        options: { 'filters:blacklisted_ips': form.elements.addresses.value, 'filters:releases': form.elements.releases.value, 'filters:error_messages': form.elements.messages.value },
        quotas: readQuotas(form),
        limits: Object.fromEntries(Object.keys(project.defaultLimits).map((name) => [name, form.elements[`limit-${name}`].value === '' ? null : form.elements[`limit-${name}`].value === 'none' ? 'none' : Number(form.elements[`limit-${name}`].value)])),
    }),
    field('Pages that may report', area('origins', project.allowedDomains.join('\n')), 'One origin on each line, such as https://shop.example.com or *.example.com. Empty: all.'),
    el('h3', null, 'What is counted as filtered, and not stored'),
    group('Of whom', Object.entries(agents).map(([value, label]) => tick('agent', value, label, project.filters.agents.includes(value)))),
    group('What', Object.entries(kinds).map(([value, label]) => tick('event', value, label, project.filters.events.includes(value)))),
    field('Addresses', area('addresses', option('blacklisted_ips'), 2), 'One on each line; 192.0.2.0/24 too.'), field('Releases', area('releases', option('releases'), 2), 'beta-* is all that begin so.'),
    field('Messages', area('messages', option('error_messages'), 2), '*timeout* is all that have it.'), field('SDKs', area('sdks', project.filters.sdks.join('\n'), 2)),
    el('h3', null, 'Quotas of the project'),
    el('p', { class: 'note' }, 'Items in a window of time. What is over it is refused at the edge, with 429 and the time to wait.'),
    el('table', { class: 'table' }, el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Category'), el('th', { scope: 'col' }, 'Items'), el('th', { scope: 'col' }, 'in'))),
        el('tbody', null, categories.map((category) => quotaRow(category, project.quotas[category])))),
    el('h3', null, 'Limits'),
    el('p', { class: 'note' }, 'What is beyond them is counted as (other). Empty: as this instance has it, which is the number in grey.'),
    Object.entries(project.defaultLimits).map(([name, usual]) => field(limits[name] ?? name.replaceAll('_', ' '), el('input', {
        name: `limit-${name}`, pattern: '[0-9]+|none', value: project.limits[name] ?? '', placeholder: usual,
    })))));
}

// ---- what is scrubbed -----------------------------------------------------------------------

export async function privacy(tab) {
    const project = await get(tab.path, null, tab.signal);
    fill(tab.place, el('h2', null, 'Privacy'),
        el('p', { class: 'note' }, 'What is scrubbed is gone before an event is stored. Of events that are stored already nothing is changed.'),
        settingsForm(tab, ({ elements }) => ({
            dataScrubber: elements.scrub.checked, scrubIPAddresses: elements.addresses.checked, sensitiveFields: lines(elements.sensitive.value), safeFields: lines(elements.safe.value),
        }),
        group('Scrubbing', tick('scrub', '1', 'Passwords, keys, tokens, cookies, card numbers and what looks like them', project.dataScrubber), tick('addresses', '1', 'Addresses of clients', project.scrubIPAddresses)),
        field('Further names whose values are secret', area('sensitive', project.sensitiveFields.join('\n')), 'One on each line. A name is met wherever it is part of one.'),
        field('Names whose values are no secret', area('safe', project.safeFields.join('\n')), 'Whole names, such as token_count.')));
}
