"""Sends generated requests to a server and holds each answer against openapi.json.

    properties.py URL DOCUMENT KNOWN REQUESTS SEED

KNOWN is a file with what known.sql tells, so that most requests are about something that is
there. Of each operation a line of JSON is written, and one more for each further round: its
name, how many requests were sent, how often each status came, and what is wrong with an answer.
What deletes comes last, and has projects and a token of its own.
"""

import functools
import json
import math
import sys

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

# In the order in which they come, after all others.
LAST = (
    "sentry_hashes_delete", "sentry_issues_update", "sentry_organization_issues_update", "sentry_comment_delete",
    "sentry_member_set", "sentry_member_delete", "sentry_token_delete", "sign_out", "sentry_key_delete",
    "rest_delete_client_key", "channel_delete", "alert_rule_delete", "tracker_delete", "sentry_release_delete", "sentry_issue_delete", "sentry_issues_delete",
    "delete_project_data", "sentry_project_delete",
)

SEARCHES = (
    "is:unresolved", "is:resolved", "is:ignored", "is:assigned", "is:regressed", "is:linked", "is:new", "!is:unlinked",
    "level:error", "level:[error, warning]", "logger:app.*", "assigned:me", "assigned:none", "assigned:developer@a.example",
    "firstSeen:-24h", "lastSeen:>2020-01-31", "age:+7d", "age:2026-13-45", "age:>-999999w", "timesSeen:>10", "times_seen:<=5",
    "user_count:3", "issue:42001", "issue:SHOP-1", "has:user", "has:assigned", "!has:release", "release:latest",
    "release:shop@1.0.*", "user.id:7", "environment:production", 'tags[a b]:x', 'browser:"Fire\\\\fox \\"1\\" %"', "ключ:значение",
    "message:value", "Type1", "100 %", "_", "*", "\\", "!", '"', '""', "[]", "is:[]", "is:[unresolved, resolved]", ":", "a:", "AND", "'; --",
    "$1", "$3[1]", "%s", "%1$s", "timesSeen:99999999999999999999", "issue:99999999999999999999", "firstSeen:-99999999w",
)
CURSORS = (
    "0:0:0", "0:0:1", "1:2:3", "x", "bi5sLjE3", "cC5mLi0xLjE", "bi50Ljk5OTk5OTk5OTk5OTk5OTkuOTk5OTk5OTk5OTk5OTk5OQ",
    "bi5sLjk5OTk5OTk5OTk5OTk5OTkuOTk5OTk5OTk5OTk5OTk5OQ", "cC5jLi05OTk5OTk5OTk5OTk5OTk5Ljk", "bi5lLjEuMTIzNA",
    "bi5lLi05OTk5OTk5OTk5OTk5OTk5LmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm", "bi5yLjk5OTk5OTk5OTk5OTk5OTkuOQ",
)
MOMENTS = (
    "-24h", "+1d", "-999999w", "-999999d", "2026-01-31", "0001-01-01", "0000-01-01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-15:59",
    "0001-01-01T00:00:00+15:59", "2026-02-30", "2026-01-31T25:00:00", "2026-01-31T23:59:60Z", "2026-01-31T12:00:00.123456+05:30", "infinity", "now",
)
NUMBERS = (5, 0, 1, 2**31 - 1, 2**31, 2**63 - 1, "9223372036854775807", "9223372036854775808", "00000000000000000000001", -1, 1.5, 1e300, "x", True)
TEXTS = ("name", "", " ", "\t", "a" * 250, "ü" * 251, "x" * 1001, "💥" * 64, "\x7f", "null", "{}", "%00", "\\", "'", "$1", "%s", "latest", ".", "0")

