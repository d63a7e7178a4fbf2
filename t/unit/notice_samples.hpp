/* Notices as the database prepares them, for the tests of what becomes of them. */

#ifndef ERRTRACK_T_UNIT_NOTICE_SAMPLES_HPP
#define ERRTRACK_T_UNIT_NOTICE_SAMPLES_HPP

#include "worker/json.hpp"

#include <string>
#include <string_view>

namespace errtrack {

inline const std::string sample_project = R"("project": {"id": 7, "slug": "shop", "name": "Shop", "organization": "acme"})";

inline const std::string sample_event =
    R"("event": {"id": "0123456789abcdef0123456789abcdef", "release": "1.3.0", "environment": "production"})";

/* About an issue with that title, or a title like most. */
inline std::string sample_issue(std::string_view title = "ValueError: invalid literal")
{
    std::string quoted;
    append_json_string(quoted, title);
    return R"("issue": {"id": 42, "short_id": "SHOP-1A", "title": )" + quoted + R"(, "culprit": "shop.cart in total",
        "level": "error", "type": "ValueError", "value": "invalid literal", "platform": "python", "status": "unresolved",
        "events": 1234, "users": 1, "first_seen": "2026-01-30T08:15:00.000Z", "last_seen": "2026-01-31T11:59:58.123Z",
        "first_release": "1.2.0", "last_release": null, "assigned_to": null})";
}

inline std::string sample(const std::string &kind, const std::string &members)
{
    return R"({"kind": ")" + kind + R"(", "at": "2026-01-31T12:00:00.000Z", )" + sample_project
           + (members.empty() ? "" : ", ") + members + '}';
}

/* One of each kind that channels get. */
inline const std::string samples[] = {
    sample("new_issue", sample_issue() + ", " + sample_event + R"(, "rule": {"id": 12, "name": "All that is new"})"),
    sample("regression", sample_issue() + ", " + sample_event + R"(, "reason": {"resolved_at": "2026-01-20T10:00:00.000Z",
        "resolved_by": "jo@example.com", "resolved_in": "1.2.0"})"),
    sample("unignored", sample_issue() + R"(, "reason": {"ignored_at": "2026-01-20T10:00:00.000Z", "ignored_by": "jo@example.com",
        "events": 1000, "users": null})"),
    sample("frequency", sample_issue() + ", " + sample_event + R"(, "reason": {"events": 500, "users": 20, "minutes": 60})"),
    sample("spike", sample_issue() + R"(, "reason": {"events": 300, "minutes": 10, "usual_per_hour": 300.0})"),
    sample("quota_reached", R"("reason": {"refused": 12345, "hour": "2026-01-31T11:00:00.000Z"})"),
    sample("behind", R"("reason": {"seconds": 720})"),
    sample("digest", R"("digest": {"beyond": 415, "muted": 3, "by_kind": {"new_issue": 410, "regression": 5},
        "issues": [{"short_id": "SHOP-1A", "title": "ValueError: invalid literal"}, {"short_id": "SHOP-1B", "title": "<b>KeyError</b>"}],
        "query": "firstSeen:>=2026-01-31T11:00Z"})"),
    sample("test", ""),
};

}

#endif
