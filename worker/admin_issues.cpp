/*
 * Every change is one call of a function of sql/api, which judges what is asked for.
 * Splitting is many, each a transaction of its own.
 */

#include "worker/admin_issues.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"

#include <chrono>
#include <iostream>
#include <thread>

#include <unistd.h>

namespace errtrack {
namespace {

/* The number of an issue that is named by it or by its short id. */
std::string number_of(Database &database, const Options &options, const std::string &issue)
{
    return database.run("select errtrack_private.issue_meant(errtrack_private.find_project($1), $2)",
                        options.project, issue)[0][0].c_str();
}

std::string issue_of(Database &database, const Options &options)
{
    return number_of(database, options, options.issue);
}

/* A release that is still to come is as good as a wrong one, to all but a person. */
void remark_on_release(Database &database, const Options &options)
{
    pqxx::result named = database.run(
        "select errtrack_private.release_was_named(errtrack_private.find_project($1), $2, $3)",
        options.project, issue_of(database, options), options.in_release);
    if (!named[0][0].as<bool>()) {
        remark("no event of " + options.project + " has named release " + options.in_release + " yet");
    }
}

void change_issue(const Options &options, const std::string &status)
{
    Database database(options.database);
    std::string events = number_or_empty(options.events);
    std::string users = number_or_empty(options.users);
    database.run(
        "select errtrack_private.change_issue(errtrack_private.find_project($1), $2, $3, $4, $5,"
        " $6::boolean, $7::timestamptz, $8, $9)",
        options.project, issue_of(database, options), status, null_if_empty(options.who),
        null_if_empty(options.in_release), options.next_release ? "true" : "false",
        null_if_empty(options.until), null_if_empty(events), null_if_empty(users));
    database.commit();
    std::cout << "issue " << options.issue << " is " << status << '\n';
    if (!options.in_release.empty()) {
        database.begin();
        remark_on_release(database, options);
    }
}

/* Progress on a terminal overwrites itself; elsewhere nobody wants it. */
void show_progress(const pqxx::row &split)
{
    if (isatty(STDERR_FILENO) != 0) {
        std::cerr << "\rlooked at " << split[0].c_str() << " of " << split[1].c_str()
                  << " events, " << split[2].c_str() << " moved " << std::flush;
    }
}

}

void list_issues(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select i.id, errtrack_private.short_id(p.slug, i.id) as short_id, i.status, i.events, i.users,"
              " i.first_seen, i.last_seen, i.title"
              " from errtrack_private.projects as p"
              " cross join lateral errtrack_private.issue_list(p.id, $2, $3) as i"
              " where p.id = errtrack_private.find_project($1)",
              options.project, null_if_empty(options.status), std::to_string(options.most));
}

void show_issue(const Options &options)
{
    Database database(options.database);
    show_record(std::cout, database, options.json, {},
                "select errtrack_private.short_id(p.slug, i.id) as short_id, i.*"
                " from errtrack_private.projects as p"
                " cross join lateral errtrack_private.issue_record(p.id, $2) as i"
                " where p.id = errtrack_private.find_project($1)",
                options.project, issue_of(database, options));
}

void show_issue_history(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              std::string("select h.at, h.what, h.who, h.details") + (options.json ? "::json" : "")
                  + " from errtrack_private.issue_history_list("
                    "errtrack_private.find_project($1), $2) as h",
              options.project, issue_of(database, options));
}

void list_issue_hashes(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select h.hash, h.origin, h.variant, h.first_seen, h.title"
              " from errtrack_private.issue_hash_list("
              "errtrack_private.find_project($1), $2) as h",
              options.project, issue_of(database, options));
}

void list_similar_issues(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select i.id, errtrack_private.short_id(p.slug, i.id) as short_id, i.status, i.events, i.users,"
              " i.first_seen, i.last_seen, i.title"
              " from errtrack_private.projects as p"
              " cross join lateral errtrack_private.similar_issue_list(p.id, $2) as i"
              " where p.id = errtrack_private.find_project($1)",
              options.project, issue_of(database, options));
}

void resolve_issue(const Options &options)
{
    change_issue(options, "resolved");
}

void ignore_issue(const Options &options)
{
    change_issue(options, "ignored");
}

void reopen_issue(const Options &options)
{
    change_issue(options, "unresolved");
}

void merge_issues(const Options &options)
{
    Database database(options.database);
    std::vector<std::int64_t> others;
    for (const std::string &other : options.others) {
        others.push_back(std::stoll(number_of(database, options, other)));
    }
    database.run("select errtrack_private.merge_issues(errtrack_private.find_project($1), $2,"
                 " $3::bigint[], coalesce($4, session_user))",
                 options.project, issue_of(database, options), array_of(others),
                 null_if_empty(options.who));
    database.commit();
    for (const std::string &other : options.others) {
        std::cout << "issue " << other << " is merged into " << options.issue << '\n';
    }
}

void unmerge_issue(const Options &options)
{
    Database database(options.database);
    pqxx::result from = database.run(
        "select errtrack_private.unmerge_issue(errtrack_private.find_project($1), $2,"
        " coalesce($3, session_user))",
        options.project, issue_of(database, options), null_if_empty(options.who));
    database.commit();
    std::cout << "issue " << options.issue << " is apart from " << from[0][0].c_str() << " again\n";
}

void split_issue(const Options &options)
{
    Database database(options.database);
    pqxx::result begun = database.run(
        "select p.id, s.split_id, s.new_issue"
        " from errtrack_private.find_project($1) as p(id),"
        " errtrack_private.begin_split(p.id, $2, $3::uuid, coalesce($4, session_user)) as s",
        options.project, issue_of(database, options), options.value, null_if_empty(options.who));
    std::string project = begun[0][0].c_str();
    std::string split = begun[0][1].c_str();
    database.commit();
    std::string place;
    bool shown = false;
    for (;;) {
        database.begin();
        bool done = database.run("select errtrack_private.split_step($1, $2)", project, split)[0][0]
                        .as<bool>();
        pqxx::result now = database.run("select looked_at, total, moved from errtrack_private.splits"
                                        " where project_id = $1 and id = $2",
                                        project, split);
        database.commit();
        if (done) {
            break;
        }
        if (!now.empty()) {
            show_progress(now[0]);
            shown = true;
            // Nothing was looked at while batches go on that began before.
            if (std::exchange(place, now[0][0].c_str()) == now[0][0].c_str()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
            }
        }
    }
    if (shown && isatty(STDERR_FILENO) != 0) {
        std::cerr << '\n';
    }
    std::cout << "issue " << begun[0][2].c_str() << " is split off from " << options.issue << '\n';
}

void list_limits(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select l.name, l.value, l.own"
              " from errtrack_private.limit_list(errtrack_private.find_project($1)) as l",
              options.project);
}

void set_limit(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.set_limit(errtrack_private.find_project($1), $2, $3)",
                 options.project, options.name, options.value);
    database.commit();
    std::cout << options.name << " of " << options.project << " is " << options.value << '\n';
}

}