# Bodies whose members belong together.
WHOLE = {
    "sentry_project_update": (
        {"allowedDomains": ["*.a.example", "https://b.example"], "options": {"filters:blacklisted_ips": "192.0.2.0/24\n2001:db8::1", "filters:releases": ""}},
        {"filters": {"agents": ["crawlers"], "sdks": ["sentry.python<2.0"], "events": []}, "dataScrubber": True, "scrubIPAddresses": False},
        {"sensitiveFields": ["iban"], "safeFields": ["csrf", " "], "retentionDays": 30}, {"sensitiveFields": ["tax*"]}, {"retentionDays": None, "limits": {"bodies": 5}},
        {"fingerprintingRules": "# none\ntype:A -> a", "groupingEnhancements": "app:yes -app\n"}, {"groupingEnhancements": "app:yes -app\nnonsense"},
        {"quotas": {"error": {"count": 10, "window": 60}, "all": None}}, {"quotas": {"x": None}}, {"limits": {"bodies": "none", "tag_keys": None, "releases": 2**40}},
    ),
    "rules_dry_run": ({"fingerprintingRules": "type:A -> a"}, {"groupingEnhancements": "nonsense"}, {"events": 2000}, {"events": 0}),
    "sentry_key_update": (
        {"rateLimit": {"count": 5, "window": 60}}, {"rateLimit": None}, {"rateLimit": {"count": 0, "window": 99999}}, {"rateLimit": {"count": "x"}},
        {"quotas": {"session": {"count": 0, "window": 86400}, "all": None}, "isActive": True}, {"quotas": {"error": {"count": 2**53, "window": 1}}},
    ),
    "channel_create": (
        {"kind": "mail", "name": "people", "settings": {"to": ["ann@a.example"]}}, {"kind": "slack", "name": "team", "url": "https://a.example/x"},
        {"kind": "webhook", "name": "own", "url": "http://a.example:8080/?x", "secret": "s", "settings": {"headers": ["X-A: b"]}},
        {"kind": "pagerduty", "name": "night", "secret": "s", "hourlyCap": 5, "enabled": False}, {"kind": "slack", "name": "of a file", "urlFile": "a.url"},
    ),
    "channel_update": ({"hourlyCap": 7}, {"enabled": False, "name": "other"}, {"settings": {"to": ["ann@a.example", "bob@a.example"]}}),
    "alert_rule_create": (
        {"kind": "new_issue", "name": "new", "levels": ["error", "fatal"]}, {"kind": "behind", "minutes": 30, "timezone": "Europe/Berlin"},
        {"kind": "frequency", "name": "often", "events": 5, "minutes": 60, "tags": {"a": ["b*"]}, "mutedFrom": "22:00", "mutedUntil": "06:00"},
    ),
    "tracker_set": (
        {"url": "https://gitlab.example/acme/shop", "token": "s", "settings": {"labels": ["bug"], "creates": True}},
        {"url": "https://gitlab.example/acme/shop/", "externalId": 5, "token": "s", "secret": None}, {"settings": {"closes": False}},
    ),
}

url, document, known_file, wanted, first_seed = sys.argv[1:]
wanted, first_seed = int(wanted), int(first_seed)
schema = schemathesis.openapi.from_path(document)
with open(known_file, encoding="utf-8") as text:
    places = json.load(text)
session = requests.Session()
session.trust_env = False
# Cursors of answers: any of them in any list.
cursors = list(CURSORS)


def one_of(draw, known):
    return draw(st.sampled_from(known)) if known else None


def place_for(draw, is_last):
    """A project, with one of each kind that there is in it."""
    place = one_of(draw, [place for place in places if "spare" in place["organization"] or not is_last])
    found = {name: one_of(draw, list(value)) for name, value in place.items() if isinstance(value, list)}
    issue = str(found["fingerprint"]) if found.get("fingerprint") else None
    found["event"] = one_of(draw, (place["event"] or {}).get(issue))
    found["hashes"] = (place["hash"] or {}).get(issue, [])
    found["issues"] = place["fingerprint"] or []
    if issue and draw(st.integers(0, 4)) < 4:
        found["issue"] = issue
    return found


def known_path(draw, operation, found):
    """Values of the parameters of a path that belong together."""
    values = {}
    for parameter in operation.path_parameters:
        name = parameter.name
        which = (
            "tag" if name == "key" and "/tags/" in operation.path
            else "projectPath" if name == "id" and operation.path.startswith("/api/v4/")
            else name
        )
        values[name] = found.get(which)
    if "attachment" in values and found.get("attachment"):
        values["event"], values["attachment"] = found["attachment"]
    elif operation.path.endswith("/attachments/") and found.get("attachment"):
        values["event"] = found["attachment"][0]
    if "comment" in values and found.get("comment"):
        values["issue"], values["comment"] = found["comment"]
    if "event" in values and "issue" in values and draw(st.integers(0, 3)) == 3:
        values["event"] = draw(st.sampled_from(("latest", "oldest", "recommended")))
    return {name: value for name, value in values.items() if value is not None}


