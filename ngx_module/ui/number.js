// Numbers as people read them.

const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

export const exactly = (value) => whole.format(value);

/** Short from 10,000 on. */
export const short = (value) => (value < 10000 ? whole : compact).format(value);

/** "1 event", "2 events". */
export const counted = (value, noun) => `${whole.format(value)} ${noun}${Number(value) === 1 ? '' : 's'}`;

export function bytes(value) {
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${value.toFixed(unit && value < 10 ? 1 : 0)} ${units[unit]}`;
}

export const percent = (part, all) => (all > 0 ? `${(100 * part / all).toFixed(part * 10 < all && part > 0 ? 1 : 0)} %` : '–');
