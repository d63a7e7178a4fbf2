// Stack traces: exceptions with their causes, frames with their source and variables.

import { button, el, fill } from './dom.js';
import { copy } from './actions.js';
import { pairs } from './data.js';
import { counted } from './number.js';

const kept = 'errtrack.frames';

/** The order in which frames are shown, as somebody chose it last. */
const newestFirst = () => localStorage.getItem(kept) !== 'oldest';

const place = (frame) => frame.filename || frame.module || frame.absPath || frame.package || '?';

function source(frame) {
    return el('div', { class: 'source', tabindex: 0, role: 'group', 'aria-label': `Source of ${place(frame)}` },
        el('ol', null, frame.context.map(([number, text]) => el('li', { class: number === frame.lineNo ? 'failing' : null, 'aria-label': number === frame.lineNo ? `line ${number}, where it failed` : null },
            el('span', { 'aria-hidden': 'true' }, number), el('span', null, text || ' ')))));
}

function locals(vars) {
    const shown = el('div');
    return el('details', { class: 'locals', ontoggle: (event) => event.target.open && !shown.hasChildNodes() && fill(shown, pairs(Object.entries(vars))) },
        el('summary', null, counted(Object.keys(vars).length, 'local variable')), shown);
}

/** own: whether the stack has frames of the application, beside which others are told apart. */
function frameRow(frame, open, own) {
    const name = [
        el('span', { class: 'name', title: frame.absPath }, place(frame)),
        el('span', null, el('span', { class: 'in' }, 'in '), frame.function || frame.rawFunction || '?'),
        frame.lineNo !== null && el('span', { class: 'in' }, `line ${frame.lineNo}${frame.colNo === null ? '' : `:${frame.colNo}`}`),
        frame.lineNo === null && frame.instructionAddr && el('code', { class: 'in' }, String(frame.instructionAddr)),
        own && !frame.inApp && el('span', { class: 'library' }, 'library'),
    ];
    const vars = frame.vars && typeof frame.vars === 'object' && Object.keys(frame.vars).length > 0 ? frame.vars : null;
    if (frame.context.length === 0 && !vars) {
        return el('li', null, el('div', { class: frame.inApp ? 'frame bare own' : 'frame bare' }, name));
    }
    return el('li', null, el('details', { class: frame.inApp ? 'frame own' : 'frame', open },
        el('summary', null, name), frame.context.length > 0 && source(frame), vars && locals(vars)));
}

/** Frames of libraries that follow each other, behind one line. */
function foldedRow(frames) {
    const item = el('li');
    item.append(button(`${counted(frames.length, 'frame')} of libraries`, () => {
        const rows = frames.map((frame) => frameRow(frame, false, true));
        item.replaceWith(...rows);
        rows[0].querySelector('summary, .frame')?.focus();
    }, { class: 'folded', 'aria-expanded': 'false' }));
    return item;
}

/** The frames of a stack, the oldest first as they come, in the order that is wished. */
function frameList(frames, newest) {
    const ordered = newest ? [...frames].reverse() : frames;
    const own = ordered.some((frame) => frame.inApp);
    // What failed is the newest frame of the application, or the newest of all.
    const top = newest ? ordered.findIndex((frame) => frame.inApp || !own) : ordered.findLastIndex((frame) => frame.inApp || !own);
    const items = [];
    for (let n = 0; n < ordered.length;) {
        let end = n;
        while (own && end < ordered.length && !ordered[end].inApp) {
            end++;
        }
        if (end - n > 1) {
            items.push(foldedRow(ordered.slice(n, end)));
            n = end;
        } else {
            items.push(frameRow(ordered[n], n === top || ordered[n].inApp && ordered[n].context.length > 0 && ordered.length <= 12, own));
            n++;
        }
    }
    return el('ol', { class: 'frames' }, items);
}

function stackOf(stack, newest) {
    return stack?.frames?.length > 0
        ? [frameList(stack.frames, newest), stack.framesOmitted && el('p', { class: 'note' }, `Frames ${stack.framesOmitted[0]} to ${stack.framesOmitted[1]} were not sent.`)]
        : el('p', { class: 'note' }, 'It came without a stack trace.');
}

