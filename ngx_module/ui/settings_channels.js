// Channels: where people are told; and the messages that were sent.

import { get, getPage, send } from './api.js';
import { ask, confirm, field, show as showDialog } from './dialog.js';
import { button, el, fill } from './dom.js';
import { counted } from './number.js';
import { table } from './project.js';
import { to } from './router.js';
import { ago, exact } from './time.js';
import { tell, tellFailure } from './told.js';

// kind → what it is called, and which fields it has.
const kinds = {
    slack: ['Slack', 'url'], mattermost: ['Mattermost', 'url'], discord: ['Discord', 'url'], teams: ['Microsoft Teams', 'url'], google_chat: ['Google Chat', 'url'],
    pagerduty: ['PagerDuty', 'secret', 'Integration key'], gitlab_alert: ['GitLab alerts', 'url secret', 'Authorization key'],
    webhook: ['Webhook', 'url secret headers', 'Secret to sign with'], mail: ['Mail', 'to'],
};
const whatFor = { url: 'Its address is a secret: it is not shown again.', secret: 'It is not shown again.' };
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

const wayOf = (channel) => (channel.state === 'ok' ? 'ok' : `${channel.state}${channel.lastError ? `: ${channel.lastError}` : ''}`);

/** The form of a channel that is there, or of a new one. */
function form(tab, channel) {
    const path = [...tab.path, 'channels'];
    const kind = el('select', { name: 'kind', disabled: Boolean(channel) }, Object.entries(kinds).map(([name, [label]]) => el('option', { value: name, selected: channel?.kind === name }, label)));
    const fields = el('div');
    const showFields = () => {
        const [, names, secret] = kinds[kind.value];
        const has = (name) => names.split(' ').includes(name);
        fill(fields,
            has('url') && field('Address', el('input', { name: 'url', type: 'url', maxlength: 2048, required: !channel, placeholder: channel ? 'as it is' : 'https://…' }), whatFor.url),
            has('secret') && field(secret, el('input', { name: 'secret', type: 'password', autocomplete: 'off', maxlength: 4096, placeholder: channel?.hasSecret ? 'as it is' : '' }), whatFor.secret),
            has('headers') && field('Header lines', el('textarea', { name: 'headers', rows: 2 }, channel?.settings.headers?.join('\n') ?? ''), 'One on each line, such as X-Team: shop. They are kept in clear.'),
            has('to') && field('To', el('textarea', { name: 'to', rows: 2, required: true }, channel?.settings.to?.join('\n') ?? ''), 'Up to 20 addresses, one on each line.'));
    };
    kind.addEventListener('change', showFields);
    showFields();
    return ask(channel ? `Channel ${channel.name}` : 'A new channel', {
        make: () => [field('Kind', kind), field('Name', el('input', { name: 'name', required: true, maxlength: 100, value: channel?.name ?? '' })), fields,
            field('Messages in an hour', el('input', { name: 'cap', type: 'number', min: 1, max: 10000, value: channel?.hourlyCap ?? 60 }), 'What is beyond becomes one message at the end of the hour.')],
        label: channel ? 'Save' : 'Create',
        submit: async ({ elements }) => {
            const value = (name) => elements[name]?.value || undefined;
            const settings = {};
            for (const name of ['headers', 'to']) {
                if (elements[name]) {
                    settings[name] = lines(elements[name].value).length > 0 ? lines(elements[name].value) : null;
                }
            }
            const body = { name: value('name'), url: value('url'), secret: value('secret'), hourlyCap: Number(value('cap')), ...(Object.keys(settings).length > 0 ? { settings } : {}) };
            await (channel ? send('PUT', [...path, channel.id], body) : send('POST', path, { kind: kind.value, ...body }));
        },
    }).then((done) => done && tab.again());
}

/** Sends a message that says that it is a test, and waits for what becomes of it. */
export async function test(tab, path, place, said = 'It arrived.') {
    fill(place, 'Sending …');
    try {
        const made = await send('POST', [...path, 'test']);
        const end = Date.now() + 30000;
        for (;;) {
            const message = await get([...tab.path, 'notifications', made.id], null, tab.signal);
            if (message.state === 'sent') {
                fill(place, el('span', { class: 'run ok' }, said));
                return;
            }
            if (message.state === 'failed' || message.lastError) {
                fill(place, el('span', { class: 'run' }, message.lastError ?? 'It did not arrive.'));
                return;
            }
            if (Date.now() > end) {
                fill(place, el('span', { class: 'run' }, 'Nothing was sent in 30 seconds. Is a worker running that tells people?'));
                return;
            }
            await new Promise((resolve) => setTimeout(resolve, 700));
        }
    } catch (error) {
        fill(place, el('span', { class: 'run' }, error.message));
    }
}

