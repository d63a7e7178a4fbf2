// Loads the web page and tells how long that took: see t/bench/page.

import { Person, url } from '../page/person.mjs';

const seen = {};

/**
 * Loads an address and tells how long it took until what is looked for was painted. Nothing is
 * asked of the page meanwhile: what drives the browser runs programs of its own in it, which
 * would count.
 */
async function load(context, address, wanted) {
    const page = await context.newPage();
    await page.addInitScript((selector) => {
        const look = () => {
            if (document.querySelector(selector)) {
                requestAnimationFrame(() => setTimeout(() => console.debug(`painted ${performance.now()}`)));
            } else {
                requestAnimationFrame(look);
            }
        };
        requestAnimationFrame(look);
    }, wanted);
    const painted = page.waitForEvent('console', (message) => message.text().startsWith('painted '));
    await page.goto(url + address, { waitUntil: 'commit' });
    const ms = Number((await painted).text().split(' ')[1]);
    await page.waitForLoadState('networkidle');
    await page.close();
    return { ms };
}

/** What a load brings over the wire, by a browser that has never been there: apart, as counting takes time. */
async function weigh(address) {
    const context = await person.browser.newContext();
    await context.addCookies(cookies);
    const page = await context.newPage();
    const protocol = await context.newCDPSession(page);
    await protocol.send('Network.enable');
    const weight = { bytes: 0, requests: 0 };
    protocol.on('Network.loadingFinished', ({ encodedDataLength }) => {
        weight.bytes += encodedDataLength;
        weight.requests++;
    });
    await page.goto(url + address, { waitUntil: 'networkidle' });
    await context.close();
    return weight;
}

function note(name, result) {
    for (const [what, value] of Object.entries(result)) {
        ((seen[name] ??= {})[what] ??= []).push(value);
    }
}

const rows = 'tr.issue:not(.waiting)';
const person = await Person.open();
await person.signIn('/errors/?org=bench&project=large');
const cookies = await person.context.cookies();
const issue = new URL(await person.page.locator(`${rows} a.title`).first().getAttribute('href')).search;
// Once for nobody: programs and data that were never read.
await load(person.context, '/errors/?org=bench&project=large', rows);
for (let round = 0; round < Number(process.env.PAGE_ROUNDS); round++) {
    const context = await person.browser.newContext({ viewport: { width: 1280, height: 860 } });
    await context.addCookies(cookies);
    note('floor', await load(context, '/floor', 'p'));
    note('first', await load(context, '/errors/?org=bench&project=large', rows));
    note('again', await load(context, '/errors/?org=bench&project=large&sort=freq', rows));
    note('issue', await load(context, `/errors/issue${issue}`, '.frames, .event-nav, .issue-page .note'));
    await context.close();
}
for (const [name, address] of [['floor', '/floor'], ['first', '/errors/?org=bench&project=large'], ['issue', `/errors/issue${issue}`]]) {
    note(name, await weigh(address));
}
console.log(JSON.stringify(seen));
await person.browser.close();
process.exit(0);
