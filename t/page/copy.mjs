// What is copied from the page runs elsewhere: the test is handed each text and runs it.

import { writeFileSync } from 'node:fs';
import { act, api, eventually, exception, ok, Person, report, script } from './person.mjs';

await script(async () => {
    await report(exception("Payment'Error", 'card was refused', { release: "shop@1'0", tags: { browser: 'Firefox' } }));
    const [issue] = await eventually(async () => {
        const { json } = await api('GET', 'organizations/acme/issues/');
        return json.length > 0 && json;
    }, 'there is an issue');
    const person = await Person.open({ permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = person;
    await person.signIn();
    for (const [address, trigger, how] of [
        ["/errors/?status=all&query=browser%3AFirefox&seen=24h", 'Copy', 'This list as curl'], ["/errors/?project=shop&release=shop%401'0&environment=&environment=production&seen=24h", 'Copy', 'This list as SQL'],
        [`/errors/issue?id=${issue.id}`, 'More', 'Copy as curl'], [`/errors/issue?id=${issue.id}`, 'More', 'Copy as SQL']]) {
        await person.go(address);
        await page.getByRole('button', { name: trigger }).last().click();
        await page.getByRole('button', { name: how }).click();
        await page.getByText(/^Copied/).waitFor();
        const text = await page.evaluate(() => navigator.clipboard.readText());
        ok(text.length > 0, `${how}: a text is on the clipboard`);
        writeFileSync(process.env.PAGE_COPIED, text);
        await act(how.endsWith('SQL') ? 'sql' : 'curl');
    }
    await page.getByRole('button', { name: 'copy', exact: true }).click();
    await page.getByText('Copied the stack trace.').waitFor();
    const trace = await page.evaluate(() => navigator.clipboard.readText());
    ok(trace.startsWith("Payment'Error: card was refused\n    at charge_Payment'Error (pay.py:30)\n    at retry (lib/retry.py:25)"), 'a stack trace is copied as text, with all its frames', trace);
    await person.leave();
});
