// Client keys: what applications report with.

import { get, send } from './api.js';
import { ask, confirm, field } from './dialog.js';
import { button, el, fill } from './dom.js';
import { exactly } from './number.js';
import { table } from './project.js';
import { ago } from './time.js';
import { tell, tellFailure } from './told.js';
import { code } from './welcome.js';

export async function keys(tab) {
    const path = [...tab.path, 'keys'];
    const list = await get(path, null, tab.signal);
    const doing = (what, action) => async () => {
        try {
            await action();
            tell(what);
        } catch (error) {
            tellFailure('The key was not changed', error);
        }
        await tab.again();
    };
    const named = (title, label, name, action) => ask(title, {
        make: () => field('Name', el('input', { name: 'name', value: name, required: true, maxlength: 100 })), label,
        submit: async (form) => action(form.elements.name.value),
    }).then((done) => done && tab.again());
    const create = () => named('A new client key', 'Create', '', (name) => send('POST', path, { name }));
    const rename = (key) => named('Rename a key', 'Rename', key.name, (name) => send('PUT', [...path, key.id], { name }));
    // The old one stays until nobody reports with it any more.
    const rotate = (key) => confirm('Rotate a key', `A new key with the same settings is made beside ${key.name || 'this one'}, which goes on working. Give the new DSN to what reports, then disable the old key.`, 'Make the new key',
        () => send('POST', [...path, key.id, 'rotate'])).then((done) => done && tab.again());
    const limit = (key) => ask('Rate limit of a key', {
        make: () => [field('Errors and the like', el('input', { name: 'count', type: 'number', min: 1, max: 1e12, value: key.rateLimit?.count ?? '' }), 'Empty: no limit. What is over it is refused at the edge, with 429.'),
            field('in so many seconds', el('input', { name: 'window', type: 'number', min: 1, max: 31536000, required: true, value: key.rateLimit?.window ?? 60 }))],
        label: 'Set',
        submit: async ({ elements }) => send('PUT', [...path, key.id], { rateLimit: elements.count.value === '' ? null : { count: Number(elements.count.value), window: Number(elements.window.value) } }),
    }).then((done) => done && tab.again());
    const remove = (key) => confirm('Delete a key', `What reports with ${key.public} is refused within ten seconds, for good. A disabled key can be enabled again.`, 'Delete', () => send('DELETE', [...path, key.id]))
        .then((done) => done && tab.again());
    fill(tab.place, el('h2', null, 'Client keys ', button('New key', create, { disabled: !tab.writes })),
        el('p', { class: 'note' }, 'They are public: browsers and apps carry them. A change takes effect on every edge within ten seconds.'),
        list.map((key) => el('section', { class: 'part' },
            el('h3', null, key.name || 'Default', ' ', el('span', { class: key.isActive ? 'mark new' : 'mark' }, key.isActive ? 'active' : 'disabled'), el('span', { class: 'note' }, ' made ', ago(key.dateCreated))),
            code(key.dsn.public, 'the DSN'),
            key.rateLimit && el('p', { class: 'note' }, `${exactly(key.rateLimit.count)} in ${exactly(key.rateLimit.window)} s at most`),
            el('p', { class: 'row' },
                button(key.isActive ? 'Disable' : 'Enable', doing(key.isActive ? 'Disabled.' : 'Enabled.', () => send('PUT', [...path, key.id], { isActive: !key.isActive })), { disabled: !tab.writes }),
                button('Rotate', () => rotate(key), { disabled: !tab.writes }), button('Rate limit', () => limit(key), { disabled: !tab.writes }), button('Rename', () => rename(key), { disabled: !tab.writes }),
                button('Delete', () => remove(key), { class: 'danger', disabled: !tab.writes })),
            el('details', { class: 'locals' }, el('summary', null, 'Other addresses'), table([['For', ([name]) => name], ['Address', ([, url]) => el('code', null, url)]],
                [['reports of browsers (CSP)', key.dsn.csp], ['security reports', key.dsn.security], ['crash dumps', key.dsn.minidump]], '')))),
        list.length === 0 && el('p', { class: 'note' }, 'None: nothing can report to this project.'));
}
