// Trackers: where issues are made of errors, closed and reopened with them.

import { get, send } from './api.js';
import { ask, confirm, field } from './dialog.js';
import { button, el, fill, outward } from './dom.js';
import { test } from './settings_channels.js';
import { tell, tellFailure } from './told.js';

const kinds = { gitlab: 'GitLab', github: 'GitHub', other: 'A program of your own' };
const habits = { creates: ['makes an issue of each new error', false], closes: ['closes it when the error is resolved', true], reopens: ['reopens it when the error is back', true], confidential: ['makes it confidential (GitLab)', false] };

function form(tab, tracker) {
    const provider = el('select', { name: 'provider', disabled: Boolean(tracker) }, Object.entries(kinds).map(([name, label]) => el('option', { value: name, selected: tracker?.provider === name }, label)));
    return ask(tracker ? `Tracker ${kinds[tracker.provider]}` : 'A new tracker', {
        make: () => [
            field('Kind', provider), field('Address of the project', el('input', { name: 'url', type: 'url', required: true, maxlength: 500, value: tracker?.url ?? '', placeholder: 'https://gitlab.example.com/acme/shop' })),
            field('Token', el('input', { name: 'token', type: 'password', autocomplete: 'off', maxlength: 4096, placeholder: tracker?.hasToken ? 'as it is' : '' }), 'May make issues in that project. It is not shown again, and given again when the host changes.'),
            field('Labels', el('input', { name: 'labels', value: tracker?.settings?.labels?.join(', ') ?? 'errtrack' }), 'Separated by commas.'),
            el('div', { class: 'field' }, Object.entries(habits).map(([name, [label, usual]]) => el('label', { class: 'row' }, el('input', { type: 'checkbox', name, checked: tracker?.settings?.[name] ?? usual }), label)))],
        label: 'Save',
        submit: async ({ elements }) => {
            const labels = elements.labels.value.split(',').map((label) => label.trim()).filter(Boolean);
            const settings = { ...tracker?.settings, labels: labels.length > 0 ? labels : null };
            for (const name of Object.keys(habits)) {
                if (name !== 'confidential' || provider.value === 'gitlab') {
                    settings[name] = elements[name].checked;
                }
            }
            await send('PUT', [...tab.path, 'trackers', provider.value], { url: elements.url.value, token: elements.token.value || undefined, settings });
        },
    }).then((done) => done && tab.again());
}

export async function trackers(tab) {
    const found = await get([...tab.path, 'trackers'], null, tab.signal);
    const remove = (tracker) => confirm('Remove a tracker', 'Issues that were made there stay, and are no longer closed or reopened.', 'Remove', () => send('DELETE', [...tab.path, 'trackers', tracker.provider])).then((done) => done && tab.again());
    const resume = (tracker) => async () => {
        try {
            await send('POST', [...tab.path, 'trackers', tracker.provider, 'resume']);
            tell('It is tried again.');
        } catch (error) {
            tellFailure('It was not resumed', error);
        }
        await tab.again();
    };
    const does = (tracker) => Object.entries(habits).filter(([name, [, usual]]) => tracker.settings?.[name] ?? usual).map(([, [label]]) => label);
    const off = { disabled: !tab.writes };
    fill(tab.place, el('h2', null, 'Trackers ', button('New tracker', () => form(tab), { disabled: !tab.writes })),
        el('p', { class: 'note' }, 'An issue is made there when somebody asks for it on the page of an error, or of each new error.'),
        found.length === 0 && el('p', null, 'None is set up.'),
        found.map((tracker) => {
            const answer = el('span', { role: 'status' });
            return el('section', { class: 'part' },
                el('h3', null, kinds[tracker.provider], ' ', el('span', { class: `mark ${!tracker.acts ? '' : tracker.state === 'ok' ? 'new' : 'regressed'}` }, tracker.acts ? tracker.state : 'links only')),
                el('p', null, outward(tracker.url)), tracker.lastError && el('p', { class: 'wrong' }, tracker.lastError),
                tracker.acts && el('p', { class: 'note' }, [...does(tracker), tracker.settings?.labels?.length > 0 && `labels ${tracker.settings.labels.join(', ')}`, tracker.waiting > 0 && `${tracker.waiting} waiting`].filter(Boolean).join(' · ')),
                el('p', { class: 'row' }, tracker.acts && tracker.provider !== 'other' && button('Test', () => test(tab, [...tab.path, 'trackers', tracker.provider], answer, 'It answers, and the token is good.'), off),
                    button('Change', () => form(tab, tracker), off),
                    ['parked', 'failing'].includes(tracker.state) && button('Resume', resume(tracker), off),
                    button('Remove', () => remove(tracker), { class: 'danger', ...off }), answer));
        }));
}
