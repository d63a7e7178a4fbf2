// What a page does with the unmodified SDK for browsers, from 7 on. drive.mjs calls it.

/* global Sentry */
/* exported start, good, bad, tell */

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

function start({ dsn, tunnel }) {
    if (old) {
        Sentry.addExtensionMethods();
    }
    Sentry.init({ dsn, tunnel, release: 'shop@1.0.0', environment: 'production', tracesSampleRate: 1.0 });
    Sentry.setUser({ id: '17', email: 'ada@example.com' });
    Sentry.setTag('tier', 'gold');
    Sentry.setContext('order', { id: 42 });
    Sentry.addBreadcrumb({ category: 'cart', message: 'item added' });
}

async function good() {
    const said = [{ item: 'message', event_id: Sentry.captureMessage('the cache is cold', 'warning') }];
    Sentry.withScope((scope) => {
        scope.setFingerprint(['payment-provider']);
        for (const number of [1, 2]) {
            said.push({ item: 'fingerprint', event_id: Sentry.captureMessage(`payment provider ${number} is away`) });
        }
    });
    Sentry.withScope((scope) => {
        scope.addAttachment({ filename: 'note.txt', data: 'kept with the event', contentType: 'text/plain' });
        said.push({ item: 'attachment', event_id: Sentry.captureMessage('with a note') });
    });
    const root = { name: 'GET /checkout', op: 'http.server' };
    if (old) {
        const span = Sentry.startTransaction(root);
        span.startChild({ op: 'http.client' }).finish();
        span.finish();
    } else {
        Sentry.startSpan(root, () => Sentry.startSpan({ name: 'GET /stock', op: 'http.client' }, () => {}));
    }
    said.push({ item: 'transaction' }, { item: 'session' });
    said.push({ item: 'check_in', offered: false, why: 'the SDK for browsers has no check-ins' });
    await Sentry.flush(10000);
    return said;
}

async function bad() {
    const said = [];
    try {
        checkout();
    } catch (error) {
        said.push({ item: 'exception', event_id: Sentry.captureException(error) });
    }
    if (Sentry.captureFeedback) {
        Sentry.captureFeedback({ name: 'Ada', email: 'ada@example.com', message: 'it broke', associatedEventId: said[0].event_id });
        said.push({ item: 'feedback' });
    } else {
        said.push({ item: 'feedback', offered: false, why: 'the SDK has only the dialog' });
    }
    await Sentry.flush(10000);
    return said;
}

async function tell({ message, bytes }) {
    Sentry.withScope((scope) => {
        if (bytes) {
            const random = crypto.getRandomValues(new Uint8Array(32768));
            const piece = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
            scope.setExtra('large', piece.repeat(Math.ceil(bytes / piece.length)));
        }
        Sentry.captureMessage(message);
    });
    await Sentry.flush(10000);
}
