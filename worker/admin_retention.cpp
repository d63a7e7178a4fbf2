/*
 * What goes is decided in SQL (sql/api/012_retention.sql), which removes it in steps of a
 * transaction each: ended in between, the command has removed less, and the next one, or
 * the worker, goes on.
 */

#include "worker/admin_retention.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_progress.hpp"

#include <chrono>
#include <cstddef>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace errtrack {
namespace {

/* How long the instance keeps events; nothing before a worker has said it. */
std::optional<int> days_of_workers(Database &database)
{
    pqxx::result found = database.run("select r.days from errtrack_private.retention as r");
    return found.empty() ? std::nullopt : std::optional(found[0][0].as<int>());
}

/* The retention of the worker, so that the two cannot differ by accident. */
int days_to_keep(Database &database, const Options &options)
{
    if (options.days > 0) {
        return options.days;
    }
    std::optional<int> days = days_of_workers(database);
    if (!days) {
        throw Failure(Exit::refused, "no worker has said yet how long events are kept: give --days");
    }
    return *days;
}

/* Of things that go: a partition is one, whatever is in it. */
std::size_t planned_steps(Database &database, int days)
{
    pqxx::result found = database.run(
        "select coalesce(sum(case when p.what = 'partition' then 1 else p.rows end), 0)::bigint"
        " from errtrack_private.retention_plan($1) as p", days);
    return found[0][0].as<std::size_t>();
}

}

void run_retention(const Options &options)
{
    Database database(options.database);
    int days = days_to_keep(database, options);
    if (options.dry_run) {
        show_list(std::cout, database, options.json,
                  "select p.what, p.name, p.older_than, p.rows, p.bytes"
                  " from errtrack_private.retention_plan($1) as p", days);
        return;
    }
    std::vector<std::pair<std::string, std::size_t>> removed;
    std::size_t partitions = 0;
    {
        Progress progress(planned_steps(database, days));
        database.run("select errtrack_private.note_retention($1)", days);
        database.commit();
        for (std::size_t steps = 0;;) {
            database.begin();
            pqxx::result turn = database.run(
                "select r.finished, r.busy, r.what, r.removed"
                " from errtrack_private.retain($1, '500 ms') as r", days);
            database.commit();
            if (turn[0][0].as<bool>()) {
                break;
            }
            std::string what = turn[0][2].c_str();
            if (turn[0][1].as<bool>()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(500));
            } else if (turn[0][3].is_null()) {
                partitions++;
                steps++;
            } else {
                auto rows = turn[0][3].as<std::size_t>();
                steps += rows;
                if (removed.empty() || removed.back().first != what) {
                    removed.emplace_back(what, 0);
                }
                removed.back().second += rows;
            }
            progress.show(steps, what);
        }
    }
    std::cout << "partitions: " << partitions << " dropped\n";
    for (const auto &[what, rows] : removed) {
        std::cout << what << ": " << rows << " removed\n";
    }
}

void project_retention(const Options &options)
{
    Database database(options.database);
    if (options.project_days) {
        std::string days = number_or_empty(*options.project_days);
        database.run("select errtrack_private.set_project_retention("
                     "errtrack_private.find_project($1), $2)", options.project, null_if_empty(days));
    }
    pqxx::result found = database.run("select p.retention_days from errtrack_private.find_project($1) as f (id)"
                                      " join errtrack_private.projects as p on p.id = f.id", options.project);
    int days = found[0][0].as<int>(0);  /* 0: none of its own */
    std::optional<int> most = days_of_workers(database);
    database.commit();
    std::cout << options.project
              << (days > 0 ? " is kept for " + std::to_string(days) + " days"
                       : " is kept as long as the instance keeps events"
                             + (most ? ": " + std::to_string(*most) + " days" : std::string()))
              << '\n';
    if (most && days > *most) {
        remark("the instance keeps events for " + std::to_string(*most)
               + " days, which holds for this project too (errtrack-worker --retention)");
    }
}

}
