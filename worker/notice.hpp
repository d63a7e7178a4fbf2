/*
 * What people are to be told: one notice is one JSON object, prepared in the database, and
 * becomes one message for each channel or tracker. Its texts come from clients of anybody: any
 * Unicode, any markup, some of them as long as a client likes. Pure.
 */

#ifndef ERRTRACK_WORKER_NOTICE_HPP
#define ERRTRACK_WORKER_NOTICE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack {

/* The last three are for trackers. */
enum class NoticeKind {
    new_issue, regression, unignored, frequency, spike, quota_reached, behind, digest, test, create, close, reopen
};

/* As it stands in a notice: new_issue. */
std::string_view word_of(NoticeKind kind);

/* No text of a notice is longer, in bytes. */
inline constexpr std::size_t most_notice_text = 4096;

/* A text that is null or absent is empty. Times are as the database writes them. */
struct Notice {
    struct Rule {
        std::int64_t id = 0;
        std::string name;
    };

    struct Project {
        std::int64_t id = 0;
        std::string slug;
        std::string name;
        std::string organization;       /* its slug */
    };

    struct Issue {
        std::int64_t id = 0;
        std::string short_id;
        std::string title;
        std::string culprit;
        std::string level;
        std::string type;
        std::string value;
        std::string platform;
        std::string status;
        std::int64_t events = 0;
        std::int64_t users = 0;
        std::string first_seen;
        std::string last_seen;
        std::string first_release;
        std::string last_release;
        std::string assigned_to;
    };

    struct Event {
        std::string id;
        std::string release;
        std::string environment;
    };

    /* Each kind has some of them. */
    struct Reason {
        std::string resolved_at;
        std::string resolved_by;
        std::string resolved_in;
        std::string ignored_at;
        std::string ignored_by;
        std::string until;
        std::string hour;
        std::optional<std::int64_t> events;
        std::optional<std::int64_t> users;
        std::optional<std::int64_t> minutes;
        std::optional<std::int64_t> refused;
        std::optional<std::int64_t> seconds;
        std::optional<double> usual_per_hour;
    };

    struct Digest {
        struct Issue {
            std::string short_id;
            std::string title;
        };

        std::int64_t beyond = 0;
        std::int64_t muted = 0;
        std::vector<std::pair<NoticeKind, std::int64_t>> by_kind;
        std::vector<Issue> issues;
        std::string query;              /* search that lists all of its issues; empty: it is about none */
    };

    NoticeKind kind = NoticeKind::test;
    std::string at;
    std::optional<Rule> rule;           /* nothing: of no rule that anybody made */
    Project project;
    std::optional<Issue> issue;
    std::optional<Event> event;
    Reason reason;
    std::optional<Digest> digest;
    std::string json;                   /* the object itself, its texts cut as those above are */
};

/* A text is no notice: the database and the daemon are not of the same version. */
class NoticeError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* Throws NoticeError. */
Notice read_notice(std::string_view json);

}

#endif
