/*
 * One record of what PostgreSQL and Redis know, and the sentences about what is wrong
 * with it.
 */

#include "worker/admin_status.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_queue.hpp"
#include "worker/backlog.hpp"
#include "worker/entry.hpp"
#include "worker/json.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace errtrack {
namespace {

const std::string database_fields =
    "select i.postgresql, i.migration, i.projects, i.active_keys, i.disabled_keys,"
    " i.unresolved_issues, i.events_last_hour, i.events_last_day, i.rows_in_default_partitions,"
    " i.dead_letters, o.dead_letters_last_day, o.ledger_since, o.requests_accepted,"
    " o.requests_refused, o.requests_filed, o.requests_dead, o.requests_waiting,"
    " o.replicas, o.replica_bytes_behind";

/* What is neither in the database nor in Redis is in a spool, or was counted just now. */
const std::string open_field =
    ", o.requests_accepted - o.requests_filed - o.requests_dead - o.requests_waiting as requests_open";

const std::string source =
    " from errtrack_private.instance_status as i, errtrack_private.operation_status as o";

struct QueueStatus {
    Backlog events;
    Backlog large;
    std::string keys_generation;        /* empty: no projection */

    std::int64_t lag_seconds() const
    {
        return std::llround(std::floor(std::max(events.oldest_seconds, large.oldest_seconds)));
    }
};

QueueStatus read_queue(Redis &redis)
{
    QueueStatus status;
    status.events = read_backlog(redis, stream_key(0, false));
    status.large = read_backlog(redis, stream_key(0, true));
    status.keys_generation = redis.must({"HGET", keys_hash, keys_marker}).text();
    return status;
}

std::string pending(const Backlog &backlog)
{
    return backlog.pending ? std::to_string(*backlog.pending) : "";
}

void print(std::ostream &out, Database &database, const Options &options,
           const std::optional<QueueStatus> &queue)
{
    if (options.redis.empty()) {
        show_record(out, database, options.json, {}, database_fields + open_field + source);
        return;
    }
    const std::string fields =
        database_fields + open_field
        + ", $1::bigint as queue_events, $2::bigint as queue_events_pending,"
          " $3::bigint as queue_large, $4::bigint as queue_large_pending,"
          " $5::bigint as queue_lag_seconds, $6::text as keys_generation" + source;
    std::vector<std::string> values(6);
    if (queue) {
        values = {std::to_string(queue->events.entries), pending(queue->events),
                  std::to_string(queue->large.entries), pending(queue->large),
                  std::to_string(queue->lag_seconds()), queue->keys_generation};
    }
    show_record(out, database, options.json, {}, fields, null_if_empty(values[0]),
                null_if_empty(values[1]), null_if_empty(values[2]), null_if_empty(values[3]),
                null_if_empty(values[4]), null_if_empty(values[5]));
}

std::string alarms(Database &database, const Options &options,
                   const std::optional<QueueStatus> &queue)
{
    std::string text;
    auto alarm = [&](const std::string &sentence) {
        text.append(text.empty() ? "" : "; ").append(sentence);
    };
    pqxx::result found = database.run(
        "select rows_in_default_partitions, dead_letters_last_day"
        " from errtrack_private.instance_status, errtrack_private.operation_status");
    if (found[0][0].as<std::int64_t>() > 0) {
        alarm("partitions were not made in time, rows lie in the default ones: look whether a "
              "worker runs");
    }
    if (std::string dead = found[0][1].c_str(); dead != "0") {
        alarm(dead + " dead letters since yesterday: see errtrack dead list");
    }
    if (queue && queue->lag_seconds() > options.max_lag_seconds) {
        alarm("what is in the queue has waited for " + std::to_string(queue->lag_seconds())
              + " s: look whether a worker runs");
    }
    return text;
}

/* Without the database. Unknown numbers are null in JSON, as with it. */
void print_queue(std::ostream &out, const Options &options, const QueueStatus &queue)
{
    const Fields fields = {{"queue_events", std::to_string(queue.events.entries)},
                           {"queue_events_pending", pending(queue.events)},
                           {"queue_large", std::to_string(queue.large.entries)},
                           {"queue_large_pending", pending(queue.large)},
                           {"queue_lag_seconds", std::to_string(queue.lag_seconds())}};
    if (!options.json) {
        Fields shown = fields;
        shown.emplace_back("keys_generation", queue.keys_generation);
        print_record(out, shown);
        return;
    }
    out << '{';
    for (const auto &[name, number] : fields) {
        out << '"' << name << "\":" << (number.empty() ? "null" : number) << ',';
    }
    std::string generation;
    append_json_string(generation, queue.keys_generation);
    out << "\"keys_generation\":" << (queue.keys_generation.empty() ? "null" : generation) << "}\n";
}

/* When one of Redis and the database does not answer, what the other knows is shown all
 * the same. */
void show_once(std::ostream &out, const Options &options)
{
    std::optional<QueueStatus> queue;
    std::optional<Failure> trouble;
    if (!options.redis.empty()) {
        try {
            queue = with_redis(options, read_queue);
        } catch (const Failure &failure) {
            trouble = failure;
        }
    }
    std::string alarm;
    try {
        Database database(options.database);
        alarm = alarms(database, options, queue);
        print(out, database, options, queue);
    } catch (const Failure &failure) {
        if (queue) {
            print_queue(out, options, *queue);
        }
        throw Failure(failure.code(),
                      failure.what() + (trouble ? std::string("; ") + trouble->what() : ""));
    }
    if (trouble) {
        throw Failure(*trouble);
    }
    if (!alarm.empty()) {
        throw Failure(Exit::alarm, alarm);
    }
}

/* A screen at a time on a terminal, else one after the other. */
[[noreturn]] void watch(const Options &options)
{
    bool terminal = isatty(STDOUT_FILENO) == 1 && !options.json;
    for (;;) {
        std::ostringstream screen;
        std::string trouble;
        try {
            show_once(screen, options);
        } catch (const Failure &failure) {
            trouble = failure.what();
        }
        if (!options.json) {
            std::time_t now = std::time(nullptr);
            char clock[32] = "";
            std::strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", std::localtime(&now));
            std::cout << (terminal ? "\033[H\033[2J" : "") << clock << "\n\n";
        }
        std::cout << screen.str();
        if (!trouble.empty()) {
            (options.json ? std::cerr : std::cout) << "errtrack: " << trouble << '\n';
        }
        if (!std::cout.flush()) {
            throw Failure(Exit::refused, "cannot write the output");
        }
        std::this_thread::sleep_for(std::chrono::seconds(options.watch_seconds));
    }
}

}

void show_status(const Options &options)
{
    if (options.watch_seconds > 0) {
        watch(options);
    }
    show_once(std::cout, options);
}

}
