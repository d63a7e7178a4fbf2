"""What an application does with the unmodified Python SDK, from 1.9 on.

    client.py report|exception|message|serve

report sends one of each item, serve what it is told line by line.
"""

import json
import os
import random
import string
import sys

import sentry_sdk

try:
    from sentry_sdk.crons import capture_checkin
except ImportError:
    capture_checkin = None

ORDER = {"id": 42}


def charge(amount):
    raise ValueError("amount %d is out of range" % amount)


def checkout():
    try:
        charge(-1)
    except ValueError as error:
        raise RuntimeError("checkout failed") from error


def start(**more):
    sentry_sdk.flush(timeout=10)
    sentry_sdk.init(
        os.environ["ERRTRACK_DSN"],
        release="shop@1.0.0",
        environment="production",
        **more,
    )


def say(item, event_id=None, **more):
    if event_id:
        more["event_id"] = event_id
    print(json.dumps({"item": item, **more}), flush=True)


def start_session():
    getattr(sentry_sdk, "start_session", sentry_sdk.Hub.current.start_session)()


def end_session():
    getattr(sentry_sdk, "end_session", sentry_sdk.Hub.current.end_session)()


def exception():
    """A session that sees an error."""
    start_session()
    try:
        checkout()
    except RuntimeError as error:
        say("exception", sentry_sdk.capture_exception(error))
    end_session()


def message():
    """A session that ends well: warnings are none of its errors."""
    start_session()
    say("message", sentry_sdk.capture_message("the cache is cold", "warning"))
    end_session()


def fingerprint():
    with sentry_sdk.push_scope() as scope:
        scope.fingerprint = ["payment-provider"]
        for number in 1, 2:
            text = "payment provider %d is away" % number
            say("fingerprint", sentry_sdk.capture_message(text))


def attachment():
    with sentry_sdk.push_scope() as scope:
        scope.add_attachment(bytes=b"kept with the event", filename="note.txt")
        say("attachment", sentry_sdk.capture_message("with a note"))


def check_in():
    if not capture_checkin:
        say("check_in", offered=False, why="the SDK has no check-ins")
        return
    number = capture_checkin(monitor_slug="nightly", status="in_progress")
    capture_checkin(monitor_slug="nightly", status="ok", check_in_id=number, duration=3)
    say("check_in")


def transaction():
    """Apart from the rest: with traces old versions send errors in another way."""
    start(traces_sample_rate=1.0)
    with sentry_sdk.start_transaction(name="GET /checkout", op="http.server"):
        with sentry_sdk.start_span(op="db"):
            pass
    say("transaction")


def report():
    exception()
    message()
    fingerprint()
    attachment()
    say("feedback", offered=False, why="the SDK has no call for it")
    check_in()
    transaction()
    say("session")


def serve():
    for line in sys.stdin:
        told = json.loads(line)
        with sentry_sdk.push_scope() as scope:
            if told.get("bytes"):
                text = "".join(random.choices(string.ascii_letters + string.digits, k=told["bytes"]))
                scope.add_attachment(bytes=text.encode(), filename="large.txt")
            sentry_sdk.capture_message(told["message"])
        sentry_sdk.flush(timeout=10)
        print(json.dumps({"done": told["message"]}), flush=True)


start()
sentry_sdk.set_user({"id": "17", "email": "ada@example.com"})
sentry_sdk.set_tag("tier", "gold")
sentry_sdk.set_context("order", ORDER)
sentry_sdk.add_breadcrumb(category="cart", message="item added")
{"report": report, "exception": exception, "message": message, "serve": serve}[sys.argv[1]]()
sentry_sdk.flush(timeout=10)