def known_query(draw, operation, found, query):
    for parameter in operation.query:
        name = parameter.name
        if draw(st.integers(0, 2)) < 2:
            continue
        choices = {
            "query": st.lists(st.sampled_from(SEARCHES), max_size=4).map(" ".join),
            "cursor": st.sampled_from(cursors[-200:]),
            "start": st.sampled_from(MOMENTS),
            "end": st.sampled_from(MOMENTS),
            "project": st.sampled_from([[str(found["projectId"])], found["project"], ["-1"], ["42", "43", "x"], [""]]),
            "compare": st.sampled_from([found.get("event") or "0" * 32, "x"]),
            "environment": st.sampled_from([["production"], ["staging", "x"], ["a\nb"], [""]]),
            "tokenId": st.just(found.get("token")),
            "statsPeriod": st.sampled_from(("24h", "14d", "1h", "400d", "999999w", "0m", "", "15m", "auto")),
            "interval": st.sampled_from(("1h", "1d", "0h", "999d", "5m")),
            "since": st.sampled_from(NUMBERS),
            "until": st.sampled_from(NUMBERS),
            "limit": st.sampled_from((1, 2, 100, 0, 1000, "x")),
            "page": st.sampled_from((1, 2, 3, 2**31 - 1, 2**31, 0)),
            "per_page": st.sampled_from((1, 2, 3, 2**31 - 1, 2**31, 0)),
            "public_key": st.just(found.get("key")),
            "project_id": st.just(str(found["projectId"])),
            "id": st.lists(st.sampled_from(
                found["hashes"] if "hashes" in operation.path and found["hashes"] else found["issues"] or [1]), max_size=4),
        }.get(name)
        if choices is not None:
            query[name] = draw(choices)
        elif draw(st.integers(0, 3)) < 3:
            query.pop(name, None)


