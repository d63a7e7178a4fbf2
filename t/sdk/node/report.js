// Reports what the arguments say with the unmodified Node.js SDK, and exits 0 when
// the SDK says that everything was sent.
//
//     node report.js DSN exception|message ...

const Sentry = require('@sentry/node');

function charge(amount) {
    throw new RangeError(`amount ${amount} is out of range`);
}

async function main() {
    const [dsn, ...kinds] = process.argv.slice(2);
    Sentry.init({ dsn, release: 'shop@1.0.0', environment: 'production' });
    Sentry.setUser({ id: '17' });
    for (const kind of kinds) {
        if (kind === 'message') {
            Sentry.captureMessage('the cache is cold', 'warning');
            continue;
        }
        try {
            charge(-1);
        } catch (error) {
            Sentry.captureException(error);
        }
    }
    process.exit((await Sentry.flush(5000)) ? 0 : 1);
}

main();
