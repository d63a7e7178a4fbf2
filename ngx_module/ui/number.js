// Numbers as people read them.

// Not by Intl: what it loads for a country takes a tenth of the time until a list is there.
const thin = '\u202f';

export const exactly = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, thin);

/** Short from 10,000 on: three figures, cut, so that 999,999 is not 1,000 thousand. */
export function short(value) {
    const [size, unit] = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']].find(([least]) => value >= Math.max(least, 1e4)) ?? [0, ''];
    const scaled = value / size;
    return size ? `${scaled < 100 ? Math.floor(scaled * 10) / 10 : Math.floor(scaled)}${unit}` : exactly(value);
}

/** "1 event", "2 events". */
export const counted = (value, noun) => `${exactly(value)} ${noun}${Number(value) === 1 ? '' : 's'}`;

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
