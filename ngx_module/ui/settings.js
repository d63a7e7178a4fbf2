// The settings of a project: its pages, one for each thing that is set.

import { el, fill } from './dom.js';
import { frame } from './project.js';
import { to } from './router.js';

const tabs = {
    general: ['General', () => import('./settings_project.js')],
    keys: ['Client keys', () => import('./settings_keys.js')],
    filters: ['Filters and quotas', () => import('./settings_project.js')],
    privacy: ['Privacy', () => import('./settings_project.js')],
    grouping: ['Grouping', () => import('./settings_grouping.js')],
    alerts: ['Alert rules', () => import('./settings_alerts.js')],
    channels: ['Channels', () => import('./settings_channels.js')],
    messages: ['Messages', () => import('./settings_channels.js')],
    trackers: ['Trackers', () => import('./settings_trackers.js')],
    people: ['People', () => import('./settings_people.js')],
};

export async function show(context) {
    const name = Object.hasOwn(tabs, context.state.get('tab') ?? '') ? context.state.get('tab') : 'general';
    const [title, load] = tabs[name];
    const page = frame(context, 'settings', 'general', title);
    if (!page) {
        return;
    }
    const place = el('div', null, el('p', { class: 'note' }, 'Loading …'));
    fill(page.place, el('div', { class: 'settings' },
        el('nav', { 'aria-label': 'Settings' }, Object.entries(tabs).map(([other, [label]]) => el('a', {
            href: to('settings', { org: page.org, project: page.slug, tab: other }), 'aria-current': other === name ? 'page' : null,
        }, label))), place));
    const { signal, who, state } = context;
    const tab = { ...page, place, signal, who, state, writes: page.may('project:write') };
    // What was changed is shown as the server has it now.
    tab.again = () => module[name](tab);
    const module = await load();
    await module[name](tab);
}