export async function channels(tab) {
    const list = await get([...tab.path, 'channels'], null, tab.signal);
    const set = (channel, body, said) => async () => {
        try {
            await send('PUT', [...tab.path, 'channels', channel.id], body);
            tell(said);
        } catch (error) {
            tellFailure('The channel was not changed', error);
        }
        await tab.again();
    };
    const resume = (channel) => async () => {
        try {
            await send('POST', [...tab.path, 'channels', channel.id, 'resume']);
            tell('It is tried again.');
        } catch (error) {
            tellFailure('It was not resumed', error);
        }
        await tab.again();
    };
    const remove = (channel) => confirm('Delete a channel', `Nothing is told through ${channel.name} any more, nor what waits for it.`, 'Delete', () => send('DELETE', [...tab.path, 'channels', channel.id])).then((done) => done && tab.again());
    const off = { disabled: !tab.writes };
    fill(tab.place, el('h2', null, 'Channels ', button('New channel', () => form(tab), off)),
        el('p', { class: 'note' }, 'Where people are told of new errors, of what is back, and of what an alert rule watches.'),
        list.length === 0 && el('p', null, 'None: nobody is told of anything.'),
        list.map((channel) => {
            const answer = el('span', { role: 'status' });
            return el('section', { class: 'part' },
                el('h3', null, channel.name, ' ', el('span', { class: 'note' }, kinds[channel.kind]?.[0] ?? channel.kind), ' ', el('span', { class: `mark ${channel.state === 'ok' ? 'new' : channel.state === 'disabled' ? '' : 'regressed'}` }, channel.state)),
                channel.place && el('p', { class: 'note' }, channel.place),
                channel.state !== 'ok' && channel.lastError && el('p', { class: 'wrong' }, wayOf(channel), channel.nextAttempt && [' · tried again ', exact(channel.nextAttempt)]),
                el('p', { class: 'note' }, channel.lastDelivered ? ['last told ', ago(channel.lastDelivered)] : 'nothing was told yet', channel.waiting > 0 && ` · ${channel.waiting} waiting`, ` · ${channel.hourlyCap} an hour at most`),
                channel.untold.map((one) => el('p', { class: 'note' }, `${counted(one.messages, 'message')} ${one.reason === 'mute' ? 'muted' : 'beyond that'}, told in one on `, exact(one.dueAt))),
                el('p', { class: 'row' }, button('Test', () => test(tab, [...tab.path, 'channels', channel.id], answer), off), button('Change', () => form(tab, channel), off),
                    channel.state === 'parked' && button('Resume', resume(channel), off),
                    button(channel.enabled ? 'Disable' : 'Enable', set(channel, { enabled: !channel.enabled }, channel.enabled ? 'Disabled.' : 'Enabled.'), off),
                    button('Delete', () => remove(channel), { class: 'danger', ...off }), answer));
        }));
}

export async function messages(tab) {
    const page = await getPage([...tab.path, 'notifications'], { cursor: tab.state.get('cursor'), limit: 50 }, tab.signal);
    const again = (message) => async () => {
        try {
            await send('POST', [...tab.path, 'notifications', message.id, 'retry']);
            tell('It is sent again.');
        } catch (error) {
            tellFailure('It was not sent again', error);
        }
        await tab.again();
    };
    const look = async (message) => {
        try {
            const details = await get([...tab.path, 'notifications', message.id]);
            showDialog('Message', el('pre', null, JSON.stringify(details, null, 2)));
        } catch (error) {
            tellFailure('The message', error);
        }
    };
    const turn = (cursor, label) => cursor && el('a', { href: to('settings', { org: tab.org, project: tab.slug, tab: 'messages', cursor }) }, label);
    fill(tab.place, el('h2', null, 'Messages'),
        table([
            ['Time', (message) => ago(message.dateCreated)], ['Channel', (message) => message.channel.name], ['Of', (message) => message.kind.replaceAll('_', ' ')],
            ['Issue', (message) => message.issue && el('a', { href: to('issue', { id: message.issue.id }) }, message.issue.shortId)],
            ['State', (message) => [el('span', { class: message.state === 'sent' ? 'run ok' : message.state === 'failed' ? 'run' : null }, message.state), message.attempts > 1 && ` · ${message.attempts} attempts`, message.lastError && el('div', { class: 'note' }, message.lastError)]],
            ['', (message) => [button('Look', () => look(message), { class: 'link' }), message.state === 'failed' && button('Send again', again(message), { class: 'link', disabled: !tab.writes })]],
        ], page.items, 'Nothing was told in the last 30 days.'),
        el('p', { class: 'pager row' }, turn(page.previous, '← Newer'), turn(page.next, 'Older →')));
}
