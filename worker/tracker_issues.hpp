/*
 * What trackers with issues of their own have in common: GitLab and GitHub. All of it throws
 * TrackerStop.
 */

#ifndef ERRTRACK_WORKER_TRACKER_ISSUES_HPP
#define ERRTRACK_WORKER_TRACKER_ISSUES_HPP

#include "worker/tracker.hpp"
#include "worker/tracker_api.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* Of both of them, as they count. */
inline constexpr std::size_t most_tracker_title = 255;

struct TrackerIssue {
    std::string number;
    std::string url;
    bool open = true;
};

class IssueTracker {
public:
    virtual ~IssueTracker() = default;

    /* As references name it: acme/shop. */
    virtual const std::string &path() const = 0;

    /* Asks whether issues could be written, and writes nothing. */
    virtual void check() = 0;

    virtual TrackerIssue create(const std::string &title, const std::string &text) = 0;

    /* One that was created since then with the mark in its text, in microseconds since 1970. */
    virtual std::optional<TrackerIssue> find(std::string_view mark, std::int64_t since) = 0;

    /* Nothing when the project has it no more. */
    virtual std::optional<TrackerIssue> get(const std::string &number) = 0;

    virtual void set_open(const std::string &number, bool open) = 0;
    virtual void comment(const std::string &number, const std::string &text) = 0;
    virtual bool has_comment(const std::string &number, std::string_view mark, std::int64_t since) = 0;
};

/* What people configured, taken apart. */
struct TrackerPlace {
    std::string origin;                 /* https://gitlab.example.com:8443 */
    std::string host;                   /* gitlab.example.com:8443 */
    std::string path;                   /* behind the origin, without slashes around it */
    std::string api;                    /* of the settings, without a slash at its end; empty: not said */
    std::vector<std::string> labels;
    bool confidential = false;
};

TrackerPlace place_of(const TrackerSettings &tracker);

std::unique_ptr<IssueTracker> make_gitlab(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop);
std::unique_ptr<IssueTracker> make_github(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop);

/* A program of people's own: all of it is one request. */
TrackerOutcome tell_other(WebClient &client, const TrackerSettings &tracker, const TrackerTask &task,
                          const std::stop_token &stop);

/* Of how many names the path of a project consists; 0: it is none. */
std::size_t depth_of(std::string_view path);

/* An address as it is kept: empty if it is none. */
std::string kept_url(const std::string &url);

/* 2026-01-31T12:00:00Z */
std::string whole_seconds(std::int64_t time);

}

#endif
