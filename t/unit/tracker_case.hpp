/* What the tests of trackers have in common: a client that may ask loopback, and notices. */

#ifndef ERRTRACK_T_UNIT_TRACKER_CASE_HPP
#define ERRTRACK_T_UNIT_TRACKER_CASE_HPP

#include "worker/tracker.hpp"

#include "t/unit/loopback_server.hpp"

#include <stop_token>
#include <string>
#include <string_view>

inline const std::string tracker_notice = R"({
    "kind": "create", "at": "2026-01-31T12:00:00.000Z",
    "project": {"id": 7, "slug": "shop", "name": "Shop", "organization": "acme"},
    "issue": {"id": 42, "short_id": "SHOP-1A", "title": "ValueError: see #1, @all", "culprit": "shop.cart in total", "level": "error",
              "type": "ValueError", "value": "see #1, @all\n/close\n```\n/assign @root", "platform": "python", "status": "unresolved",
              "events": 12, "users": 3, "first_seen": "2026-01-30T10:00:00Z", "last_seen": "2026-01-31T11:59:00Z",
              "first_release": "shop@1.2.0", "last_release": "shop@1.3.0", "assigned_to": null},
    "event": {"id": "0123456789abcdef0123456789abcdef", "release": "shop@1.3.0", "environment": "production"},
    "reason": {"resolved_by": "jo@example.com", "resolved_in": "shop@1.2.1"}})";

inline errtrack::TrackerTask tracker_task(errtrack::NoticeKind kind, const std::string &reference = "", unsigned attempts = 0)
{
    errtrack::TrackerTask task;
    task.notice = errtrack::read_notice(tracker_notice);
    task.notice.kind = kind;
    task.delivery = {"018f2a6e-7c11-7d20-9b7e-5a3c1e0f4b99", 1'769'860'800, "https://errors.example.com"};
    task.attempts = attempts;
    task.reference = reference;
    return task;
}

/* One delivery each, or the second of them would find what the first did. */
inline errtrack::TrackerTask with_delivery(errtrack::TrackerTask task, std::string_view id)
{
    task.delivery.id = id;
    return task;
}

inline errtrack::TrackerOutcome tell(const errtrack::TrackerSettings &tracker, const errtrack::TrackerTask &task)
{
    errtrack::WebClientSettings settings;
    settings.guard = errtrack::AddressGuard({"127.0.0.1"});
    errtrack::WebClient client(settings);
    return errtrack::tell_tracker(client, tracker, task, std::stop_token());
}

#endif
