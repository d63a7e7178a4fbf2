// What an application does with the unmodified Node.js SDK, from 7 on.
//
//     node client.js DIR report|exception|message|serve
//
// report sends one of each item, serve what it is told line by line. DIR has the SDK.

const { createRequire } = require('module');
const { randomBytes } = require('crypto');
const readline = require('readline');

const [dir, mode] = process.argv.slice(2);
const load = createRequire(`${dir}/`);
const Sentry = load('@sentry/node');
const old = !Sentry.startSpan;

function charge(amount) {
    throw new RangeError(`amount ${amount} is out of range`);
}

function checkout() {
    try {
        charge(-1);
    } catch (error) {
        throw new Error('checkout failed', { cause: error });
    }
}

// Not by the console, of which the SDK makes breadcrumbs.
const print = value => process.stdout.write(`${JSON.stringify(value)}\n`);
const say = (item, more = {}) => print({ item, ...more });
const sent = (item, id) => say(item, { event_id: id });

// The session of the process is left out: here there is one around an error, and one that
// ends well.
const sessions = old ? Sentry.getCurrentHub() : Sentry;

async function exception() {
    sessions.startSession();
    try {
        checkout();
    } catch (error) {
        sent('exception', Sentry.captureException(error));
    }
    await Sentry.flush(10000);
    sessions.endSession();
}

function message() {
    sessions.startSession();
    sent('message', Sentry.captureMessage('the cache is cold', 'warning'));
    sessions.endSession();
}

function fingerprint() {
    Sentry.withScope(scope => {
        scope.setFingerprint(['payment-provider']);
        for (const number of [1, 2]) {
            sent('fingerprint', Sentry.captureMessage(`payment provider ${number} is away`));
        }
    });
}

function attachment() {
    Sentry.withScope(scope => {
        scope.addAttachment({ filename: 'note.txt', data: 'kept with the event', contentType: 'text/plain' });
        sent('attachment', Sentry.captureMessage('with a note'));
    });
}

function feedback(event) {
    if (!Sentry.captureFeedback) {
        say('feedback', { offered: false, why: 'the SDK for servers has no call for it' });
        return;
    }
    Sentry.captureFeedback({ name: 'Ada', email: 'ada@example.com', message: 'it broke', associatedEventId: event });
    say('feedback');
}

function checkIn() {
    if (!Sentry.captureCheckIn) {
        say('check_in', { offered: false, why: 'the SDK has no check-ins' });
        return;
    }
    const checkInId = Sentry.captureCheckIn({ monitorSlug: 'nightly', status: 'in_progress' });
    Sentry.captureCheckIn({ monitorSlug: 'nightly', status: 'ok', checkInId, duration: 3 });
    say('check_in');
}

function transaction() {
    const root = { name: 'GET /checkout', op: 'http.server' };
    if (old) {
        const span = Sentry.startTransaction(root);
        span.startChild({ op: 'db' }).finish();
        span.finish();
    } else {
        Sentry.startSpan(root, () => Sentry.startSpan({ name: 'select', op: 'db' }, () => {}));
    }
    say('transaction');
}

async function report() {
    await exception();
    const event = Sentry.lastEventId();
    message();
    fingerprint();
    attachment();
    feedback(event);
    checkIn();
    transaction();
    say('session');
}

async function serve() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const told = JSON.parse(line);
        Sentry.withScope(scope => {
            if (told.bytes) {
                scope.setExtra('large', randomBytes(told.bytes / 2).toString('hex'));
            }
            Sentry.captureMessage(told.message);
        });
        await Sentry.flush(10000);
        print({ done: told.message });
    }
}

if (old) {
    load('@sentry/tracing').addExtensionMethods?.();
}
Sentry.init({
    dsn: process.env.ERRTRACK_DSN,
    release: 'shop@1.0.0',
    environment: 'production',
    tracesSampleRate: 1.0,
    autoSessionTracking: false,
    integrations: defaults => defaults.filter(one => one.name !== 'ProcessSession'),
});
Sentry.setUser({ id: '17', email: 'ada@example.com' });
Sentry.setTag('tier', 'gold');
Sentry.setContext('order', { id: 42 });
Sentry.addBreadcrumb({ category: 'cart', message: 'item added' });
const modes = { report, exception, message, serve };
Promise.resolve(modes[mode]()).then(() => Sentry.flush(10000)).then(well => process.exit(well ? 0 : 1));
