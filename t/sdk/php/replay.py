"""What sentry/sentry 3.18.0 and 4.29 of PHP send. Errors of 3 are stored by themselves, and only
what else there is comes in envelopes; 4 has envelopes alone, with the id in their head only. Derived
from what is known of these versions, not seen: the order of headers is that of their client for
HTTP, which is curl below both."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from replay import DSN, EXCEPTION, HOST, KEY, arguments, compact, endpoint, gzipped, new_id, post, say, without

VERSION = arguments()
LATER = not VERSION.startswith("3.")
CLIENT = f"sentry.php/{VERSION}"
SDK = {"name": "sentry.php", "version": VERSION}
SOURCE = [
    "<?php", "", "function charge(int $amount): void", "{", "    throw new RangeException(\"amount $amount is out of range\");", "}", "",
    "function checkout(): void", "{", "    try {", "        charge(-1);", "    } catch (RangeException $e) {",
    "        throw new CheckoutException('checkout failed', 0, $e);", "    }", "}", "", "checkout();",
]


def encode(value):
    """As json_encode writes it: slashes are escaped, other characters are not."""
    return compact(value).replace("/", "\\/")


def send(where, body):
    body = gzipped(body.encode())
    kind = "application/x-sentry-envelope" if where == "envelope" else "application/json"
    auth = ("X-Sentry-Auth", f"Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={KEY}")
    agent = ("User-Agent", CLIENT)
    length = ("Content-Length", len(body))
    content = [("Content-Type", kind), auth, ("Content-Encoding", "gzip")]
    # 4 calls curl itself, 3 a client for HTTP that is installed with it.
    headers = [("Host", HOST), agent, ("Accept", "*/*"), ("Accept-Encoding", "deflate, gzip, br, zstd"), *content, length] if LATER else [
        ("Host", HOST), content[0], agent, *content[1:], length, ("Accept", "*/*")]
    post(endpoint(where), headers, body)


def envelope(kind, event_id, payload, trace=None):
    head = {"event_id": event_id, "sent_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "dsn": DSN, "sdk": SDK}
    if trace:
        head["trace"] = trace
    send("envelope", "\n".join(map(encode, [head, {"type": kind, "content_type": "application/json"}, payload])))


def frame(line, function=None):
    return {
        "filename": "/checkout.php", "lineno": line, "in_app": True, "abs_path": "/srv/shop/checkout.php",
        **({"function": function} if function else {}),
        "pre_context": SOURCE[max(0, line - 6):line - 1], "context_line": SOURCE[line - 1], "post_context": SOURCE[line:line + 5],
    }


CHECKOUT = [frame(17), frame(13, "checkout")]
CHARGE = [frame(17), frame(11, "checkout"), frame(5, "charge")]


def single(kind, value, frames):
    return {"type": kind, "value": value, "stacktrace": {"frames": frames}, "mechanism": {"type": "generic", "handled": True}}


def event(event_id, timestamp, level=None, start=None, transaction=None, fingerprint=(), contexts=None):
    user = {"id": "17", "username": None, "email": "ada@example.com", "ip_address": None}
    if not LATER:
        user["segment"] = None
    return {
        **({} if LATER else {"event_id": event_id}),
        "timestamp": timestamp, "platform": "php", "sdk": SDK,
        **({"start_timestamp": start} if start else {}),
        **({"level": level} if level else {}),
        **({"transaction": transaction} if transaction else {}),
        "server_name": "web-1", "release": "shop@1.0.0", "environment": "production",
        **({"fingerprint": list(fingerprint)} if fingerprint else {}),
        "modules": {"sentry/sentry": VERSION}, "tags": {"tier": "gold"}, "user": user,
        "contexts": {
            "os": {"name": "Linux", "version": "6.1.0", "build": "#1 SMP", "kernel_version": "Linux web-1 6.1.0 #1 SMP x86_64"},
            "runtime": {"name": "php", **({"sapi": "cli"} if LATER else {}), "version": "8.2.0"},
            # From 4 on each event has the trace that it belongs to.
            **({"trace": {"trace_id": TRACE, "span_id": SPAN}} if LATER else {}),
            "order": {"id": 42},
            **(contexts or {}),
        },
        "breadcrumbs": {"values": [
            {"type": "default", "category": "cart", "level": "info", "timestamp": time.time(), "message": "item added"}]},
    }


def capture(item, level, more, fingerprint=()):
    event_id = new_id()
    payload = {**event(event_id, time.time(), level, fingerprint=fingerprint), **more}
    if LATER:
        envelope("event", event_id, payload)
    else:
        send("store", encode(payload))
    say(item, event_id)


def check_in():
    id = new_id()
    for status, duration in (("in_progress", None), ("ok", 3)):
        envelope("check_in", new_id(), {
            "check_in_id": id, "monitor_slug": "nightly", "status": status, "duration": duration, "release": "shop@1.0.0",
            "environment": "production"})
    say("check_in")


def transaction():
    end, event_id = time.time(), new_id()
    root = {"trace": {"span_id": SPAN, "trace_id": TRACE, **({"origin": "manual"} if LATER else {}), "op": "http.server"}}
    payload = event(event_id, end, start=end - 0.02, transaction="GET /checkout", contexts=root)
    payload["spans"] = [{
        "span_id": new_id()[:16], "trace_id": TRACE, "start_timestamp": end - 0.01, "parent_span_id": SPAN, "timestamp": end - 0.005,
        **({"origin": "manual"} if LATER else {}), "op": "db"}]
    payload["transaction_info"] = {"source": "custom"}
    envelope("transaction", event_id, payload, {
        "trace_id": TRACE, "sample_rate": "1", "transaction": "GET /checkout", "public_key": KEY, "release": "shop@1.0.0",
        "environment": "production", **({"sampled": "true"} if LATER else {})})
    say("transaction")


TRACE, SPAN = new_id(), new_id()[:16]
capture("exception", "error", {"exception": {"values": [
    single("RangeException", EXCEPTION[1], CHARGE), single("CheckoutException", EXCEPTION[0], CHECKOUT)]}})
capture("message", "warning", {"message": "the cache is cold"})
for number in (1, 2):
    capture("fingerprint", "info", {"message": f"payment provider {number} is away"}, ["payment-provider"])
without("attachment", "it is not replayed: no source of this version is at hand" if LATER else "the SDK has no attachments")
without("feedback", "the SDK has no call for it")
check_in()
transaction()
without("session", "the SDK has no sessions")
