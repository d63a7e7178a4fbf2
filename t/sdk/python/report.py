"""Reports what the arguments say with the unmodified Python SDK.

    python3 report.py DSN exception|message ...
"""

import sys

import sentry_sdk


def charge(amount):
    raise ValueError("amount %d is out of range" % amount)


def main():
    dsn, *kinds = sys.argv[1:]
    sentry_sdk.init(dsn, release="shop@1.0.0", environment="production")
    sentry_sdk.set_user({"id": "17"})
    for kind in kinds:
        if kind == "message":
            sentry_sdk.capture_message("the cache is cold", "warning")
            continue
        try:
            charge(-1)
        except ValueError as error:
            sentry_sdk.capture_exception(error)
    sentry_sdk.flush(timeout=5)


main()