def known_body(draw, operation, found, body):
    """Members that mean something here, and some that are nearly right."""
    whole = WHOLE.get(operation.definition.raw["operationId"])
    if whole and draw(st.integers(0, 3)) < 3:
        body.clear()
        body.update(draw(st.sampled_from(whole)))
        return
    values = {
        "projects": st.sampled_from([[found["project"]], [found["projectId"]], [], ["x"], [found["project"]] * 2, [None, {}]]),
        "version": st.sampled_from((found.get("version"), "new@1.0", "latest", "a/b", " x", "")),
        "assignedTo": st.sampled_from(("developer@a.example", "me", "user:1", "", None, 4, "x", [], 2**63 - 1)),
        "inRelease": st.sampled_from((found.get("version"), "latest", "", 1)),
        "ignoreUntil": st.sampled_from(("2999-01-01", *MOMENTS)), "expiresAt": st.sampled_from(MOMENTS),
        "dateReleased": st.sampled_from(MOMENTS), "dateStarted": st.sampled_from(MOMENTS), "dateFinished": st.sampled_from(MOMENTS),
        "ignoreCount": st.sampled_from(NUMBERS), "ignoreUserCount": st.sampled_from(NUMBERS), "ignoreDuration": st.sampled_from(NUMBERS),
        "status": st.sampled_from(("resolved", "ignored", "unresolved", "resolvedInNextRelease", "reprocessing", "", 1)),
        "tokenId": st.just(found.get("token")),
        "error_tracking_token": st.sampled_from(("gitlab", "gitlab\n", "owner", "", 1)),
        "email": st.sampled_from(("member-1@a.example", "NEW@a.example", "x", "a@b", " a@b ", "ü@ü", "@")),
        "role": st.sampled_from(("reporter", "developer", "maintainer", "owner", "x", None)),
        "issue_id": st.sampled_from(NUMBERS),
        "externalIssue": st.sampled_from(("group/shop#17", "17", "x", "", "1" * 200, "a" * 200 + "1")),
        "public_key": st.sampled_from((found.get("key"), "x", "")),
        "project_id": st.sampled_from((found["projectId"], str(found["projectId"]), "x", 0)),
        "commits": st.sampled_from(([{"id": "a" * 40}], [{"id": "b", "timestamp": "2026-01-31T12:00:00Z"}], [{}], [1], {}, [{"id": 5, "message": {"a": 1}}])),
        "refs": st.sampled_from(([{"commit": "c", "repository": "r"}], [{}], [None], [], 1)),
        "name": st.sampled_from(TEXTS), "slug": st.sampled_from((None, "new", *TEXTS, "a-b_c", "123", "-", "shop")),
        "text": st.sampled_from(TEXTS), "environment": st.sampled_from(("production", *TEXTS)), "ref": st.sampled_from(TEXTS),
        "url": st.sampled_from(("https://a.example/acme/shop", "ftp://a", "https://u@a.example/", *TEXTS)), "platform": st.sampled_from(TEXTS),
        "kind": st.sampled_from(("mail", "slack", "webhook", "pagerduty", "new_issue", "frequency", "behind", "tracker", "", 1)),
        "provider": st.sampled_from(("other", "gitlab", "", None, 1)),
        "settings": st.sampled_from(({"to": ["ann@a.example"]}, {"headers": ["X-A: b"]}, {"labels": ["a"], "creates": True}, {}, [], {"to": [1]})),
        "secret": st.sampled_from(TEXTS), "token": st.sampled_from(("owner", "spare", "gitlab", "nothing", "")),
        "secretFile": st.sampled_from(("a.key", "../x", "", 1)), "urlFile": st.sampled_from((None, "a.url", "../x", 1)),
        "tags": st.sampled_from(({"a": ["b*"]}, {}, {"a": []}, {"a": [1]}, [], 1)), "levels": st.sampled_from((["error"], ["x"], [], 1)),
        "channels": st.sampled_from(([found.get("channel")], ["1"], [None], [], "x", None)),
        "mutedFrom": st.sampled_from(("22:00", "24:00", "", None)), "mutedUntil": st.sampled_from(("06:00", "x", "", None)),
        "mutedDays": st.sampled_from(([1, 7], [0], [None], [[]], [])), "timezone": st.sampled_from(("Europe/Berlin", "UTC", *TEXTS)),
        "merge": st.sampled_from((False, True, 1, "1", "x", None)),
        "active": st.sampled_from((True, "false", 0, "", "x", None)), "integrated": st.sampled_from((True, "false", 0, "", "x", None)),
        "isActive": st.sampled_from((True, False, "x")),
        "statusDetails": st.sampled_from(({"inNextRelease": True}, {"inRelease": "latest"}, {"ignoreCount": 1}, {"ignoreUntil": "+1h"}, {}, 1)),
    }
    for name in MEMBERS[operation.definition.raw["operationId"]]:
        if name in values and draw(st.integers(0, 1)) == 0:
            body[name] = draw(values[name])


def members_of(document):
    """The names of members that the body of an operation may have, by the operation."""
    components = document["components"]["schemas"]

    def names(part):
        if isinstance(part, list):
            return set().union(*map(names, part)) if part else set()
        if not isinstance(part, dict):
            return set()
        found = set(part.get("properties", {}))
        for key, value in part.items():
            if key == "$ref":
                found |= names(components[value.rsplit("/", 1)[1]])
            elif key in ("allOf", "anyOf", "schema", "content", "application/json"):
                found |= names(value)
        return found

    return {
        operation["operationId"]: sorted(names(operation.get("requestBody", {})))
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    }


with open(document, encoding="utf-8") as text:
    MEMBERS = members_of(json.load(text))


def headers_for(draw, operation, found, is_last):
    name = operation.definition.raw["operationId"]
    if name == "sign_in":
        return {"X-Errtrack-Request": "1", "Origin": url} if draw(st.integers(0, 5)) < 5 else {}
    if name == "sign_out":
        return {"Authorization": f"Bearer session-{draw(st.integers(1, 50))}"}
    may = draw(st.integers(0, 9)) < 8
    if operation.path.startswith("/errortracking/") or "/internal/" in operation.path:
        tokens = ("gitlab-spare",) if is_last else ("gitlab", "owner")
        token = one_of(draw, tokens if may else (*tokens, "expired", "spare", "") if is_last else ("gitlab", "reporter", "stranger", "expired", "read-blog", ""))
        return {"Gitlab-Error-Tracking-Token": token} if token else {}
    others = ("", "expired", "gitlab") if is_last else (
        "maintainer", "developer", "reporter", "stranger", "read-blog", "gitlab", "expired", "")
    usual = ("spare",) if is_last else ("spare", "administrator") if found["organization"] in ("spare", "20") else ("owner", "administrator")
    token = one_of(draw, usual if may else others)
    if not token:
        return {}
    return draw(st.sampled_from(({"Authorization": f"Bearer {token}"}, {"PRIVATE-TOKEN": token})))


