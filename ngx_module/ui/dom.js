// The only place where elements are made. What comes from an event becomes a text node or
// the value of an attribute here, never markup: nothing else touches the tree.

const svgSpace = 'http://www.w3.org/2000/svg';
const linked = ['http:', 'https:'];

function setAttributes(node, attributes) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === null || value === undefined || value === false) {
            continue;
        }
        if (name.startsWith('on')) {
            node.addEventListener(name.slice(2), value);
        } else if (name === 'href' && !linked.includes(new URL(value, document.baseURI).protocol)) {
            throw new TypeError('a link leads to a page');
        } else {
            node.setAttribute(name, value === true ? '' : String(value));
        }
    }
}

function put(node, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== null && child !== undefined && child !== false) {
            node.append(child instanceof Node ? child : String(child));
        }
    }
    return node;
}

/** An element. Attributes that are null or false are left out; on… takes a function. */
export function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    setAttributes(node, attributes);
    return put(node, children);
}

/** An element of SVG. */
export function svg(tag, attributes, ...children) {
    const node = document.createElementNS(svgSpace, tag);
    setAttributes(node, attributes);
    return put(node, children);
}

/** Gives an element other children. */
export function fill(node, ...children) {
    node.replaceChildren();
    return put(node, children);
}

/** A text that an event calls an address: a link if it is one of a page, else only the text. */
export function outward(text, label = text) {
    let url;
    try {
        url = new URL(text);
    } catch {
        return label;
    }
    return linked.includes(url.protocol)
        ? el('a', { href: url.href, rel: 'noopener noreferrer nofollow', target: '_blank' }, label)
        : label;
}

/** A button with a label, and a title where the label alone does not tell. */
export function button(label, onclick, attributes) {
    return el('button', { type: 'button', onclick, ...attributes }, label);
}

/** A heading and what it is of. */
export function section(title, attributes, ...children) {
    return el('section', attributes, el('h2', null, title), children);
}

/** What may be wider than the page; it can be scrolled by keys. */
export function scrolled(...children) {
    return el('div', { class: 'scroll', tabindex: 0 }, children);
}
