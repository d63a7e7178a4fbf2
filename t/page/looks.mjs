// What each page looks like: pictures for people in light, dark and at the width of a phone,
// and for each of them what axe says of its accessibility.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { api, dsn, eventually, exception, is, ok, Person, report, script, url } from './person.mjs';

const axe = readFileSync(createRequire(`${process.env.PAGE_LIBRARIES}/`).resolve('axe-core/axe.min.js'), 'utf8');
const looks = { light: {}, dark: { scheme: 'dark' }, phone: { width: 390, height: 844 } };

async function envelope(...items) {
    const answer = await fetch(`${url}/api${dsn.pathname}/envelope/`, {
        method: 'POST', headers: { 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${dsn.username}` },
        body: '{}\n' + items.map(([type, payload]) => `${JSON.stringify({ type })}\n${JSON.stringify(payload)}\n`).join(''),
    });
    ok(answer.ok, `${items[0][0]} is taken`);
}

/** A project as one is after a while. */
async function fill() {
    const now = Date.now() / 1000;
    let last;
    for (let n = 0; n < 40; n++) {
        last = await report(exception(['PaymentError', 'StockError', 'TimeoutError'][n % 3], ['card was refused by the bank', 'nothing left of article 4711 in the warehouse, and the next delivery is not before Tuesday', 'no answer in 30 s'][n % 3], {
            release: `shop@1.${n % 2}.0`, environment: n % 4 ? 'production' : 'staging', tags: { browser: ['Firefox', 'Chrome', 'Safari'][n % 3], url: `https://shop.example.com/${'cart/'.repeat(30)}`, plan: n % 5 ? 'free' : 'paid' },
            user: { id: String(n % 7), email: `user${n % 7}@example.com`, ip_address: `192.0.2.${n}` }, extra: { cart: { items: n, total: n * 1.5 } }, contexts: { runtime: { name: 'CPython', version: '3.11.2' } },
            request: { url: 'https://shop.example.com/cart?step=2', method: 'POST', headers: { Accept: 'text/html', 'User-Agent': 'Mozilla/5.0' }, data: { order: 'A-1' } },
            breadcrumbs: { values: [{ category: 'http', message: 'GET /cart', level: 'info', timestamp: now - 9, data: { status: 200 } }, { category: 'ui.click', message: 'button#pay', level: 'warning', timestamp: now - 2 }] },
        }));
    }
    await report({ message: 'disk almost full on web-1', level: 'warning', logger: 'cron' });
    await report({ message: 'cache was rebuilt', level: 'info' });
    await envelope(['user_report', { event_id: last, name: 'Ann', email: 'ann@example.com', comments: 'I pressed pay and nothing happened.' }]);
    for (let n = 0; n < 10; n++) {
        await envelope(['session', { sid: randomUUID(), did: `u${n}`, init: true, status: n === 3 ? 'crashed' : 'exited', errors: n === 3 ? 1 : 0, started: new Date().toISOString(), timestamp: new Date().toISOString(), attrs: { release: `shop@1.${n % 2}.0`, environment: 'production' } }]);
    }
    await envelope(['transaction', { type: 'transaction', transaction: 'GET /cart', start_timestamp: now - 0.3, timestamp: now, contexts: { trace: { op: 'http.server', trace_id: '1'.repeat(32), span_id: '2'.repeat(16) } } }]);
    await envelope(['check_in', { check_in_id: '3'.repeat(32), monitor_slug: 'nightly', status: 'ok', duration: 12, monitor_config: { schedule: { type: 'crontab', value: '0 3 * * *' }, timezone: 'UTC' } }]);
    const of = 'projects/acme/shop/';
    is((await api('POST', `${of}channels/`, { kind: 'mail', name: 'ops', settings: { to: ['ops@example.com'] } })).status, 201, 'a channel is made');
    is((await api('POST', `${of}alert-rules/`, { kind: 'frequency', name: 'often', events: 100, minutes: 60, environments: ['prod*'] })).status, 201, 'and a rule');
    await eventually(async () => (await api('GET', 'organizations/acme/issues/?query=')).json.length === 5 && (await api('GET', `${of}monitors/`)).json.length === 1
        && (await api('GET', `${of}transactions/`)).json.length === 1 && (await api('GET', `${of}health/`)).json.length === 2, 'everything is filed', 60000);
    const [issue] = (await api('GET', 'organizations/acme/issues/?query=PaymentError')).json;
    await api('PUT', 'organizations/acme/issues/?query=disk', { status: 'ignored', ignoreDuration: 60 });
    return issue.id;
}

async function accessible(person, name) {
    // The policy of the page lets nothing run that it did not bring; the browser's own tools may.
    await person.page.evaluate(axe);
    const { violations } = await person.page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
        .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.replace(/\s+/g, ' ').slice(0, 200)}`).join(' | ')}`);
    ok(bad.length === 0, `${name}: no serious fault of accessibility`, bad);
    const wide = await person.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    ok(wide <= 0, `${name}: nothing sticks out at the side`, `${wide} pixels`);
}

await script(async () => {
    const id = await fill();
    const project = 'org=acme&project=shop';
    const pages = {
        list: '/errors/?status=all', nothing: '/errors/?query=nothing-is-like-this', welcome: '/errors/?org=acme&project=fresh',
        issue: `/errors/issue?id=${id}`, ...Object.fromEntries(['events', 'tags', 'grouping', 'history', 'feedback'].map((tab) => [`issue-${tab}`, `/errors/issue?id=${id}&tab=${tab}`])),
        projects: '/errors/projects', ...Object.fromEntries(['releases', 'transactions', 'monitors', 'ledger'].map((tab) => [tab, `/errors/health?${project}&tab=${tab}`])),
        ...Object.fromEntries(process.env.PAGE_SETTINGS.split(' ').map((tab) => [`settings-${tab}`, `/errors/settings?${project}&tab=${tab}`])),
        account: '/errors/account', lost: '/errors/issue?id=777777',
    };
    const figures = { releases: '80.00 %', monitors: '12.0 s', transactions: '300 ms', ledger: 'error' };
    for (const [look, how] of Object.entries(looks)) {
        const person = await Person.open(how);
        const { page } = person;
        await page.goto(`${url}/errors/`);
        await page.getByLabel('Token').waitFor();
        await person.picture(`sign-in-${look}`);
        await accessible(person, `sign-in, ${look}`);
        await person.signIn();
        for (const [name, address] of Object.entries(pages)) {
            await person.go(address);
            await page.waitForFunction(() => !/Loading …|Counting tags …/.test(document.getElementById('page').textContent));
            if (figures[name]) {
                ok((await page.textContent('main')).includes(figures[name]), `${name}, ${look}: ${figures[name]} is what was sent`);
            }
            const moved = await page.evaluate(() => window.moved);
            ok(moved < 0.1, `${name}, ${look}: what is shown stays where it is`, moved);
            await person.picture(`${name}-${look}`);
            await accessible(person, `${name}, ${look}`);
        }
        await person.go('/errors/?status=all');
        await page.getByLabel('Tick SHOP-1').check();
        await page.getByRole('toolbar').getByRole('button', { name: 'Ignore' }).click();
        await person.picture(`list-ticked-${look}`);
        await accessible(person, `list with ticks and a menu, ${look}`);
        await page.keyboard.press('Escape');
        await page.keyboard.press('?');
        await person.picture(`keys-${look}`);
        await accessible(person, `keys, ${look}`);
        await person.leave();
    }
});
