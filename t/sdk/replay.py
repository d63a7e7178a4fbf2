"""What replays of SDKs share: a request to the last byte over a plain connection.

Only for SDKs that no registry here hands out. A replay builds what that version builds, in the
same order; it does not react to answers as the SDK does, but ends when one is refused.
"""

import json
import os
import socket
import sys
import uuid
import zlib
from urllib.parse import urlsplit

DSN = os.environ["ERRTRACK_DSN"]
_parts = urlsplit(DSN)
_path, _, _project = _parts.path.rpartition("/")
KEY = _parts.username
HOST = f"{_parts.hostname}:{_parts.port}"
EXCEPTION = ("checkout failed", "amount -1 is out of range")


def endpoint(name):
    return f"{_path}/api/{_project}/{name}/"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def gzipped(body):
    """As zlib does it by itself, which is what both Ruby and PHP call."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def new_id():
    return uuid.uuid4().hex


def post(path, headers, body):
    """Headers are pairs, sent in this order and spelled like this."""
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    with socket.create_connection((_parts.hostname, _parts.port), 10) as connection:
        connection.sendall(head.encode() + body)
        status = connection.makefile("rb").readline().split()[1]
    if status != b"200":
        sys.exit(f"{path}: answered with {status.decode()}")


def say(item, event_id=None):
    print(json.dumps({"item": item, **({"event_id": event_id} if event_id else {})}))


def without(item, why):
    print(json.dumps({"item": item, "offered": False, "why": why}))


def arguments():
    """The version; there is only one mode, as nothing replays a client that runs on."""
    version, mode = sys.argv[1:]
    if mode != "report":
        sys.exit(f"a replay only reports: {mode}")
    return version
