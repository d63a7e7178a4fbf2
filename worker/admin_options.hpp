/*
 * What the command line of "errtrack" says, for whoever does it.
 */

#ifndef ERRTRACK_WORKER_ADMIN_OPTIONS_HPP
#define ERRTRACK_WORKER_ADMIN_OPTIONS_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#ifndef ERRTRACK_SQL_DIR
#define ERRTRACK_SQL_DIR "/usr/share/errtrack/sql"
#endif

namespace errtrack {

/* What a channel, an alert rule or a tracker is set to; empty, 0: not given. */
struct NotifyOptions {
    std::string channel;                /* name or id */
    std::string enabled;                /* on or off, as the next four */
    std::string confidential;
    std::string creates;
    std::string closes;
    std::string reopens;
    std::string url_file;               /* with the secret, or in the folder of the worker: _ref */
    std::string url_ref;
    std::string secret_file;
    std::string secret_ref;
    std::string token_file;
    std::string token_ref;
    std::vector<std::string> recipients;
    std::vector<std::string> headers;
    int hourly_cap = 0;

    std::string rule;                   /* name or id */
    std::vector<std::string> cleared;   /* options that are taken away again */
    int minutes = 0;
    int repeat_minutes = 0;
    std::vector<std::string> levels;
    std::vector<std::string> environments;
    std::vector<std::string> releases;
    std::vector<std::string> tags;      /* NAME=PATTERN */
    std::vector<std::string> channels;
    std::string mute;                   /* 22:00-06:00 */
    std::vector<int> days;
    std::string timezone;

    std::string tracker_url;
    std::string api;
    std::vector<std::string> labels;
};

/* Every option of every command; a command reads those that it declares. */
struct Options {
    std::string database;
    std::string sql_dir = ERRTRACK_SQL_DIR;
    std::string url = "http://localhost";
    bool gitlab = false;
    bool json = false;
    std::string redis;
    std::string redis_password_file;
    std::string spool;                  /* folder of an edge on this host */
    int watch_seconds = 0;              /* 0: once */
    int max_lag_seconds = 300;

    std::int64_t id = 0;
    std::string slug;
    std::string name;
    std::string organization;
    std::string project;
    std::string platform;
    std::string email;
    bool administrator = false;
    std::string role;
    std::string public_key;
    std::string label;
    std::vector<std::string> scopes;
    int expires_days = 0;

    std::vector<std::int64_t> ids;
    bool all = false;
    bool body = false;
    int limit_rows = 100;

    bool without_payloads = false;

    int days = 0;                       /* 0: not given */
    std::optional<int> project_days;    /* 0: as long as the instance */
    bool dry_run = false;

    std::string user_id;
    std::string address;
    std::string username;
    int wait_seconds = 30;

    std::string category;
    std::string limit;
    std::string kind;
    std::string value;

    std::string issue;                  /* number or short id, as others */
    std::vector<std::string> others;
    std::string status;
    std::string who;
    std::string in_release;
    bool next_release = false;
    std::string until;
    std::int64_t events = 0;
    std::int64_t users = 0;
    std::int64_t most = 100;
    std::vector<std::string> files;
    std::string event_id;
    std::string algorithm;
    int transition_days = 90;
    std::string fingerprint_rule;
    std::string stack_rule;
    int place = 0;

    std::string file;
    std::string secrets_key_file;

    std::string login;
    std::vector<std::string> projects;
    std::string password_file;
    int connections = 10;
    int timeout_seconds = 60;

    NotifyOptions notify;
};

/* The words with commas between them. */
inline std::string joined(const std::vector<std::string> &words)
{
    std::string text;
    for (const std::string &word : words) {
        text.append(text.empty() ? "" : ",").append(word);
    }
    return text;
}

/* As PostgreSQL reads a bigint[]. */
inline std::string array_of(const std::vector<std::int64_t> &ids)
{
    std::string array = "{";
    for (std::int64_t id : ids) {
        array.append(array.size() > 1 ? "," : "").append(std::to_string(id));
    }
    return array + "}";
}

/* Zero stands for an id that was not given. */
inline std::string number_or_empty(std::int64_t number)
{
    return number == 0 ? std::string() : std::to_string(number);
}

}

#endif
