// A person's whole way: sign in, find, open, read, resolve, see it come back, ignore, act on
// many, turn pages.

import { api, eventually, exception, is, ok, Person, report, script } from './person.mjs';

const issues = async () => (await api('GET', 'organizations/acme/issues/?query=&limit=100')).json;

await script(async () => {
    const paid = await report(exception('PaymentError', 'card was refused', { release: 'shop@1.0.0', environment: 'production', tags: { browser: 'Firefox' }, user: { id: '7', email: 'ann@example.com' } }));
    await report(exception('StockError', 'nothing left', { release: 'shop@1.0.0', environment: 'staging', tags: { browser: 'Chrome' } }));
    for (let n = 1; n <= 30; n++) {
        await report({ message: `report ${String.fromCharCode(96 + n % 26)}${'x'.repeat(n)} failed`, level: 'warning' });
    }
    await eventually(async () => (await issues()).length === 32, 'what was reported is there');

    const person = await Person.open();
    const { page } = person;
    await page.goto(`${process.env.PAGE_URL}/errors/?query=PaymentError`);
    await page.getByLabel('Token').fill('ett_nothing');
    await page.keyboard.press('Enter');
    await page.getByText('No token of a person is like this').waitFor();
    ok(true, 'a wrong token is said to be wrong');
    await page.getByLabel('Token').fill(process.env.PAGE_TOKEN);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#head nav');
    await person.shown();
    is(await person.titles(), ['PaymentError'], 'signing in leads to where the address leads');
    ok(!page.url().includes('ett_') && (await page.context().cookies()).every((cookie) => cookie.httpOnly), 'the token is not in the address, and the cookie not for scripts');

    // ---- find ----
    await person.go('/errors/');
    is((await person.titles()).length, 25, 'a page has 25 issues');
    await page.keyboard.press('/');
    await page.keyboard.type('browser:Chrome');
    await page.keyboard.press('Enter');
    await person.shown();
    is(await person.titles(), ['StockError'], 'a search by tag finds');
    ok(page.url().includes('query=browser%3AChrome'), '... and is in the address');
    await page.goBack();
    await eventually(async () => (await person.titles()).length === 25, 'going back shows the list as it was');
    await page.getByRole('button', { name: 'All environments' }).click();
    await page.getByRole('checkbox', { name: 'staging' }).check();
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await person.shown();
    is(await person.titles(), ['StockError'], 'an environment is picked');
    await person.go('/errors/?query=nothing-is-like-this');
    await page.getByText('Nothing matches').waitFor();
    ok(true, 'a search that finds nothing says so');
    await person.go('/errors/?query=is%3Awrong');
    ok((await page.textContent('#page')).includes('is:'), 'a search that is wrong says what is', await page.textContent('#page'));
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('StockError');
    await page.keyboard.press('Enter');
    await person.shown();
    is(await person.titles(), ['StockError'], '... and is mended where it stands');

    // ---- pages ----
    await person.go('/errors/?sort=new');
    const first = await person.titles();
    await page.keyboard.press(']');
    await eventually(async () => (await person.titles()).length === 7, 'the next page has the rest');
    await page.keyboard.press('[');
    await eventually(async () => JSON.stringify(await person.titles()) === JSON.stringify(first), 'and the one before is the same again');

    // ---- open and read ----
    await person.go('/errors/?query=PaymentError');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.issue-head');
    await person.shown();
    is(await page.textContent('h1'), 'PaymentError card was refused', 'an issue is opened by keys');
    ok((await page.textContent('.source .failing')).includes('raise PaymentError()  # charge_PaymentError'), 'the line that failed is marked');
    ok(await page.locator('.folded').count() === 1, 'frames of libraries are folded');
    await page.locator('.folded').click();
    ok((await page.textContent('.frames')).includes('lib/retry.py'), '... and shown when asked for');
    await page.locator('.locals summary').first().click();
    await eventually(async () => (await page.locator('.locals').first().textContent()).includes("'A-30'"), 'variables are shown when asked for');
    await page.getByRole('button', { name: 'newest first' }).click();
    ok((await page.locator('.frames .name').first().textContent()).includes('app.py'), 'the order of frames is turned over');
    await page.getByRole('button', { name: 'oldest first' }).click();
    for (const [tab, text] of [['All events', 'PaymentError: card was refused'], ['Tags', 'Firefox'], ['Grouping', 'Why this event is here'], ['History', 'First seen'], ['Feedback', 'Nobody wrote']]) {
        await page.getByRole('link', { name: tab, exact: true }).click();
        await eventually(async () => (await page.textContent('.issue-page')).includes(text), `${tab} tells of it`);
    }

    // ---- resolve, and back ----
    await page.getByRole('link', { name: 'Event', exact: true }).click();
    await person.shown();
    await page.keyboard.press('r');
    await eventually(async () => (await page.textContent('.status')).includes('Resolved by admin@example.com'), 'it is resolved, and by whom is said');
    await report(exception('PaymentError', 'card was refused', { release: 'shop@1.0.1' }));
    await eventually(async () => {
        await page.reload();
        await person.shown();
        return (await page.textContent('.status')).includes('happened again');
    }, 'a new event brings it back, and the page says so');
    is(await page.textContent('.mark.regressed'), 'regressed', '... with a mark');
    await page.getByText('‹ Previous').click();
    await person.shown();
    ok((await page.textContent('.event-nav')).includes('Newest'), 'the event before is reached');
    await page.keyboard.press(']');
    await person.shown();
    await page.getByLabel('Go to an event by its id').fill(paid);
    await page.keyboard.press('Enter');
    await eventually(async () => (await page.textContent('.event-nav')).includes(paid.slice(0, 8)), 'an event is reached by its id');

    // ---- ignore ----
    await page.getByRole('button', { name: 'Ignore' }).click();
    await page.getByRole('button', { name: 'Until more events …' }).click();
    await page.getByLabel('Further events').fill('2');
    await page.locator('dialog').getByRole('button', { name: 'Ignore' }).click();
    await eventually(async () => /Ignored until it happened 2 more times/.test(await page.textContent('.status')), 'it is ignored until more events, and that is said');
    ok(!await page.isVisible('.mark.regressed'), '... without the mark');
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => !(await page.textContent('.status')).includes('Ignored'), 'which is taken back');

    // ---- many at once ----
    await person.go('/errors/?query=level%3Awarning');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('2 ticked').waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Ignore' }).click();
    await page.getByRole('button', { name: 'For ever' }).click();
    await eventually(async () => (await person.titles()).length === 23, 'ticked issues are gone from the list at once');
    await eventually(async () => (await issues()).filter(({ status }) => status === 'ignored').length === 2, '... and ignored');
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => (await issues()).filter(({ status }) => status === 'ignored').length === 0, 'undo brings them back');
    await eventually(async () => (await person.titles()).length === 25, '... to where they were');
    await page.getByLabel('Tick all on this page').check();
    await page.getByRole('toolbar').getByRole('button', { name: 'Ignore' }).click();
    await page.getByRole('button', { name: 'For ever' }).click();
    await eventually(async () => (await person.titles()).length === 5, 'when nothing of a page is left, the next one takes its place');
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await eventually(async () => (await person.titles()).length === 25, '... and undo brings back what was there');
    await person.shown();
    await page.getByLabel('Tick all on this page').check();
    await page.getByRole('button', { name: 'All that match …' }).click();
    await page.getByText('All 30 that match').waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Resolve' }).click();
    await page.getByRole('button', { name: 'Resolve now' }).click();
    is((await issues()).filter(({ status }) => status === 'resolved').length, 0, 'a whole search is not changed by one click');
    await page.getByRole('button', { name: 'Resolve 30' }).click();
    await eventually(async () => (await issues()).filter(({ status }) => status === 'resolved').length === 30, 'a second one, with the count, changes all that match');
    await eventually(async () => (await page.textContent('#page')).includes('Nothing matches'), '... and the list is empty then');

    // ---- from issue to issue ----
    await person.go('/errors/?sort=new&status=all&query=level%3Awarning');
    const order = await person.titles();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const isAt = (title) => eventually(async () => (await page.textContent('h1')).trim() === title, `an issue is shown: ${title}`);
    await isAt(order[1]);
    await person.shown();
    await page.keyboard.press('j');
    await isAt(order[2]);
    await page.goBack();
    await page.waitForSelector('tr.issue.here');
    is((await page.locator('tr.issue.here a.title').textContent()).trim(), order[2], 'back in the list one is where one was');

    // ---- assign ----
    await page.locator('tr.issue input').first().check();
    await page.getByRole('toolbar').getByRole('button', { name: 'Assign' }).click();
    await page.getByRole('button', { name: 'Me', exact: true }).click();
    await eventually(async () => (await issues()).filter(({ assignedTo }) => assignedTo?.email === 'admin@example.com').length === 1, 'what is ticked is assigned');

    // ---- comment, merge, delete ----
    await person.go('/errors/?sort=new&status=all&query=level%3Aerror');
    await page.getByLabel('Tick all on this page').check();
    await page.getByRole('button', { name: 'Merge' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Merge' }).click();
    await eventually(async () => (await person.titles()).length === 1, 'two issues become one');
    await page.locator('tr.issue .title').click();
    await page.waitForSelector('.issue-head');
    await page.getByRole('link', { name: 'Grouping', exact: true }).click();
    await page.getByRole('button', { name: 'Take apart' }).first().click();
    await page.locator('dialog').getByRole('button', { name: 'Take apart' }).click();
    await eventually(async () => (await issues()).filter(({ level }) => level === 'error').length === 2, 'and are taken apart again');
    await page.getByRole('link', { name: 'History', exact: true }).click();
    await page.getByLabel('Comment').fill('<b>seen</b> after the deploy');
    await page.getByRole('button', { name: 'Comment' }).click();
    await eventually(async () => (await page.textContent('.comment')).includes('<b>seen</b> after the deploy'), 'a comment is kept as it was written');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('button', { name: 'Delete …' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await eventually(async () => (await issues()).filter(({ level }) => level === 'error').length === 1, 'an issue is deleted');

    // ---- and out ----
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    is((await page.context().cookies()).length, 0, 'signing out leaves no session behind');
    await person.leave();
});
