// Rules of grouping, and a trial of them on the newest events before they hold.

import { get, send } from './api.js';
import { field } from './dialog.js';
import { button, el, fill } from './dom.js';
import { counted } from './number.js';
import { to } from './router.js';
import { settingsForm } from './settings_project.js';

const looked = 500;                     /* events of a trial */
const longest = 60000;                  /* ms that are waited for it */

const issue = (brief) => (brief ? [el('a', { href: to('issue', { id: brief.id }) }, brief.shortId), ` ${brief.title}`] : 'a new issue');

function outcome({ events, changed, complete, split, joined }) {
    return [
        el('p', null, el('strong', null, `${counted(changed, 'event')} of ${events} would be grouped by something else.`), !complete && ' Time or room was up before all was told.'),
        split.length > 0 && [el('h3', null, 'Issues that would lose events'), el('ul', null, split.map((one) => el('li', null, issue(one.issue), `: ${counted(one.stay, 'event')} of ${one.events} stay; `,
            one.into.map((part, n) => [n > 0 && ', ', `${part.events} to `, issue(part.issue)]))))],
        joined.length > 0 && [el('h3', null, 'Issues that would get events of others'), el('ul', null, joined.map((one) => el('li', null, issue(one.issue), ': ',
            one.from.map((part, n) => [n > 0 && ', ', `${part.events} of `, issue(part.issue)]))))],
        changed === 0 && el('p', { class: 'note' }, 'Nothing changes for the events that were looked at.'),
    ];
}

export async function grouping(tab) {
    const project = await get(tab.path, null, tab.signal);
    const fingerprints = el('textarea', { name: 'fingerprints', rows: 6, spellcheck: 'false', placeholder: 'type:DatabaseUnavailable* -> system-down' }, project.fingerprintingRules);
    const stack = el('textarea', { name: 'stack', rows: 6, spellcheck: 'false', placeholder: 'function:panic_handler ^-group' }, project.groupingEnhancements);
    const rules = () => ({ fingerprintingRules: fingerprints.value, groupingEnhancements: stack.value });
    const result = el('div', { role: 'status' });
    const run = async () => {
        fill(result, el('p', { class: 'note' }, 'Looking at the newest events …'));
        try {
            const path = [...tab.path, 'grouping-rules', 'dry-run'];
            let trial = await send('POST', path, { ...rules(), events: looked });
            const end = Date.now() + longest;
            while (['waiting', 'running'].includes(trial.state)) {
                if (Date.now() > end) {
                    throw new Error('Nobody has tried them in a minute. Is a worker running?');
                }
                await new Promise((resolve) => setTimeout(resolve, 500));
                trial = await get([...path, trial.id], null, tab.signal);
            }
            if (trial.state === 'failed') {
                throw new Error(trial.problem);
            }
            fill(result, outcome(trial.result));
        } catch (error) {
            fill(result, el('p', { class: 'wrong' }, error.message));
        }
    };
    fill(tab.place, el('h2', null, 'Grouping'),
        el('p', { class: 'note' }, 'Which events are one issue. Rules hold for events that come after they were saved; events that are stored stay where they are.'),
        settingsForm(tab, rules,
            field('Fingerprint rules', fingerprints, 'One on each line: what must match -> the fingerprint. Of the event: type, value, message, logger, level, release, tags.NAME; of a frame: function, module, path, package; * is anything.'),
            field('Stack rules', stack, 'One on each line: which frames, and +app, -app, +group or -group; ^ in front means all frames nearer to the crash too, v those farther from it.')),
        el('p', { class: 'row' }, button(`Try on the newest ${looked} events`, run, { disabled: !tab.writes }), el('span', { class: 'note' }, 'Nothing is changed.')), result);
}
