"""What sentry-ruby 5.9.0 and 6.6 send. Headers, their order and the payload are as 5.3.0 was seen
to send them; what is different is said where it is built, and is derived, not seen."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from replay import DSN, EXCEPTION, HOST, KEY, arguments, compact, endpoint, gzipped, new_id, post, say, without

VERSION = arguments()
LATER = not VERSION.startswith("5.")
CLIENT = f"sentry-ruby/{VERSION}"
SDK = {"name": "sentry.ruby", "version": VERSION}
SOURCE = [
    "def charge(amount)", '  raise RangeError, "amount #{amount} is out of range"', "end", "", "def checkout",
    "  charge(-1)", "rescue RangeError", '  raise CheckoutError, "checkout failed"', "end", "", "checkout",
]


def iso():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def send(headers, *items):
    """No length of items and no newline at the end, which 5.3.0 still has after each item."""
    lines = [compact(headers)]
    for head, payload in items:
        lines += [compact(head), payload if isinstance(payload, str) else compact(payload)]
    body = "\n".join(lines).encode()
    encoding = ""
    if len(body) >= 30 * 1024:
        body, encoding = gzipped(body), "gzip"
    now = int(time.time())
    # 6 moved the name of the client to the end.
    fields = ["sentry_version=7", f"sentry_timestamp={now}", f"sentry_key={KEY}", f"sentry_client={CLIENT}"] if LATER else [
        "sentry_version=7", f"sentry_client={CLIENT}", f"sentry_timestamp={now}", f"sentry_key={KEY}"]
    auth = ("X-Sentry-Auth", "Sentry " + ", ".join(fields))
    agent = ("User-Agent", CLIENT)
    post(endpoint("envelope"), [
        ("Content-Type", "application/x-sentry-envelope"), ("Content-Encoding", encoding),
        *((agent, auth) if LATER else (auth, agent)),
        ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"), ("Accept", "*/*"), ("Host", HOST),
        ("Content-Length", len(body)),
    ], body)


def frame(line, function):
    return {
        "project_root": "/srv/shop", "abs_path": "/srv/shop/checkout.rb", "function": function, "lineno": line,
        "in_app": True, "filename": "checkout.rb", "pre_context": [f"{one}\n" for one in SOURCE[max(0, line - 4):line - 1]],
        "context_line": SOURCE[line - 1] + "\n", "post_context": [f"{one}\n" for one in SOURCE[line:line + 3]],
    }


CHECKOUT = [frame(11, "<main>"), frame(5, "checkout"), frame(7, "rescue in checkout")]
CHARGE = [frame(11, "<main>"), frame(6, "checkout"), frame(2, "charge")]


def event(kind, level, message="", fingerprint=(), timestamp=None, contexts=None):
    return {
        "event_id": new_id(), "level": level, "timestamp": timestamp or iso(), "release": "shop@1.0.0",
        "environment": "production", "server_name": "web-1", "modules": {"sentry-ruby": VERSION}, "message": message,
        "user": {"id": "17", "email": "ada@example.com"}, "tags": {"tier": "gold"},
        "contexts": {
            "order": {"id": 42},
            "os": {"name": "Linux", "version": "#1 SMP", "build": "6.1.0", "kernel_version": "#1 SMP"},
            "runtime": {"name": "ruby", "version": "ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]"},
            # Each event of 6 has the trace that it belongs to.
            **({"trace": {"trace_id": TRACE, "span_id": SPAN}} if LATER else {}),
            **(contexts or {}),
        },
        "extra": {}, "fingerprint": list(fingerprint),
        "breadcrumbs": {"values": [{
            "category": "cart", "data": {}, "level": None, "message": "item added", "timestamp": int(time.time()), "type": None}]},
        "platform": "ruby", "sdk": SDK, "type": kind,
    }


def threads(crashed, stacktrace):
    return {"values": [{"id": 60, "name": None, "crashed": crashed, "current": True, "stacktrace": stacktrace}]}


def single(kind, value, frames):
    # 6 says how it was caught.
    mechanism = {"mechanism": {"type": "generic", "handled": True}} if LATER else {}
    return {"type": kind, "value": value, "module": "", "thread_id": 60, "stacktrace": {"frames": frames}, **mechanism}


def capture(item, payload, trace=None, *attached):
    head = {"event_id": payload["event_id"], "dsn": DSN, "sdk": SDK, "sent_at": iso()}
    if trace:
        head["trace"] = trace
    send(head, ({"type": payload["type"], "content_type": "application/json"}, payload), *attached)
    say(item, payload["event_id"] if payload["type"] == "event" else None)


def message(item, text, level="error", fingerprint=(), attached=()):
    payload = event("event", level, text, fingerprint)
    payload["threads"] = threads(False, {"frames": [frame(11, "<main>")]})
    capture(item, payload, None, *attached)


def check_in():
    if not LATER:
        return without("check_in", "the SDK has no check-ins")
    id = new_id()
    for status, more in (("in_progress", {}), ("ok", {"duration": 3})):
        payload = {
            "event_id": new_id(), "timestamp": iso(), "release": "shop@1.0.0", "environment": "production", "check_in_id": id,
            "monitor_slug": "nightly", "status": status, **more, "type": "check_in"}
        head = {"event_id": payload["event_id"], "dsn": DSN, "sdk": SDK, "sent_at": iso()}
        send(head, ({"type": "check_in", "content_type": "application/json"}, payload))
    say("check_in")


def transaction():
    end = time.time()
    root = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": None, "description": None, "op": "http.server", "status": None}
    payload = event("transaction", None, timestamp=end, contexts={"trace": root})
    del payload["level"]
    payload.update(
        transaction="GET /checkout", transaction_info={"source": "custom"},
        spans=[{
            "trace_id": TRACE, "span_id": new_id()[:16], "parent_span_id": SPAN, "start_timestamp": end - 0.01,
            "timestamp": end - 0.005, "description": None, "op": "db", "status": None, "tags": {}, "data": {}}],
        start_timestamp=end - 0.02)
    # What samples by trace goes by the head of the envelope; 5.3.0 has nothing there.
    capture("transaction", payload, {
        "trace_id": TRACE, "sample_rate": "1.0", "environment": "production", "release": "shop@1.0.0", "public_key": KEY,
        "transaction": "GET /checkout"})


def sessions():
    """The one envelope whose head is empty: those of a minute, counted."""
    send({}, ({"type": "sessions"}, {
        "attrs": {"release": "shop@1.0.0", "environment": "production"},
        "aggregates": [{"started": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime()), "errored": 1, "exited": 1}]}))
    say("session")


TRACE, SPAN = new_id(), new_id()[:16]
outer = event("event", "error")
outer["threads"] = threads(True, None)
outer["exception"] = {"values": [single("RangeError", EXCEPTION[1], CHARGE), single("CheckoutError", EXCEPTION[0], CHECKOUT)]}
capture("exception", outer)
message("message", "the cache is cold", "warning")
for number in (1, 2):
    message("fingerprint", f"payment provider {number} is away", fingerprint=["payment-provider"])
if LATER:
    # The only items with a length.
    note = "kept with the event"
    head = {"type": "attachment", "filename": "note.txt", "content_type": "text/plain", "length": len(note)}
    message("attachment", "with a note", attached=[(head, note)])
else:
    without("attachment", "the SDK has no attachments")
without("feedback", "the SDK has no call for it")
check_in()
transaction()
sessions()
