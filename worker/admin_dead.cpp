/*
 * A dead letter goes back into the queue as the edge wrote it, with its delivery id, in a
 * transaction that forgets it here. If the command ends before the commit, the letter is
 * still there, and putting it back once more has no effect.
 */

#include "worker/admin_dead.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_progress.hpp"
#include "worker/admin_queue.hpp"
#include "worker/entry.hpp"

#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace errtrack {
namespace {

/* With more in the queue, letters would drive new reports into the spools of edges. */
constexpr long long most_waiting = 1000;

/* A queue that has not got shorter for so long is not read. */
constexpr auto patience = std::chrono::seconds(30);

std::vector<std::string> find_letters(Database &database, const Options &options)
{
    std::vector<std::string> ids;
    if (!options.ids.empty()) {
        for (std::int64_t id : options.ids) {
            ids.push_back(std::to_string(id));
        }
        return ids;
    }
    pqxx::result found = database.run(
        "select l.id from errtrack_private.dead_letter_list as l"
        " where $1::text is null or l.project = errtrack_private.find_project($1) order by l.id",
        null_if_empty(options.project));
    for (const auto &row : found) {
        ids.emplace_back(row[0].c_str());
    }
    return ids;
}

/* What no edge wrote would die again. */
bool is_record(std::string_view meta)
{
    bool known = false;
    bool identified = false;
    for_each_meta(meta, [&](std::string_view name, std::string_view value) {
        known |= name == "v" && value == entry_version;
        identified |= name == "id" && !normalize_uuid(value).empty();
    });
    return known && identified;
}

long long waiting(Redis &redis)
{
    return redis.must({"XLEN", stream_key(0, false)})->integer
           + redis.must({"XLEN", stream_key(0, true)})->integer;
}

void wait_for_room(Redis &redis)
{
    long long least = waiting(redis);
    auto until = std::chrono::steady_clock::now() + patience;
    for (long long now = least; now >= most_waiting; now = waiting(redis)) {
        if (now < least) {
            least = now;
            until = std::chrono::steady_clock::now() + patience;
        }
        if (std::chrono::steady_clock::now() > until) {
            throw Failure(Exit::refused, "the queue does not get shorter: look whether a worker runs");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

/* False: it is no record that an edge wrote. */
bool replay(Database &database, Redis &redis, const std::string &id)
{
    pqxx::result found = database.run(
        "select l.meta, l.body from errtrack_private.dead_letters as l where l.id = $1 for update", id);
    if (found.empty()) {
        throw Failure(Exit::refused, "there is no dead letter " + id);
    }
    std::string meta = found[0][0].c_str();
    if (!is_record(meta)) {
        return false;
    }
    pqxx::binarystring body(found[0][1]);
    std::string stream = stream_key(0, body.size() > large_body);
    std::string_view bytes(body.get(), body.size());
    // If it dies again at once, the worker waits here for the commit: with the letter still
    // in place it would find that there is one, and let go of the entry.
    database.run("select errtrack_private.revive_dead_letter($1)", id);
    redis.must({"XADD", stream, "*", field_meta, meta, field_body, bytes});
    database.commit();
    return true;
}

}

void list_dead(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select l.id, l.project, l.died_at, l.received_at, l.endpoint, l.items, l.size, l.reason"
              " from errtrack_private.dead_letter_list as l"
              " where $1::text is null or l.project = errtrack_private.find_project($1)"
              " order by l.id desc limit $2",
              null_if_empty(options.project), options.limit_rows);
}

void show_dead(const Options &options)
{
    Database database(options.database);
    std::string id = std::to_string(options.id);
    pqxx::result found = database.run(
        "select case when $2::boolean then l.body end from errtrack_private.dead_letters as l where l.id = $1",
        id, options.body ? "true" : "false");
    if (found.empty()) {
        throw Failure(Exit::refused, "there is no dead letter " + id);
    }
    if (options.body) {
        pqxx::binarystring body(found[0][0]);
        std::cout.write(body.get(), static_cast<std::streamsize>(body.size()));
        return;
    }
    const std::string fields = "select l.id, l.project, l.died_at, l.received_at, l.size, l.reason,"
                               " l.delivery_id, l.event_id";
    const std::string source = " from errtrack_private.dead_letter_list as l where l.id = $1";
    show_record(std::cout, database, options.json, {},
                fields + (options.json ? ", l.meta" : "") + source, id);
    if (!options.json) {
        // What the edge noted about the request, in lines already.
        pqxx::result meta = database.run(
            "select regexp_replace(l.meta, E'[^\\x20-\\x7e\\n]', '?', 'g')" + source, id);
        std::cout << '\n' << meta[0][0].c_str() << '\n';
    }
}

void delete_dead(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.delete_dead_letters($1::bigint[])", array_of(options.ids));
    database.commit();
    for (std::int64_t id : options.ids) {
        std::cout << "dead letter " << id << " is deleted\n";
    }
}

void replay_dead(const Options &options)
{
    if (options.ids.empty() && options.project.empty() && !options.all) {
        throw Failure(Exit::refused, "name dead letters, a --project or --all");
    }
    if (options.redis.empty()) {
        throw Failure(Exit::refused, "name the queue with --redis or ERRTRACK_REDIS");
    }
    Database database(options.database);
    std::vector<std::string> ids = find_letters(database, options);
    std::size_t replayed = 0;
    std::size_t passed_over = 0;
    auto tell = [&] {
        std::cout << replayed << " of " << ids.size() << " dead letters are back in the queue\n";
        if (passed_over > 0) {
            std::cout << passed_over << " are no records of an edge, and stay dead\n";
        }
    };
    try {
        with_redis(options, [&](Redis &redis) {
            Progress progress(ids.size());
            for (const std::string &id : ids) {
                wait_for_room(redis);
                database.begin();
                (replay(database, redis, id) ? replayed : passed_over)++;
                progress.show(replayed + passed_over, "dead letter " + id);
            }
        });
    } catch (const Failure &) {
        tell();
        throw;
    }
    tell();
}

}
