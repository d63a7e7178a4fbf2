// Loads the web page and tells how long that took: see t/bench/page.

import { Person, url } from '../page/person.mjs';

const seen = {};

/** Loads an address in a page and waits for what is looked for to be painted. */
async function load(context, address, wanted) {
    const page = await context.newPage();
    const protocol = await context.newCDPSession(page);
    await protocol.send('Network.enable');
    let bytes = 0;
    let requests = 0;
    protocol.on('Network.loadingFinished', ({ encodedDataLength }) => {
        bytes += encodedDataLength;
        requests++;
    });
    await page.addInitScript((selector) => {
        const look = () => {
            if (document.querySelector(selector)) {
                requestAnimationFrame(() => setTimeout(() => {
                    window.painted = performance.now();
                }));
            } else {
                requestAnimationFrame(look);
            }
        };
        requestAnimationFrame(look);
    }, wanted);
    await page.goto(url + address);
    const ms = await (await page.waitForFunction(() => window.painted)).jsonValue();
    await page.waitForLoadState('networkidle');
    await page.close();
    return { ms, bytes, requests };
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
console.log(JSON.stringify(seen));
await person.browser.close();
process.exit(0);
