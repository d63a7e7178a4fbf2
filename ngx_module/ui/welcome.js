// What a project shows before its first event: its DSN, and how each language reports to it.

import { get } from './api.js';
import { copy } from './actions.js';
import { button, el, fill } from './dom.js';
import { go, to } from './router.js';
import { forget } from './session.js';

const often = 3000;                     /* ms between looks for the first event */

// name → what installs the SDK, and the least that reports an error.
const languages = {
    'Python': ['pip install sentry-sdk', (dsn) => `import sentry_sdk\nsentry_sdk.init(dsn="${dsn}", release="shop@1.0.0", environment="production")\n\n1 / 0`],
    'Node.js': ['npm install @sentry/node', (dsn) => `const Sentry = require("@sentry/node");\nSentry.init({ dsn: "${dsn}", release: "shop@1.0.0", environment: "production" });\n\nthrow new Error("the first one");`],
    'Go': ['go get github.com/getsentry/sentry-go', (dsn) => `sentry.Init(sentry.ClientOptions{Dsn: "${dsn}", Release: "shop@1.0.0", Environment: "production"})\ndefer sentry.Flush(2 * time.Second)\n\nsentry.CaptureException(errors.New("the first one"))`],
    'Java': ['io.sentry:sentry', (dsn) => `Sentry.init(options -> {\n    options.setDsn("${dsn}");\n    options.setRelease("shop@1.0.0");\n    options.setEnvironment("production");\n});\n\nSentry.captureException(new Exception("the first one"));`],
    'PHP': ['composer require sentry/sentry', (dsn) => `\\Sentry\\init(['dsn' => '${dsn}', 'release' => 'shop@1.0.0', 'environment' => 'production']);\n\n\\Sentry\\captureException(new \\Exception('the first one'));`],
    'Ruby': ['gem install sentry-ruby', (dsn) => `Sentry.init do |config|\n  config.dsn = "${dsn}"\n  config.release = "shop@1.0.0"\n  config.environment = "production"\nend\n\nSentry.capture_exception(StandardError.new("the first one"))`],
    'Rust': ['cargo add sentry', (dsn) => `let _guard = sentry::init(("${dsn}", sentry::ClientOptions {\n    release: Some("shop@1.0.0".into()),\n    environment: Some("production".into()),\n    ..Default::default()\n}));\n\nsentry::capture_message("the first one", sentry::Level::Error);`],
    'curl': ['nothing to install', (dsn) => {
        const { origin, username, pathname } = new URL(dsn);
        return `curl -H 'X-Sentry-Auth: Sentry sentry_version=7, sentry_key=${username}' \\\n    -d '{"message": "the first one", "level": "error"}' ${origin}/api${pathname}/store/`;
    }],
};

/** A block of code that can be taken along. */
export function code(text, what) {
    return el('div', { class: 'snippet' }, el('pre', { tabindex: 0 }, el('code', null, text)), button('Copy', () => copy(what, text), { class: 'plain' }));
}

/** Goes to the list as soon as something was reported. */
function watch(project, signal) {
    const timer = setInterval(async () => {
        const { firstEvent } = await get(['projects', project.organization.slug, project.slug], null, signal).catch(() => ({}));
        if (firstEvent && !signal.aborted) {
            forget();
            go('', { org: project.organization.slug, project: project.slug }, { replace: true });
        }
    }, often);
    signal.addEventListener('abort', () => clearInterval(timer));
}

export async function welcome(project, signal) {
    const keys = await get(['projects', project.organization.slug, project.slug, 'keys']).catch(() => []);
    const dsn = keys.find((key) => key.isActive)?.dsn.public;
    if (!dsn) {
        return el('div', { class: 'state' }, el('h1', null, `${project.name} waits for its first event`),
            el('p', null, 'No client key is to be seen here: ', el('a', { href: to('settings', { org: project.organization.slug, project: project.slug, tab: 'keys' }) }, 'the keys of the project'), '.'));
    }
    watch(project, signal);
    const shown = el('div');
    const names = Object.keys(languages);
    const choose = (name) => {
        const [install, snippet] = languages[name];
        for (const tab of tabs.children) {
            tab.setAttribute('aria-selected', String(tab.textContent === name));
        }
        fill(shown, code(install, 'a command'), code(snippet(dsn), 'the code'));
    };
    const tabs = el('div', { class: 'tabs', role: 'tablist' }, names.map((name) => button(name, () => choose(name), { role: 'tab' })));
    choose(names[0]);
    return el('div', { class: 'state wide' }, el('h1', null, `${project.name} waits for its first event`),
        el('p', null, 'Applications report to this address, its DSN, through any Sentry SDK:'), code(dsn, 'the DSN'), tabs, shown,
        el('p', { class: 'note' }, 'This page shows what is reported by itself, a moment later.'));
}
