// Alert rules: what people are told of.

import { get, send } from './api.js';
import { ask, confirm, field } from './dialog.js';
import { button, el, fill } from './dom.js';
import { table } from './project.js';
import { tell, tellFailure } from './told.js';

const kinds = {
    new_issue: 'a new error', regression: 'a resolved one is back', unignored: 'an ignored one is back', frequency: 'an issue with many events or users', spike: 'ten times as many as before',
    quota_reached: 'reports are refused', behind: 'reports are filed late',
};
const levels = ['fatal', 'error', 'warning', 'info', 'debug'];
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const words = (text) => text.split(/[,\n]/).map((word) => word.trim()).filter(Boolean);
const list = (values) => (values.length > 0 ? values : null);

/** Whether a kind tells of what goes on, and so may tell of it again. */
const repeats = (kind) => !['new_issue', 'regression', 'unignored'].includes(kind);

/** What a rule asks for beside its kind, in a line. */
function condition(rule) {
    return [
        rule.events && `${rule.events} events`, rule.users && `${rule.users} users`, rule.minutes && `in ${rule.minutes} min`, repeats(rule.kind) && rule.repeatMinutes && `again after ${rule.repeatMinutes} min`, rule.levels && rule.levels.join(', '),
        rule.environments && `environment ${rule.environments.join(', ')}`, rule.releases && `release ${rule.releases.join(', ')}`,
        rule.tags && Object.entries(rule.tags).map(([key, values]) => `${key} = ${values.join(' or ')}`).join(', '),
        rule.mutedFrom && `not from ${rule.mutedFrom} to ${rule.mutedUntil} ${rule.timezone}${rule.mutedDays ? ` on ${rule.mutedDays.map((day) => days[day - 1]).join(', ')}` : ''}`,
    ].filter(Boolean).join(' · ');
}

function boxes(name, options, chosen) {
    return el('span', { class: 'row' }, options.map(([value, label]) => el('label', { class: 'row' }, el('input', { type: 'checkbox', name, value, checked: chosen?.map(String).includes(String(value)) }), label)));
}

const ticked = (form, name) => [...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value);

