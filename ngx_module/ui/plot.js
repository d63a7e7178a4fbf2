// Plots: bars of counts over time, in SVG. Colours are the style sheet's.

import { svg, el } from './dom.js';
import { counted, short } from './number.js';
import { day, moment } from './time.js';

function bars(points, width, height, label) {
    const most = Math.max(1, ...points.map(([, value]) => value));
    const step = width / Math.max(points.length, 1);
    return points.map(([at, value], n) => {
        const size = value > 0 ? Math.max(1.5, value / most * height) : 0.75;
        // The whole column is what a pointer finds, however low its bar is.
        return svg('g', { class: value > 0 ? 'bar' : 'bar zero' },
            svg('rect', { class: 'hit', x: n * step, y: 0, width: step, height }),
            svg('rect', { x: n * step + step * 0.1, y: height - size, width: step * 0.8, height: size }),
            svg('title', null, label(at, value)));
    });
}

/** The same bars as two lines of a pen: a list has hundreds of them. */
function strokes(points, width, height) {
    const most = Math.max(1, ...points.map(([, value]) => value));
    const step = width / Math.max(points.length, 1);
    const drawn = { bar: '', 'bar zero': '' };
    for (const [n, [, value]] of points.entries()) {
        const size = value > 0 ? Math.max(1.5, value / most * height) : 0.75;
        drawn[value > 0 ? 'bar' : 'bar zero'] += `M${(n * step + step * 0.1).toFixed(2)} ${(height - size).toFixed(2)}h${(step * 0.8).toFixed(2)}V${height}h${(-step * 0.8).toFixed(2)}z`;
    }
    return Object.entries(drawn).map(([name, d]) => svg('path', { class: name, d }));
}

/** A small plot in a row of a table: [[seconds, count], …]. */
export function sparkline(points, noun = 'event') {
    const sum = points.reduce((all, [, value]) => all + value, 0);
    const said = `${counted(sum, noun)}, ${counted(Math.max(0, ...points.map(([, value]) => value)), noun)} at most`;
    return svg('svg', { class: 'spark', viewBox: '0 0 120 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${counted(sum, noun)} in this time` },
        strokes(points, 120, 24), svg('title', null, said));
}

/** A plot with a title, its greatest value and its ends. unit: seconds of a bar. */
export function histogram(title, points, unit, noun = 'event') {
    const name = unit >= 86400 ? day : moment;
    const sum = points.reduce((all, [, value]) => all + value, 0);
    const most = Math.max(0, ...points.map(([, value]) => value));
    const at = (point) => name(new Date(point[0] * 1000));
    return el('figure', { class: 'plot' },
        el('figcaption', null, title, el('span', { class: 'note' }, counted(sum, noun))),
        svg('svg', { viewBox: '0 0 480 72', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${counted(sum, noun)}, ${most} at most` },
            bars(points, 480, 72, (seconds, value) => `${name(new Date(seconds * 1000))}: ${counted(value, noun)}`)),
        el('div', { class: 'axis', 'aria-hidden': 'true' },
            el('span', null, points.length ? at(points[0]) : ''), el('span', null, `max ${short(most)}`), el('span', null, points.length ? at(points.at(-1)) : '')));
}

/** Shares beside each other: [label, part of one, how it is said]. */
export function shares(title, rows) {
    return rows.length === 0 ? null : el('figure', { class: 'plot shares' },
        el('figcaption', null, title),
        el('div', { class: 'share' }, rows.map(([label, part, said]) => el('div', { class: 'value' },
            svg('svg', { 'aria-hidden': 'true', preserveAspectRatio: 'none', viewBox: '0 0 100 10' }, svg('rect', { width: 100 * Math.max(0, Math.min(1, part)), height: 10 })),
            el('span', null, label), el('span', null, said)))));
}
