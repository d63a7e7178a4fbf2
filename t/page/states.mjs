// What the page shows when there is nothing to show: no session, no right, no such thing, a
// server that is slow, in trouble or gone. And that it goes on by itself.

import { act, api, eventually, exception, is, ok, Person, report, script } from './person.mjs';

const main = (page) => page.textContent('main');

await script(async () => {
    await report(exception('PaymentError', 'card was refused'));
    const [issue] = await eventually(async () => {
        const { json } = await api('GET', 'organizations/acme/issues/');
        return json.length > 0 && json;
    }, 'there is an issue');
    const person = await Person.open();
    const { page } = person;

    // ---- who may not ----
    await person.signIn('/errors/', process.env.PAGE_READER);
    is(await person.titles(), ['PaymentError'], 'a reporter sees issues');
    await person.go(`/errors/issue?id=${issue.id}`);
    ok(await page.getByRole('button', { name: 'Resolve' }).isDisabled(), 'but no way to change them');
    await page.keyboard.press('r');
    await page.getByText('Your role reads only').waitFor();
    ok(true, '... not by a key either, and is told why');
    await person.go('/errors/settings?tab=keys');
    ok(await page.getByRole('button', { name: 'New key' }).isDisabled(), 'nor settings');
    await person.go('/errors/issue?id=777777');
    ok((await main(page)).includes('Not found'), 'an issue that is not there is said not to be');
    await person.go('/errors/nowhere');
    ok((await main(page)).includes('Not found'), '... and a page');

    // ---- a session that ends ----
    await person.go(`/errors/issue?id=${issue.id}`);
    await act('forget');
    await page.getByRole('link', { name: 'History', exact: true }).click();
    await page.getByLabel('Token').fill(process.env.PAGE_TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await eventually(async () => (await main(page)).includes('First seen'), 'whose session has ended signs in again, and is where they were');

    // ---- slow ----
    await act('lock');
    await page.goto(`${process.env.PAGE_URL}/errors/`);
    await page.waitForSelector('tr.issue.waiting');
    const before = await page.locator('table.issues thead').boundingBox();
    ok(await page.evaluate(() => document.body.classList.contains('asking') && document.getElementById('page').ariaBusy === 'true'), 'a slow answer is waited for visibly');
    await act('unlock');
    await page.waitForSelector('tr.issue:not(.waiting)');
    is(await page.locator('table.issues thead').boundingBox(), before, 'nothing moves when it comes');

    // ---- in trouble ----
    await act('stop');
    await page.getByRole('link', { name: 'Resolved', exact: true }).click();
    await eventually(async () => (await main(page)).includes('No answer'), 'a server in trouble is said to be', 30000);
    ok((await main(page)).includes('Nothing is lost'), '... and that nothing is lost');
    await act('start');
    await eventually(async () => (await main(page)).includes('Nothing here'), 'the page goes on by itself when the server does', 90000);

    // ---- an action that fails ----
    await person.go('/errors/');
    await act('stop');
    await page.keyboard.press('j');
    await page.keyboard.press('r');
    await page.getByText('could not be changed').waitFor({ timeout: 30000 });
    is(await person.titles(), ['PaymentError'], 'an issue that could not be changed is back in the list, and that is told');
    await act('start');

    // ---- gone ----
    await act('end');
    await page.getByRole('link', { name: 'All', exact: true }).click();
    await eventually(async () => (await main(page)).includes('cannot be reached'), 'a server that is gone is said to be');
    await act('begin');
    await page.getByRole('button', { name: 'Try now' }).click();
    await eventually(async () => (await person.titles()).length === 1, 'trying again shows the list');
    await person.leave();
});
