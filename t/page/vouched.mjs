// Who the server vouches for does not sign in, and does as a person who has.

import { eventually, exception, is, ok, Person, report, script } from './person.mjs';

await script(async () => {
    await report(exception('PaymentError', 'card was refused'));
    const person = await Person.open({ httpCredentials: { username: 'ann@example.com', password: 'secret' } });
    const { page } = person;
    await eventually(async () => {
        await person.go('/errors/');
        return (await person.titles()).length === 1;
    }, 'whom the server vouches for sees the list at once');
    await page.keyboard.press('j');
    await page.keyboard.press('r');
    await page.getByText('Resolved SHOP-1').waitFor();
    await person.go('/errors/?status=resolved');
    is(await person.titles(), ['PaymentError'], '... and changes issues');
    await page.getByRole('button', { name: /^Account of/ }).click();
    is(await page.getByRole('button', { name: 'Sign out' }).count(), 0, 'there is nothing to sign out of');
    await page.keyboard.press('Escape');
    await person.go('/errors/account');
    ok((await page.textContent('main')).includes('the server vouches for you'), 'the account says so');
    await person.leave();
});