def usable(values):
    """Whether a path with these values reaches the module: nginx takes dots and zeros itself."""
    return all(str(value).strip(".") != "" and "\0" not in str(value) for value in values.values())


@functools.lru_cache(None)
def strategy_of(operation, mode):
    return operation.as_strategy(generation_mode=mode)


# The first example of a run draws what is least everywhere: what is said by 0 is the usual.
@st.composite
def generated(draw, operation, is_last):
    # There is nothing that could be wrong with a request that has no parameters.
    may_be_wrong = operation.path_parameters or operation.query or operation.body
    wrong = may_be_wrong and draw(st.integers(0, 2)) == 2
    mode = GenerationMode.NEGATIVE if wrong else GenerationMode.POSITIVE
    case = draw(strategy_of(operation, mode))
    found = place_for(draw, is_last)
    values = dict(case.path_parameters or {})
    if not usable(values) or draw(st.integers(0, 7)) < 7:
        values.update(known_path(draw, operation, found))
    case.path_parameters = values
    if operation.query and draw(st.integers(0, 3)) < 3:
        query = dict(case.query or {})
        known_query(draw, operation, found, query)
        case.query = query
    if isinstance(case.body, dict) and draw(st.integers(0, 3)) < 3:
        body = dict(case.body)
        known_body(draw, operation, found, body)
        case.body = body
    case.headers = headers_for(draw, operation, found, is_last)
    case.cookies = {}
    return case


class Run:
    """All requests of one operation."""

    def __init__(self, operation):
        self.operation = operation
        self.name = operation.definition.raw["operationId"]
        self.rank = next((n for n, name in enumerate(LAST, 1) if self.name.startswith(name)), 0)
        # What takes more can go wrong in more ways.
        self.weight = 2 + len(list(operation.query)) + len(MEMBERS[self.name])
        self.sent = 0
        self.statuses = {}
        self.failure = None

    def send(self, case, **options):
        self.sent += 1
        response = case.call(base_url=url, session=session, timeout=20, **options)
        status = str(response.status_code)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return response

    def check(self, case):
        if not usable(case.path_parameters):
            return
        response = self.send(case)
        case.validate_response(response, checks=CHECKS)
        link = "".join(response.headers.get("Link", []))
        if "cursor=" in link:
            cursors.append(link.split("cursor=")[1].split("&")[0].split(">")[0])
        tag = response.headers.get("ETag")
        if tag and self.sent % 4 == 0:
            again = self.send(case, headers={**case.headers, "If-None-Match": tag[0]})
            case.validate_response(again, checks=CHECKS)

    def round(self, examples, number):
        @seed(first_seed + number)
        @settings(
            max_examples=examples, database=None, deadline=None, verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink], print_blob=False,
        )
        @given(generated(self.operation, self.rank > 0))
        def test(case):
            self.check(case)

        had = self.sent
        self.statuses = {}
        try:
            test()
        except BaseException as why:
            if isinstance(why, KeyboardInterrupt):
                raise
            self.failure = "\n".join(told(why))[:8000]
        print(json.dumps({"operation": self.name, "requests": self.sent - had, "statuses": self.statuses, "failure": self.failure}), flush=True)


def told(why):
    if isinstance(why, BaseExceptionGroup):
        for one in why.exceptions:
            yield from told(one)
    else:
        yield f"{type(why).__name__}: {why}"


runs = sorted((Run(result.ok()) for result in schema.get_all_operations()), key=lambda run: run.rank)
all_weights = sum(run.weight for run in runs)
number = 0
# Some operations have fewer different requests than are wanted: the others make up for it.
while number < 5 and sum(run.sent for run in runs) < wanted:
    for run in runs:
        if run.failure is None:
            run.round(max(2, math.ceil(wanted * run.weight / all_weights)), number)
    number += 1
