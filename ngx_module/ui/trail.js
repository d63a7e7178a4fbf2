// The issues as they were listed last, and which of them was opened last: so that one comes
// from issue to issue, and back to where one was.

let listed = [];
let last = null;

export function setTrail(ids) {
    listed = ids;
}

export function visit(id) {
    last = id;
}

/** The place in what is listed of the issue that was opened last, -1 where it is not in it. */
export const lastPlace = () => listed.indexOf(last);

/** The issue that many places after one, null where there is none. */
export const neighbour = (id, step) => (listed.includes(id) ? listed[listed.indexOf(id) + step] ?? null : null);