function mechanismOf(exception) {
    const mechanism = exception.mechanism;
    if (!mechanism) {
        return null;
    }
    // An exception that is only the cause of another says no more by its mechanism.
    const type = !['chained', 'generic'].includes(mechanism.type) && mechanism.type;
    const said = [type && `reported by ${type}`, mechanism.handled === false && mechanism.type !== 'chained' && 'not handled', mechanism.description].filter(Boolean).join(' · ');
    return said && el('p', { class: 'cause' }, said);
}

/** Exceptions as they were sent: the one that was thrown last at the end. */
function chain(values, newest) {
    const ordered = newest ? [...values].reverse() : values;
    return ordered.map((exception, n) => el('div', { class: 'exception' },
        n > 0 && el('p', { class: 'cause' }, newest ? '↳ caused by' : '↳ which led to'),
        el('h3', null, exception.type || 'Exception', exception.module && el('span', { class: 'note' }, ` in ${exception.module}`)),
        exception.value && el('p', { class: 'said' }, typeof exception.value === 'string' ? exception.value : JSON.stringify(exception.value)),
        mechanismOf(exception), stackOf(exception.stacktrace, newest)));
}

/** A stack trace as people paste it elsewhere, in the order in which it is shown. */
function stackText(values, newest) {
    const turned = (list) => (newest ? [...list].reverse() : list);
    return turned(values).map(({ type, value, stacktrace }, n) => [
        n > 0 && (newest ? 'caused by' : 'which led to'), type && [type, value].filter(Boolean).join(': '),
        ...turned(stacktrace?.frames ?? []).map((frame) => `    at ${frame.function || frame.rawFunction || '?'} (${place(frame)}${frame.lineNo === null ? '' : `:${frame.lineNo}`}${frame.colNo === null ? '' : `:${frame.colNo}`})`),
    ].filter(Boolean).join('\n')).join('\n\n');
}

/** A part with the buttons that turn the order over, unfold all, and take it along. */
function turnable(title, values, make) {
    const body = el('div');
    const turn = button('', () => {
        localStorage.setItem(kept, newestFirst() ? 'oldest' : 'newest');
        render();
    }, { class: 'link' });
    const render = () => {
        const newest = newestFirst();
        fill(turn, newest ? 'newest first' : 'oldest first');
        turn.setAttribute('title', `Show the ${newest ? 'oldest' : 'newest'} first`);
        fill(body, make(newest));
        unfold.hidden = body.querySelectorAll('.folded').length < 2;
    };
    const unfold = button('all frames', () => {
        for (const folded of body.querySelectorAll('.folded')) {
            folded.click();
        }
        unfold.hidden = true;
    }, { class: 'link', title: 'Show those of libraries too' });
    render();
    return el('section', { class: 'part' }, el('h2', null, title, ' ', turn, unfold, button('copy', () => copy('the stack trace', stackText(values, newestFirst())), { class: 'link', title: 'Copy it as text' })), body);
}

export const exceptions = (data) => turnable(data.values.length > 1 ? 'Exceptions' : 'Stack trace', data.values, (newest) => chain(data.values, newest));

export const bareStack = (data) => turnable('Stack trace', [{ stacktrace: data }], (newest) => stackOf(data, newest));

export function threads(data) {
    const shown = data.values.filter((thread) => thread.stacktrace?.frames?.length > 0);
    const name = (thread) => [`Thread ${thread.id ?? ''}`, thread.name, thread.crashed && (thread.stacktrace ? 'crashed' : 'crashed, see the exception'), thread.current && !thread.crashed && 'running'].filter(Boolean).join(' · ');
    return el('section', { class: 'part' }, el('h2', null, `Threads (${data.values.length})`),
        shown.map((thread) => el('details', { class: 'locals', open: thread.crashed }, el('summary', null, name(thread)), stackOf(thread.stacktrace, newestFirst()))),
        shown.length < data.values.length && el('p', { class: 'note' }, 'Without a stack: ', data.values.filter((thread) => !shown.includes(thread)).map(name).join(', ')));
}
