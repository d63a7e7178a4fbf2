// What an event holds is text, whatever it holds: every payload in every field of an event,
// and what people write beside it, on every tab of its page.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { api, dsn, eventually, is, ok, Person, script, url } from './person.mjs';

const payloads = readFileSync(new URL('payloads.txt', import.meta.url), 'utf8').trimEnd().split('\n');

function event(text, n) {
    const pair = { [text]: text, plain: text, deep: { [text]: [text] } };
    const frame = { filename: text, abs_path: text, function: text, module: text, package: text, lineno: 3, in_app: n % 2 === 0,
        pre_context: [text, text], context_line: text, post_context: [text], vars: pair };
    return {
        event_id: randomUUID().replaceAll('-', ''), timestamp: Date.now() / 1000, platform: n % 3 === 0 ? 'javascript' : 'python', level: 'error',
        fingerprint: [`payload ${n}`], logger: text, server_name: text, release: text, environment: `e${n}`, dist: text, transaction: n % 2 === 0 ? text : undefined,
        message: n % 5 === 0 ? text : undefined, logentry: { message: text, params: [text] },
        exception: { values: [
            { type: text, value: text, module: text, mechanism: { type: text, description: text, handled: false }, stacktrace: { frames: [frame, frame] } },
            { type: `Type${n}`, value: text, stacktrace: { frames: [frame, { ...frame, in_app: true }] } }] },
        threads: { values: [{ id: 1, name: text, crashed: true, stacktrace: { frames: [frame] } }, { id: text, name: text }] },
        breadcrumbs: { values: [{ category: text, message: text, level: text, type: text, data: pair, timestamp: text }, { message: text, timestamp: 1 }] },
        request: { url: text, method: text, query_string: text, fragment: text, headers: pair, cookies: pair, env: pair, data: n % 2 === 0 ? text : pair },
        user: { id: text, email: text, username: text, name: text, ip_address: '10.0.0.1', [text]: text },
        tags: { [text.slice(0, 30)]: text, plain: text.slice(0, 190) }, contexts: { [text]: pair, plain: { [text]: text, type: text } }, extra: pair,
        modules: { [text]: text }, sdk: { name: text, version: text, packages: [{ name: text, version: text }] },
    };
}

function envelope(text, n) {
    const body = event(text, n);
    const items = [['event', body], ['attachment', 'bytes', { filename: text, content_type: 'text/html' }], ['user_report', { event_id: body.event_id, name: text, email: text, comments: text }]];
    return `${JSON.stringify({ event_id: body.event_id })}\n` + items.map(([type, payload, more]) => {
        const bytes = typeof payload === 'string' ? payload : JSON.stringify(payload);
        return `${JSON.stringify({ type, length: Buffer.byteLength(bytes), ...more })}\n${bytes}\n`;
    }).join('');
}

/** Elements that only markup of a payload could have made, and links that lead elsewhere than to pages. */
const foreign = () => [...document.querySelectorAll('script, iframe, object, embed, img, video, audio, base, meta, link, style, template, form, math, marquee, xss, [onclick], [onerror], [onload], [style]')]
    .filter((node) => !(node.matches('head > script[type=module]:is([src="app.js"], [src="early.js"]), img[src="icon.svg"], meta[charset], meta[name], form:not([action]), head > link:is([href$=".css"], [href$=".js"], [href="icon.svg"], [rel=preload][href^="/api/0/"])')))
    .map((node) => node.outerHTML.slice(0, 100))
    .concat([...document.querySelectorAll('a[href]')].filter((link) => !/^https?:$/.test(link.protocol)).map((link) => link.href))
    .concat(window.hurt ? ['window.hurt'] : []);

await script(async () => {
    ok(payloads.length === 50, 'there are 50 payloads');
    for (const [n, text] of payloads.entries()) {
        const answer = await fetch(`${url}/api${dsn.pathname}/envelope/`, { method: 'POST', body: envelope(text, n),
            headers: { 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${dsn.username}` } });
        if (!answer.ok) {
            throw new Error(`payload ${n} was answered ${answer.status}: ${await answer.text()}`);
        }
    }
    const listed = async () => [...(await api('GET', 'organizations/acme/issues/?query=&limit=100')).json];
    await eventually(async () => (await listed()).length === payloads.length, 'each of them is an issue', 60000);
    const issues = new Map((await listed()).map((issue) => [issue.metadata.type, issue]));

    const person = await Person.open();
    const { page } = person;
    await person.signIn('/errors/?status=all');
    for (const cursor of ['next', 'next']) {
        is(await page.evaluate(foreign), [], 'the list shows texts');
        if (await page.locator(`.pager [rel=${cursor}]`).count() > 0) {
            await page.click(`.pager [rel=${cursor}]`);
            await person.shown();
        }
    }
    for (const [n, text] of payloads.entries()) {
        const issue = issues.get(`Type${n}`);
        if (!issue) {
            ok(false, `payload ${n} has its issue`, [...issues.keys()]);
            continue;
        }
        await api('POST', `issues/${issue.id}/comments/`, { text });
        await person.go(`/errors/issue?id=${issue.id}`);
        // What is folded away is made when it is opened, also within what was folded away.
        for (let depth = 0; depth < 3; depth++) {
            await page.evaluate(() => new Promise((resolve) => {
                document.querySelectorAll('main details').forEach((node) => {
                    node.open = true;
                });
                document.querySelectorAll('main .folded').forEach((node) => node.click());
                requestAnimationFrame(() => setTimeout(resolve));
            }));
        }
        const found = await page.evaluate(foreign);
        const shown = await page.textContent('main');
        const missing = [text].filter((part) => !shown.includes(part));
        for (const tab of ['events', 'tags', 'grouping', 'history', 'feedback']) {
            await page.click(`nav.tabs a[href*="tab=${tab}"]`);
            await person.shown();
            await page.waitForFunction(() => !document.querySelector('.issue-page').textContent.includes('Loading …'));
            found.push(...await page.evaluate(foreign));
            if (['history', 'feedback'].includes(tab) && !(await page.textContent('main')).includes(text)) {
                missing.push(`${tab}: ${text}`);
            }
        }
        ok(found.length === 0 && missing.length === 0, `${text} is a text everywhere`, { found, missing });
    }
    await person.leave();
});
