// Reports through the unmodified Rust SDK.
//
//     ERRTRACK_DSN=… report report    sends the canonical report, one line on stdout an item
//     ERRTRACK_DSN=… report serve     captures a message for each line on stdin

use std::error::Error;
use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use sentry::protocol::{Attachment, Context, Map, SessionStatus, User, Value};
use sentry::types::Uuid;
use sentry::{Breadcrumb, ClientOptions, Level, Scope, TransactionContext};
use serde_json::json;

mod version;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct RangeError(i32);

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "amount {} is out of range", self.0)
    }
}

impl Error for RangeError {}

#[derive(Debug)]
struct CheckoutError(RangeError);

impl fmt::Display for CheckoutError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "checkout failed")
    }
}

impl Error for CheckoutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

// Errors of Rust know nothing of where they were made: the stack that the SDK sends is
// that of the thread that captures, so it is done where it happens.
#[inline(never)]
fn charge(amount: i32) -> Uuid {
    sentry::capture_error(&CheckoutError(RangeError(amount)))
}

#[inline(never)]
fn checkout() -> Uuid {
    charge(-1)
}

fn tell(item: &str, id: Option<Uuid>) {
    match id {
        Some(id) => println!("{}", json!({"item": item, "event_id": id.simple().to_string()})),
        None => println!("{}", json!({"item": item})),
    }
}

fn without(item: &str, why: &str) {
    println!("{}", json!({"item": item, "offered": false, "why": why}));
}

fn message(text: &str, level: Level, set: impl FnOnce(&mut Scope)) -> Option<Uuid> {
    Some(sentry::with_scope(set, || sentry::capture_message(text, level)))
}

fn flush() -> bool {
    sentry::Hub::current().client().map_or(false, |client| version::flushed(client.flush(Some(PATIENCE))))
}

fn report() {
    let mut order = Map::new();
    order.insert("id".into(), Value::from(42));
    sentry::configure_scope(|scope| {
        scope.set_user(Some(User {
            id: Some("17".into()),
            email: Some("ada@example.com".into()),
            ..Default::default()
        }));
        scope.set_tag("tier", "gold");
        scope.set_context("order", Context::Other(order));
    });
    sentry::add_breadcrumb(Breadcrumb {
        category: Some("cart".into()),
        message: Some("item added".into()),
        ..Default::default()
    });

    tell("exception", Some(checkout()));
    tell("message", message("the cache is cold", Level::Warning, |_| {}));
    for n in 1..=2 {
        let text = format!("payment provider {} is away", n);
        tell("fingerprint", message(&text, Level::Info, |scope| {
            scope.set_fingerprint(Some(&["payment-provider"]));
        }));
    }
    tell("attachment", message("with a note", Level::Info, |scope| {
        scope.add_attachment(Attachment {
            buffer: b"kept with the event".to_vec(),
            filename: "note.txt".into(),
            ..Default::default()
        });
    }));
    without("feedback", "sentry-rust has no user feedback");
    version::check_in();

    let transaction = sentry::start_transaction(TransactionContext::new("GET /checkout", "http.server"));
    transaction.start_child("db.query", "select 1").finish();
    transaction.finish();
    tell("transaction", None);

    sentry::start_session();
    sentry::end_session();
    sentry::start_session();
    sentry::end_session_with_status(SessionStatus::Crashed);
    tell("session", None);

    if !flush() {
        eprintln!("the SDK could not send everything within {:?}", PATIENCE);
        std::process::exit(1);
    }
}

fn filler(size: u64) -> String {
    let mut seed = std::process::id() as u64;
    let mut next = |_| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (b'a' + (seed >> 33) as u8 % 26) as char
    };
    (0..size).map(&mut next).collect()
}

fn serve() {
    for line in std::io::stdin().lock().lines() {
        let order: Value = match serde_json::from_str(&line.unwrap_or_default()) {
            Ok(order) => order,
            Err(why) => {
                eprintln!("{}", why);
                continue;
            }
        };
        let text = order["message"].as_str().unwrap_or("");
        message(text, Level::Info, |scope| {
            if let Some(size) = order["bytes"].as_u64() {
                scope.set_extra("filler", filler(size).into());
            }
        });
        flush();
        println!("{}", json!({"done": text}));
    }
}

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let mut options = ClientOptions::default();
    options.dsn = std::env::var("ERRTRACK_DSN").ok().and_then(|dsn| dsn.parse().ok());
    options.release = Some("shop@1.0.0".into());
    options.environment = Some("production".into());
    options.attach_stacktrace = true;
    options.debug = std::env::var_os("ERRTRACK_SDK_DEBUG").is_some();
    let client = sentry::init(version::traced(options));
    if !client.is_enabled() {
        eprintln!("ERRTRACK_DSN holds no DSN that the SDK can read");
        std::process::exit(1);
    }
    match mode.as_str() {
        "report" => report(),
        "serve" => serve(),
        _ => {
            eprintln!("usage: report report|serve");
            std::process::exit(2);
        }
    }
}
