// Who is signed in, what they may do, and their tokens.

import { get, send } from './api.js';
import { ask, confirm, field, show as showDialog } from './dialog.js';
import { button, el, fill } from './dom.js';
import { table } from './project.js';
import { ago, exact } from './time.js';
import { tell } from './told.js';
import { code } from './welcome.js';

const about = {
    'event:read': 'read issues and events', 'event:write': 'change issues', 'project:read': 'read projects', 'project:write': 'change projects and keys',
    'project:releases': 'tell of releases, upload', 'org:read': 'read organizations', 'org:write': 'change members',
};

async function make(who, again) {
    let made = null;
    await ask('A new token', {
        make: () => [
            field('Name', el('input', { name: 'name', maxlength: 100, placeholder: 'ci' }), 'So that you know later what uses it.'),
            el('fieldset', { class: 'field' }, el('legend', null, 'It may'), who.scopes.map((scope) => el('label', { class: 'row' }, el('input', { type: 'checkbox', name: 'scope', value: scope }), el('code', null, scope), el('span', { class: 'note' }, about[scope] ?? '')))),
            field('For', el('select', { name: 'place' }, el('option', { value: '' }, 'all that I may see'),
                who.organizations.map(({ slug }) => el('option', { value: slug }, `organization ${slug}`)),
                who.projects.map(({ slug, organization }) => el('option', { value: `${organization.slug}/${slug}` }, `project ${organization.slug}/${slug}`)))),
            field('Until', el('input', { name: 'until', type: 'date' }), 'It ends then, and no later than what you are signed in with.')],
        label: 'Make',
        submit: async (form) => {
            const scopes = [...form.querySelectorAll('input[name=scope]:checked')].map((box) => box.value);
            if (scopes.length === 0) {
                throw new Error('Tick what it may do.');
            }
            const [organization, project] = form.elements.place.value.split('/');
            made = await send('POST', ['api-tokens'], { name: form.elements.name.value || null, scopes, organization: organization || null, project: project ?? null,
                expiresAt: form.elements.until.value ? new Date(form.elements.until.value).toISOString() : null });
        },
    });
    if (made) {
        showDialog('Your new token', el('p', null, 'It is shown this once: keep it where secrets are kept.'), code(made.token, 'the token'));
        again();
    }
}

export async function show(context) {
    const { main, who, signal } = context;
    document.title = 'Account · errtrack';
    const tokens = await get(['api-tokens'], null, signal);
    const again = () => show(context);
    const revoke = (token) => confirm('Revoke a token', `What uses ${token.name || `token ${token.id}`} is refused from then on.`, 'Revoke', async () => {
        await send('DELETE', ['api-tokens', token.id]);
        tell('Revoked.');
        again();
    });
    fill(main,
        el('h1', null, who.user.name || who.user.email),
        el('p', null, who.user.email, who.user.isSuperuser && ' · administrator of this errtrack', { session: '', token: ' · by a token', trusted: ' · the server vouches for you' }[who.auth.kind],
            who.auth.expiresAt && [' · until ', exact(who.auth.expiresAt)]),
        el('section', { class: 'part' }, el('h2', null, 'What you may do here'),
            table([['Organization', (organization) => organization.name], ['Role', (organization) => organization.role], ['May', (organization) => organization.access.map((scope) => [el('code', { title: about[scope] ?? '' }, scope), ' '])]],
                who.organizations, 'You belong to no organization.')),
        el('section', { class: 'part' }, el('h2', null, 'Tokens ', button('New token', () => make(who, again))),
            table([
                ['Name', (token) => token.name || '–'], ['May', (token) => token.scopes.map((scope) => [el('code', null, scope), ' '])],
                ['For', (token) => token.project ?? token.organization ?? 'all'], ['Made', (token) => ago(token.dateCreated)], ['Last used', (token) => (token.dateLastUsed ? ago(token.dateLastUsed) : 'never')],
                ['Ends', (token) => (token.expiresAt ? exact(token.expiresAt) : 'never')], ['', (token) => button('Revoke', () => revoke(token), { class: 'danger', 'aria-label': `Revoke ${token.name || token.id}` })],
            ], tokens, 'None.')));
}
