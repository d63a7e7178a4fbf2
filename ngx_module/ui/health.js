// How a project does beside its issues: releases, transactions, check-ins, and the ledger
// of everything that was sent. Each is one plot and one table.

import { get } from './api.js';
import { el, fill } from './dom.js';
import { linkTo } from './filters.js';
import { counted, exactly, percent } from './number.js';
import { histogram, shares } from './plot.js';
import { frame, table } from './project.js';
import { to } from './router.js';
import { ago, exact } from './time.js';

const spans = { releases: ['24h', '14d', '30d', '90d'], transactions: ['1h', '24h', '7d', '30d'], ledger: ['24h', '7d', '30d', '90d'] };
const share = (value) => (value === null ? '–' : `${value.toFixed(2)} %`);     // it is a percentage
const milliseconds = (value) => (value === null ? '–' : value < 10000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

/** The time that a page is of: links to the others. */
function periods(page, tab, span) {
    return el('p', { class: 'periods' }, spans[tab].map((name) => el('a', {
        href: to('health', { org: page.org, project: page.slug, tab, span: name }), 'aria-current': name === span ? 'true' : null,
    }, name)));
}

const tabs = {
    releases: {
        title: 'Releases', usual: '14d',
        async show(page, span, signal) {
            const [health, releases] = await Promise.all([
                get([...page.path, 'health'], { statsPeriod: span }, signal), get([...page.path, 'releases'], { per_page: 50 }, signal)]);
            const known = new Map(releases.map((release) => [release.version, release]));
            const rows = [...health, ...releases.filter((release) => !health.some((row) => row.release === release.version)).map(({ version }) => ({ release: version, environment: null, silent: true }))];
            return [
                shares('Crash-free sessions by release', health.slice(0, 12).map((row) => [[row.release, row.environment].filter(Boolean).join(' · '), (row.crashFreeSessions ?? 0) / 100, share(row.crashFreeSessions)])),
                table([
                    ['Release', (row) => [el('a', { href: linkTo({ org: page.org, project: page.slug, status: 'all', release: row.release }, {}) }, row.release)]],
                    ['Environment', (row) => row.environment ?? ''],
                    ['Crash-free sessions', (row) => (row.silent ? '' : share(row.crashFreeSessions)), true], ['Sessions', (row) => (row.silent ? '' : exactly(row.sessions)), true],
                    ['Crashed', (row) => (row.silent ? '' : exactly(row.crashed)), true],
                    ['Crash-free users', (row) => (row.silent ? '' : share(row.crashFreeUsers)), true], ['Users', (row) => (row.silent ? '' : exactly(row.users)), true],
                    ['New issues', (row) => exactly(known.get(row.release)?.newGroups ?? 0), true],
                    ['Since', (row) => ago(known.get(row.release)?.dateCreated)],
                    ['Commit', (row) => known.get(row.release)?.lastCommit && el('code', { title: known.get(row.release).lastCommit.message }, known.get(row.release).lastCommit.id.slice(0, 8))],
                ], rows, 'No release was named yet: SDKs send one when they are told it.'),
            ];
        },
    },
    transactions: {
        title: 'Transactions', usual: '24h',
        async show(page, span, signal) {
            const rows = await get([...page.path, 'transactions'], { statsPeriod: span, limit: 200 }, signal);
            const most = Math.max(1, ...rows.map((row) => row.p95 ?? 0));
            return [
                shares('95 of 100 were faster than', rows.slice(0, 12).map((row) => [row.transaction, (row.p95 ?? 0) / most, milliseconds(row.p95)])),
                table([
                    ['Transaction', (row) => row.transaction], ['Operation', (row) => row.op], ['Number', (row) => exactly(row.count), true],
                    ['Failed', (row) => percent(row.failures, row.count), true], ['Mean', (row) => milliseconds(row.mean), true],
                    ['Median', (row) => milliseconds(row.p50), true], ['95 %', (row) => milliseconds(row.p95), true], ['99 %', (row) => milliseconds(row.p99), true],
                ], rows, 'No transaction was sent in this time. SDKs send them when tracing is switched on.'),
            ];
        },
    },
    monitors: {
        title: 'Check-ins',
        async show(page, span, signal, state) {
            const monitors = await get([...page.path, 'monitors'], null, signal);
            const slug = state.get('monitor') ?? monitors[0]?.slug;
            const runs = slug ? await get([...page.path, 'monitors', slug, 'checkins'], null, signal) : [];
            const good = runs.filter((run) => run.status === 'ok').length;
            return [
                slug && shares(`The last ${counted(runs.length, 'run')} of ${slug}`, [['ok', runs.length ? good / runs.length : 0, percent(good, runs.length)], ['not ok', runs.length ? 1 - good / runs.length : 0, percent(runs.length - good, runs.length)]]),
                table([
                    ['Monitor', (row) => el('a', { href: to('health', { org: page.org, project: page.slug, tab: 'monitors', monitor: row.slug }), 'aria-current': row.slug === slug ? 'true' : null }, row.slug)],
                    ['Environment', (row) => row.environment], ['Status', (row) => el('span', { class: `run ${row.status}` }, row.status.replaceAll('_', ' '))],
                    ['Last', (row) => ago(row.lastCheckIn)], ['Took', (row) => milliseconds(row.lastSeconds === null ? null : 1000 * row.lastSeconds), true],
                    ['Next', (row) => (row.nextCheckIn ? [exact(row.nextCheckIn)] : '–')], ['Missed', (row) => exactly(row.missed), true], ['Too long', (row) => exactly(row.timedOut), true],
                ], monitors, 'No job checks in here yet. It does with one request when it ends: see the README.'),
                slug && el('h2', null, `Runs of ${slug}`),
                slug && table([
                    ['Time', (row) => [ago(row.dateCreated), ' ', el('span', { class: 'note' }, exact(row.dateCreated))]], ['Environment', (row) => row.environment],
                    ['Status', (row) => el('span', { class: `run ${row.status}` }, row.status.replaceAll('_', ' '))], ['Took', (row) => milliseconds(row.duration), true],
                ], runs, 'It has not run yet.'),
            ];
        },
    },
    ledger: {
        title: 'Ledger', usual: '24h',
        async show(page, span, signal) {
            const days = Number.parseInt(span, 10) > 24 || span.endsWith('d');
            const since = Math.floor(Date.now() / 1000) - Number.parseInt(span, 10) * (span.endsWith('d') ? 86400 : 3600);
            const [ledger, points] = await Promise.all([
                get([...page.path, 'ledger'], { statsPeriod: span }, signal),
                get([...page.path, 'stats'], { resolution: days ? '1d' : '1h', since }, signal)]);
            const sum = ledger.items.reduce((all, { items }) => all + items, 0);
            return [
                histogram(`Events stored, by ${days ? 'day' : 'hour'}`, points, days ? 86400 : 3600),
                el('h2', null, 'What became of each item'),
                table([['Category', (row) => row.category], ['Outcome', (row) => row.outcome], ['Reason', (row) => row.reason || '–'], ['Items', (row) => exactly(row.items), true], ['Share', (row) => percent(row.items, sum), true]],
                    ledger.items, 'Nothing came in this time.'),
                el('h2', null, 'Requests'),
                table([['Outcome', (row) => row.outcome], ['Reason', (row) => row.reason || '–'], ['Requests', (row) => exactly(row.requests), true]], ledger.requests, 'Nothing was asked in this time.'),
                ledger.notSent.length > 0 && [el('h2', null, 'What SDKs say they did not send'),
                    table([['Category', (row) => row.category], ['Reason', (row) => row.reason], ['Items', (row) => exactly(row.items), true]], ledger.notSent, '')],
                el('p', { class: 'note' }, 'Each item that came in an accepted request has exactly one outcome. From ', exact(ledger.start), ' to ', exact(ledger.end), '.'),
            ];
        },
    },
};

export async function show(context) {
    const { state, signal } = context;
    const name = Object.hasOwn(tabs, state.get('tab') ?? '') ? state.get('tab') : 'releases';
    const tab = tabs[name];
    const page = frame(context, 'health', name, tab.title);
    if (!page) {
        return;
    }
    const span = spans[name]?.includes(state.get('span')) ? state.get('span') : tab.usual;
    const content = await tab.show(page, span, signal, state);
    if (!signal.aborted) {
        fill(page.place, spans[name] && periods(page, name, span), content);
    }
}