function form(tab, channels, rule) {
    const kind = el('select', { name: 'kind', disabled: Boolean(rule) }, Object.entries(kinds).map(([name, label]) => el('option', { value: name, selected: rule?.kind === name }, `${name.replaceAll('_', ' ')}: ${label}`)));
    const numbers = el('div');
    const number = (label, name, min, max, note) => field(label, el('input', { name, type: 'number', min, max, value: rule?.[name] ?? '' }), note);
    const showNumbers = () => fill(numbers,
        ['frequency', 'spike'].includes(kind.value) && number('Events', 'events', 1, 1e9, kind.value === 'spike' ? 'At least so many in the hour; 100 unless given.' : null),
        kind.value === 'frequency' && number('or users', 'users', 1, 100000),
        ['frequency', 'behind'].includes(kind.value) && number('Minutes', 'minutes', 5, 1440),
        repeats(kind.value) && number('Again after minutes', 'repeatMinutes', 5, 43200));
    kind.addEventListener('change', showNumbers);
    showNumbers();
    const text = (label, name, value, note) => field(label, el('input', { name, value: value ?? '', maxlength: 2000 }), note);
    return ask(rule ? 'Change an alert rule' : 'A new alert rule', {
        make: () => [
            field('Tells of', kind), field('Name', el('input', { name: 'name', maxlength: 100, value: rule?.name ?? '' })), numbers,
            el('div', { class: 'field' }, el('span', null, 'Levels'), boxes('level', levels.map((level) => [level, level]), rule?.levels), el('small', { class: 'note' }, 'None ticked: all.')),
            text('Environments', 'environments', rule?.environments?.join(', '), 'Separated by commas; prod* is all that begin so.'), text('Releases', 'releases', rule?.releases?.join(', ')),
            field('Tags', el('textarea', { name: 'tags', rows: 2, placeholder: 'customer=acme*' }, Object.entries(rule?.tags ?? {}).flatMap(([key, values]) => values.map((value) => `${key}=${value}`)).join('\n')), 'key=value, one on each line.'),
            el('div', { class: 'field' }, el('span', null, 'Channels'), boxes('channel', channels.map((channel) => [channel.id, channel.name]), rule?.channels), el('small', { class: 'note' }, 'None ticked: all of the project.')),
            el('div', { class: 'field' }, el('span', null, 'Mute from … until'), el('span', { class: 'row' },
                el('input', { type: 'time', name: 'mutedFrom', value: rule?.mutedFrom ?? '', 'aria-label': 'Muted from' }), el('input', { type: 'time', name: 'mutedUntil', value: rule?.mutedUntil ?? '', 'aria-label': 'Muted until' }),
                el('input', { name: 'timezone', value: rule?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone, 'aria-label': 'Time zone' })),
            boxes('mutedDay', days.map((day, n) => [n + 1, day]), rule?.mutedDays), el('small', { class: 'note' }, 'What is muted is told in one message when the time is over.'))],
        label: rule ? 'Save' : 'Create',
        submit: async (sent) => {
            const { elements } = sent;
            const value = (name) => (elements[name]?.value ? Number(elements[name].value) : null);
            const tags = {};
            for (const line of words(elements.tags.value)) {
                const [key, ...rest] = line.split('=');
                if (rest.length === 0) {
                    throw new Error(`"${line}" is no tag: write key=value.`);
                }
                (tags[key.trim()] ??= []).push(rest.join('=').trim());
            }
            const body = {
                name: elements.name.value || undefined, events: value('events'), users: value('users'), minutes: value('minutes'), repeatMinutes: value('repeatMinutes') ?? undefined,
                levels: list(ticked(sent, 'level')), environments: list(words(elements.environments.value)), releases: list(words(elements.releases.value)),
                tags: Object.keys(tags).length > 0 ? tags : null, channels: list(ticked(sent, 'channel')),
                mutedFrom: elements.mutedFrom.value || null, mutedUntil: elements.mutedUntil.value || null, mutedDays: list(ticked(sent, 'mutedDay').map(Number)), timezone: elements.timezone.value || undefined,
            };
            await (rule ? send('PUT', [...tab.path, 'alert-rules', rule.id], body) : send('POST', [...tab.path, 'alert-rules'], { kind: kind.value, ...body }));
        },
    }).then((done) => done && tab.again());
}

export async function alerts(tab) {
    const [rules, channels] = await Promise.all([get([...tab.path, 'alert-rules'], null, tab.signal), get([...tab.path, 'channels'], null, tab.signal)]);
    const nameOf = (id) => channels.find((channel) => channel.id === String(id))?.name ?? id;
    const turn = (rule) => async () => {
        try {
            await send('PUT', [...tab.path, 'alert-rules', rule.id], { enabled: !rule.enabled });
            tell(rule.enabled ? 'Disabled.' : 'Enabled.');
        } catch (error) {
            tellFailure('The rule was not changed', error);
        }
        await tab.again();
    };
    const remove = (rule) => confirm('Delete an alert rule', 'People are no longer told of it.', 'Delete', () => send('DELETE', [...tab.path, 'alert-rules', rule.id])).then((done) => done && tab.again());
    fill(tab.place, el('h2', null, 'Alert rules ', button('New rule', () => form(tab, channels), { disabled: !tab.writes })),
        rules.some((rule) => rule.default) && el('p', { class: 'note' }, 'These hold without any setting. The first rule that you make ends them.'),
        channels.length === 0 && el('p', { class: 'wrong' }, 'There is no channel yet: nobody is told, whatever the rules say.'),
        table([
            ['Tells of', (rule) => [el('strong', null, kinds[rule.kind] ?? rule.kind), rule.name && el('div', { class: 'note' }, rule.name)]], ['When', condition],
            ['Through', (rule) => (rule.channels ? rule.channels.map(nameOf).join(', ') : 'all channels')],
            ['', (rule) => (rule.default ? '' : el('span', { class: 'beside' }, !rule.enabled && el('span', { class: 'mark' }, 'disabled'), ' ', button('Change', () => form(tab, channels, rule), { disabled: !tab.writes }), ' ',
                button(rule.enabled ? 'Disable' : 'Enable', turn(rule), { disabled: !tab.writes }), ' ', button('Delete', () => remove(rule), { class: 'danger', disabled: !tab.writes })))],
        ], rules, 'None: nobody is told of anything.'));
}
