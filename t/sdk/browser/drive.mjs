// A site of another origin than errtrack's, with one page that reports, in Chromium.
//
//     node drive.mjs DIR report|serve
//
// ERRTRACK_TUNNEL is an address that takes envelopes in place of that of the DSN.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [dir, mode] = process.argv.slice(2);
const { chromium } = createRequire(`${dir}/`)('playwright-core');

const files = {
    '/': ['text/html', '<!doctype html><title>shop</title><script src="/sentry.js"></script><script src="/page.js"></script>'],
    '/sentry.js': ['text/javascript', await readFile(`${dir}/sentry.js`)],
    '/page.js': ['text/javascript', await readFile(new URL('page.js', import.meta.url))],
};
const site = createServer((request, answer) => {
    const [type, content] = files[request.url] ?? ['text/plain', ''];
    answer.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(content);
});
await new Promise((done) => site.listen(0, '127.0.0.1', done));

const settings = { dsn: process.env.ERRTRACK_DSN, tunnel: process.env.ERRTRACK_TUNNEL };
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

async function open() {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`page: ${error}`));
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    await page.evaluate((given) => start(given), settings);
    return page;
}

const print = (value) => console.log(JSON.stringify(value));
let page = await open();
if (mode === 'report') {
    // One visit that goes well, and one that sees an error.
    (await page.evaluate(() => good())).forEach(print);
    page = await open();
    (await page.evaluate(() => bad())).forEach(print);
} else {
    for await (const line of createInterface({ input: process.stdin })) {
        const told = JSON.parse(line);
        await page.evaluate((what) => tell(what), told);
        print({ done: told.message });
    }
}
await browser.close();
site.close();
