// Who belongs to the organization of a project, and what they may do.

import { get, send } from './api.js';
import { ask, confirm, field } from './dialog.js';
import { button, el, fill } from './dom.js';
import { table } from './project.js';
import { tell, tellFailure } from './told.js';

const roles = { reporter: 'reads', developer: 'changes issues too', maintainer: 'changes projects too', owner: 'changes members too' };

const choice = (value, more) => el('select', { name: 'role', ...more }, Object.entries(roles).map(([role, may]) => el('option', { value: role, selected: role === value }, `${role}: ${may}`)));

export async function people(tab) {
    const path = ['organizations', tab.org, 'members'];
    const members = await get(path, null, tab.signal);
    const writes = tab.may('org:write');
    const invite = () => ask('Add somebody', {
        make: () => [field('E-mail address', el('input', { name: 'email', type: 'email', required: true, maxlength: 254 }), 'They sign in with a token that an administrator makes, or as whom nginx vouches for.'),
            field('Name', el('input', { name: 'name', maxlength: 100 })), field('Role', choice('developer'))],
        label: 'Add',
        submit: async ({ elements }) => send('POST', path, { email: elements.email.value, name: elements.name.value || null, role: elements.role.value }),
    }).then((done) => done && tab.again());
    const change = (member) => async (event) => {
        try {
            await send('PUT', [...path, member.id], { role: event.target.value });
            tell(`${member.email} is ${event.target.value} now.`);
        } catch (error) {
            tellFailure('The role was not changed', error);
        }
        await tab.again();
    };
    const remove = (member) => confirm('Remove somebody', `${member.email} no longer sees anything of ${tab.org}. What they did stays in the history.`, 'Remove', () => send('DELETE', [...path, member.id]))
        .then((done) => done && tab.again());
    fill(tab.place, el('h2', null, `People of ${tab.org} `, button('Add somebody', invite, { disabled: !writes })),
        table([
            ['Name', (member) => [el('strong', null, member.name || member.email), member.name && el('div', { class: 'note' }, member.email)]],
            ['Role', (member) => choice(member.orgRole, { disabled: !writes, 'aria-label': `Role of ${member.email}`, onchange: change(member) })],
            ['', (member) => button('Remove', () => remove(member), { class: 'danger', disabled: !writes, 'aria-label': `Remove ${member.email}` })],
        ], members, 'Nobody: administrators see it all the same.'));
}
