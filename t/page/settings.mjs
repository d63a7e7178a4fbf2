// A maintainer's way: a project, its keys and their rotation, what it takes and scrubs, rules
// of grouping tried before they hold, whom it tells, people, a token.

import { api, dsn, eventually, exception, is, ok, Person, report, script, url } from './person.mjs';

const main = (page) => page.textContent('main');
const settings = async (project = 'shop') => (await api('GET', `projects/acme/${project}/`)).json;

/** How a report with a key is answered. */
async function answered(key) {
    const answer = await fetch(`${url}/api${dsn.pathname}/store/`, { method: 'POST', body: JSON.stringify({ message: 'x' }), headers: { 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${key}` } });
    await answer.text();
    return answer.status;
}

await script(async () => {
    await report(exception('PaymentError', 'card was refused'));
    await eventually(async () => (await api('GET', 'organizations/acme/issues/')).json.length === 1, 'there is an issue');
    const person = await Person.open();
    const { page } = person;
    const dialog = page.locator('dialog');
    const open = (tab) => person.go(`/errors/settings?org=acme&project=shop&tab=${tab}`);
    const save = async () => {
        await page.evaluate(() => document.getElementById('told').replaceChildren());
        await page.getByRole('button', { name: 'Save' }).click();
        await page.getByText('Saved.').waitFor();
    };
    await person.signIn('/errors/projects');

    // ---- a project ----
    await page.getByRole('button', { name: 'New project' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Blog');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Blog waits for its first event').waitFor();
    for (const language of ['Python', 'Node.js', 'Go', 'Java', 'PHP', 'Ruby', 'Rust']) {
        await page.getByRole('tab', { name: language }).click();
        ok(/glet_[0-9a-f]{32}@/.test(await page.locator('.snippet').last().textContent()), `a new project shows how ${language} reports to it`);
    }
    const blog = new URL((await page.locator('.snippet').first().textContent()).replace(/Copy$/, ''));
    await eventually(async () => (await fetch(`${url}/api${blog.pathname}/store/`, { method: 'POST', body: JSON.stringify({ message: 'the first one' }), headers: { 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${blog.username}` } })).ok, 'its DSN is good');
    await eventually(async () => (await person.titles()).includes('the first one'), 'what was reported is shown by itself');

    // ---- keys ----
    await open('keys');
    await page.getByRole('button', { name: 'Rotate' }).click();
    await dialog.getByRole('button', { name: 'Make the new key' }).click();
    await eventually(async () => await page.getByRole('button', { name: 'Disable' }).count() === 2, 'a rotated key has a new one beside it');
    const keys = (await api('GET', 'projects/acme/shop/keys/')).json;
    const fresh = keys.find((key) => key.public !== dsn.username).public;
    await eventually(async () => await answered(fresh) === 200, 'the new one is taken');
    is(await answered(dsn.username), 200, '... and so is the old one');
    await page.locator('section.part', { hasText: dsn.username }).getByRole('button', { name: 'Disable' }).click();
    await eventually(async () => await answered(dsn.username) === 403, 'until it is disabled');
    is(await answered(fresh), 200, '... when the new one goes on');
    await page.locator('section.part', { hasText: dsn.username }).getByRole('button', { name: 'Enable' }).click();
    await page.locator('section.part', { hasText: fresh }).getByRole('button', { name: 'Rate limit' }).click();
    await page.getByLabel('Errors and the like').fill('1');
    await page.getByLabel('in so many seconds').fill('3600');
    await dialog.getByRole('button', { name: 'Set' }).click();
    await eventually(async () => await answered(fresh) === 429, 'a key is limited');

    // ---- what it is and takes ----
    await open('general');
    await page.getByLabel('Days that events are kept').fill('7');
    await save();
    is((await settings()).retentionDays, 7, 'the retention is set');
    await open('filters');
    await page.getByLabel('crawlers').check();
    await page.getByLabel('Messages').fill('*noise*');
    await page.getByLabel('transaction: how many').fill('1000');
    await save();
    const { filters, options, quotas } = await settings();
    is([filters.agents, options['filters:error_messages'], quotas.transaction], [['crawlers'], '*noise*', { count: 1000, window: 3600 }], 'filters and quotas are set');
    await page.getByLabel('Addresses').fill('300.1.1.1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('form [role=alert]').waitFor();
    ok((await page.locator('form [role=alert]').textContent()).includes('300.1.1.1'), 'what is wrong is named, and the form stays as it was filled in');
    is(await page.getByLabel('Messages').inputValue(), '*noise*', '... all of it');
    await open('privacy');
    await page.getByLabel('Further names whose values are secret').fill('order_code');
    await save();
    is((await settings()).sensitiveFields, ['order_code'], 'a name that is secret is set');

    // ---- grouping ----
    await open('grouping');
    await page.getByLabel('Fingerprint rules').fill('error.type:PaymentError -> payments');
    await page.getByRole('button', { name: /^Try on/ }).click();
    await page.getByText('1 event of').waitFor({ timeout: 30000 });
    ok((await main(page)).includes('1 to a new issue'), 'a rule is tried: what it would split is told');
    is((await settings()).fingerprintingRules, '', '... and nothing was changed');
    await save();
    await page.getByLabel('Fingerprint rules').fill('error.type -> x');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('line 1').waitFor();
    ok(true, 'a rule that is none is named by its line');

    // ---- whom it tells ----
    await open('channels');
    await page.getByRole('button', { name: 'New channel' }).click();
    await page.getByLabel('Kind').selectOption('webhook');
    await page.getByLabel('Name', { exact: true }).fill('own');
    await page.getByLabel('Address').fill(process.env.PAGE_HOOK);
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('button', { name: 'Test' }).click();
    await page.getByText('It arrived.').waitFor({ timeout: 30000 });
    ok(true, 'a channel is made, and a test of it arrives');
    ok(!(await page.content()).includes('secret-of-the-hook'), 'its address is not shown again');
    await open('alerts');
    ok((await main(page)).includes('hold without any setting'), 'rules that hold without any setting are shown');
    await page.getByRole('button', { name: 'New rule' }).click();
    await page.getByLabel('Tells of').selectOption('frequency');
    await page.getByLabel('Name', { exact: true }).fill('often');
    await page.getByLabel('Events', { exact: true }).fill('500');
    await page.getByLabel('Minutes', { exact: true }).fill('60');
    await page.getByLabel('fatal').check();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await eventually(async () => /often.*500 events · in 60 min · again after 1440 min · fatal/.test(await main(page)), 'a rule is made');
    await open('messages');
    ok((await main(page)).includes('own'), 'messages that were sent are listed');
    await open('trackers');
    await page.getByRole('button', { name: 'New tracker' }).click();
    await page.getByLabel('Address of the project').fill(`${new URL(process.env.PAGE_HOOK).origin}/acme/shop`);
    await page.getByLabel('Token').fill('glpat-secret-of-the-tracker');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await eventually(async () => (await main(page)).includes('closes it when the error is resolved'), 'a tracker is set, and what it does is told');
    await page.getByRole('button', { name: 'Test' }).click();
    await eventually(async () => (await page.locator('section [role=status]').textContent()).startsWith('GitLab at 127.0.0.1'), 'a test of it asks there, and says what is wrong', 30000);

    // ---- people and tokens ----
    await open('people');
    await page.getByRole('button', { name: 'Add somebody' }).click();
    await page.getByLabel('E-mail address').fill('bob@example.com');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await page.getByLabel('Role of bob@example.com').waitFor();
    await page.getByLabel('Role of bob@example.com').selectOption('maintainer');
    await eventually(async () => (await api('GET', 'organizations/acme/members/')).json.some(({ email, orgRole }) => email === 'bob@example.com' && orgRole === 'maintainer'), 'somebody is added, and given another role');
    await person.go('/errors/account');
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByLabel('Name', { exact: true }).fill('ci');
    await dialog.getByRole('checkbox', { name: /^project:releases/ }).check();
    await dialog.getByRole('button', { name: 'Make' }).click();
    await page.getByText('It is shown this once').waitFor();
    const token = (await dialog.locator('.snippet code').textContent()).trim();
    is((await fetch(`${url}/api/0/organizations/acme/releases/`, { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ version: '1', projects: ['shop'] }) })).status, 201, 'a token is made, which works');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
    ok(!(await page.content()).includes(token), '... and is not shown again');

    // ---- and the end of it ----
    await person.go('/errors/settings?org=acme&project=blog&tab=general');
    await page.getByRole('button', { name: 'Delete the project …' }).click();
    await page.getByLabel('Its slug').fill('shop');
    await dialog.getByRole('button', { name: 'Delete for good' }).click();
    await page.getByText('That is not its slug').waitFor();
    await page.getByLabel('Its slug').fill('blog');
    await dialog.getByRole('button', { name: 'Delete for good' }).click();
    await eventually(async () => (await api('GET', 'projects/')).json.every(({ slug }) => slug !== 'blog'), 'a project is deleted, once its slug was typed');
    await person.leave();
});
