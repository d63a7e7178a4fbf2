// A person with a browser: what every script of this folder begins with. Each check is a
// line that ErrTrack::Page reads. What the page does wrong by itself (an error that nobody
// catches, something that its policy refuses) fails the script, whatever it looks at.

import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const libraries = createRequire(`${process.env.PAGE_LIBRARIES}/`);
const { chromium } = libraries('playwright-core');

export const url = process.env.PAGE_URL;
export const dsn = new URL(process.env.PAGE_DSN);
export const token = process.env.PAGE_TOKEN;

export function ok(good, label, why) {
    console.log(`${good ? 'ok' : 'not ok'} - ${label.replace(/\s+/g, ' ')}`);
    if (!good && why !== undefined) {
        console.log(`    ${typeof why === 'string' ? why : JSON.stringify(why)}`);
    }
}

export const is = (got, wanted, label) => ok(JSON.stringify(got) === JSON.stringify(wanted), label, { got, wanted });

/** A check that passes as soon as the function gives something true; it fails after the time. */
export async function eventually(condition, label, most = 15000) {
    const end = Date.now() + most;
    let value;
    let error;
    do {
        try {
            value = await condition();
            error = undefined;
        } catch (caught) {
            error = caught;
        }
        if (value) {
            break;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    } while (Date.now() < end);
    ok(Boolean(value), label, error?.message);
    return value;
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test to do something to the server, and waits until it is done. */
export async function act(name) {
    console.log(`act ${name}`);
    await answers.next();
}

/** Reports an event, as an SDK does. */
export async function report(event) {
    const body = { event_id: randomUUID().replaceAll('-', ''), timestamp: Date.now() / 1000, platform: 'python', level: 'error', ...event };
    const answer = await fetch(`${url}/api${dsn.pathname}/store/`, {
        method: 'POST', body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${dsn.username}` },
    });
    if (!answer.ok) {
        throw new Error(`the event was answered ${answer.status}: ${await answer.text()}`);
    }
    return body.event_id;
}

/** An exception with a stack trace of the application and of a library. */
export function exception(type, value, more) {
    const frame = (filename, name, lineno, in_app) => ({
        filename, function: name, module: filename.replace(/\.py$/, ''), lineno, in_app, vars: { order: `'A-${lineno}'` },
        pre_context: ['def before():', '    pass', ''], context_line: `    raise ${type}()  # ${name}`, post_context: ['', 'after()'],
    });
    return {
        exception: { values: [{ type, value, stacktrace: { frames: [
            frame('app.py', 'main', 10, true), frame('lib/http.py', 'send', 20, false), frame('lib/retry.py', 'retry', 25, false), frame('pay.py', `charge_${type}`, 30, true)] } }] },
        ...more,
    };
}

/** Asks the API as an administrator. */
export async function api(method, path, body) {
    const answer = await fetch(`${url}/api/0/${path}`, { method, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
    return { status: answer.status, json: await answer.json().catch(() => null) };
}

export class Person {
    static async open({ width = 1280, height = 860, scheme = 'light', ...more } = {}) {
        const person = new Person();
        person.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: [
            ...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
        person.context = await person.browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: 'en-GB', timezoneId: 'UTC', ...more });
        person.page = await person.context.newPage();
        person.page.setDefaultTimeout(15000);
        person.wrong = [];
        person.refused = [];
        person.page.on('pageerror', (error) => person.wrong.push(error.stack));
        person.page.on('dialog', (dialog) => {
            person.wrong.push(`a dialog was opened: ${dialog.message()}`);
            dialog.dismiss();
        });
        // How far what is shown has moved by itself, as browsers count it: each address anew.
        await person.page.addInitScript(() => {
            window.moved = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
                window.moved += entry.hadRecentInput ? 0 : entry.value;
            })).observe({ type: 'layout-shift', buffered: true });
        });
        await person.page.exposeFunction('wasRefused', (what) => person.refused.push(what));
        await person.page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) =>
            window.wasRefused(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
        return person;
    }

    /** Goes to an address of the page, and waits until it is shown. */
    async go(path) {
        await this.page.goto(url + path);
        await this.shown();
    }

    /** Waits until what was asked for is there. */
    async shown() {
        await this.page.waitForSelector('#page:not([aria-busy])');
        await this.page.waitForFunction(() => !document.body.classList.contains('asking'));
    }

    async signIn(path = '/errors/', as = token) {
        await this.page.goto(url + path);
        await this.page.getByLabel('Token').fill(as);
        await this.page.getByRole('button', { name: 'Sign in' }).click();
        await this.page.waitForSelector('#head nav');
        await this.shown();
    }

    /** The titles of the issues that the list shows. */
    async titles() {
        return this.page.locator('tr.issue:not(.waiting) .title strong').allTextContents();
    }

    async picture(name) {
        await this.page.screenshot({ path: `${process.env.PAGE_PICTURES}/${name}.png`, fullPage: true });
    }

    /** Leaves. Nothing may have gone wrong by itself. */
    async leave() {
        await this.browser.close();
        is(this.wrong, [], 'nothing on the page failed by itself');
        is(this.refused, [], 'the policy of the page refused nothing');
    }
}

/** Runs a script to its end. */
export async function script(body) {
    try {
        await body();
        console.log('end');
        process.exit(0);
    } catch (error) {
        console.log(`not ok - ${error.message.split('\n', 1)[0]}`);
        console.log(error.stack);
        process.exit(1);
    }
}
