/*
 * First what was queued before is waited for, so that it lies where it is searched; then
 * every place is searched, in steps of a transaction each (sql/api/015_erasure.sql). Ended in
 * between, the command has removed less, and the next one goes on.
 */

#include "worker/admin_erase.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_erase_person.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_progress.hpp"
#include "worker/admin_queue.hpp"
#include "worker/entry.hpp"
#include "worker/inflate.hpp"
#include "worker/outcome.hpp"
#include "worker/record.hpp"
#include "worker/repair.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace errtrack {
namespace {

/* For people, in this order; the names stand in --json and in the audit. */
constexpr std::string_view kinds[] = {
    "events", "bodies", "attachments", "feedback", "dead_letters", "waiting_requests", "issue_users",
    "sessions", "session_users", "tags", "names", "texts", "commits", "sign_in_attempts"};

/* Of a body when inflated: more than any edge lets in. */
constexpr std::size_t plain_limit = 256 * 1024 * 1024;

constexpr auto pause = std::chrono::milliseconds(200);

class Counts {
public:
    void add(std::string_view kind, long long number)
    {
        numbers_[static_cast<std::size_t>(std::find(std::begin(kinds), std::end(kinds), kind)
                                          - std::begin(kinds))] += number;
    }

    void add(Database &database, const std::string &object)
    {
        for (const auto &row : database.run("select r.key, r.value from jsonb_each_text($1) as r", object)) {
            add(row[0].c_str(), row[1].as<long long>());
        }
    }

    std::string json() const
    {
        std::string text = "{";
        for (std::size_t i = 0; i < std::size(kinds); i++) {
            text.append(i > 0 ? "," : "").append("\"").append(kinds[i]).append("\":");
            text.append(std::to_string(numbers_[i]));
        }
        return text + "}";
    }

    Fields found() const
    {
        Fields fields;
        for (std::size_t i = 0; i < std::size(kinds); i++) {
            if (numbers_[i] > 0) {
                fields.emplace_back(kinds[i], std::to_string(numbers_[i]));
            }
        }
        return fields;
    }

private:
    long long numbers_[std::size(kinds) + 1] = {};
};

// ---- the queue ------------------------------------------------------------------

/* The first of the entries up to one, and how many there are in the whole stream. */
constexpr std::string_view waiting_script =
    "local first = redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', 1) "
    "return {first[1] and first[1][1] or '', redis.call('XLEN', KEYS[1])}";

std::string last_entry(Redis &redis, const std::string &stream)
{
    RedisReply reply = redis.command({"XINFO", "STREAM", stream});
    for (std::size_t i = 0; !reply.is_error() && i + 1 < reply->elements; i += 2) {
        if (RedisReply::text_of(*reply->element[i]) == "last-generated-id") {
            return std::string(RedisReply::text_of(*reply->element[i + 1]));
        }
    }
    return "0";                         // there is no such stream
}

/* Waits until what is in the queue now is filed. Returns how many requests are still in it
 * when nobody takes them; 0: all are filed. */
long long wait_for_queue(Redis &redis, std::chrono::seconds patience)
{
    for (bool large : {false, true}) {
        std::string stream = stream_key(0, large);
        std::string last = last_entry(redis, stream);
        std::string first_before;
        auto until = std::chrono::steady_clock::now() + patience;
        for (;;) {
            RedisReply reply = redis.must({"EVAL", waiting_script, "1", stream, last});
            std::string first(RedisReply::text_of(*reply->element[0]));
            if (first.empty()) {
                break;
            }
            auto now = std::chrono::steady_clock::now();
            until = first == first_before ? until : now + patience;
            if (now >= until) {
                return reply->element[1]->integer;
            }
            first_before = first;
            std::this_thread::sleep_for(pause);
        }
    }
    return 0;
}

/* What is to be told of the queue; empty when all of it is filed. */
std::string trouble_with_queue(const Options &options)
{
    try {
        long long left = with_redis(options, [&](Redis &redis) {
            return wait_for_queue(redis, std::chrono::seconds(options.wait_seconds));
        });
        return left == 0 ? ""
                         : std::to_string(left) + " requests wait in the queue, and may name the person: "
                           "see that a worker runs, and run this again when they are filed";
    } catch (const Failure &failure) {
        return std::string("the queue could not be looked at: ") + failure.what()
               + ": run this again when it can be";
    }
}

// ---- requests that lie as they came -----------------------------------------------

/* As text for PostgreSQL: a blank for what cannot be one. */
std::string as_text(std::string_view bytes)
{
    std::string text;
    text.reserve(bytes.size());
    while (!bytes.empty()) {
        std::size_t invalid = 1;
        std::size_t length = utf8_sequence(bytes, invalid);
        if (length == 0 || bytes[0] == '\0') {
            text.push_back(' ');
            bytes.remove_prefix(std::max<std::size_t>(length == 0 ? invalid : length, 1));
        } else {
            text.append(bytes.substr(0, length));
            bytes.remove_prefix(length);
        }
    }
    return text;
}

struct Unfiled {
    std::string written;                /* of it, and in it */
    std::string events = "[";
    std::string items = "[";
    bool is_theirs = false;             /* the user of an event */
    bool readable = false;
};

void read_record(const Record &record, const Person &person, Unfiled &request)
{
    std::string inflated;
    std::string_view plain = record.body;
    if (!record.encoding.empty()
        && inflate(record.encoding, record.body, plain_limit, inflated) == reason::none)
    {
        plain = inflated;
    }
    request.written.append("\n").append(as_text(plain));
    Content content = read_content(record);
    for (const Event &event : content.events) {
        request.events.append(request.events.size() > 1 ? "," : "").append(event.payload);
        request.is_theirs |= event.user
                             && std::find(person.user_hashes.begin(), person.user_hashes.end(), *event.user)
                                    != person.user_hashes.end();
    }
    for (const Item &item : content.items) {
        request.items.append(request.items.size() > 1 ? "," : "").append(item.row);
    }
    request.readable |= !content.events.empty() || !content.items.empty() || !content.attachments.empty();
}

Unfiled read_unfiled(const std::string &said, const std::string &meta, std::string_view body,
                     const Person &person)
{
    Unfiled request;
    request.written = said + "\n" + meta;
    std::int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::system_clock::now().time_since_epoch()).count();
    QueueEntry entry{"", "", 1, {{std::string(field_meta), meta}, {std::string(field_body), std::string(body)}}};
    try {
        for (const Record &record : records_of(entry, now)) {
            read_record(record, person, request);
        }
    } catch (const UnknownVersion &) {
        request.written.append("\n").append(as_text(body));
    } catch (const std::invalid_argument &) {
        request.written.append("\n").append(as_text(body));
    }
    request.events += "]";
    request.items += "]";
    return request;
}

class Erasure {
public:
    Erasure(const Options &options, Database &database, Person person, std::string projects)
        : dry_(options.dry_run ? "true" : "false"), database_(database),
          person_(std::move(person)), projects_(std::move(projects))
    {
    }

    /* Goes on with what was ended early. A dry run begins anew. */
    void begin(const std::string &project)
    {
        if (!is_dry()) {
            pqxx::result begun = database_.run(
                "select b.id, b.removed, b.searched_before from errtrack_private.begin_erasure($1, $2) as b",
                person_.json, null_if_empty(project));
            id_ = begun[0][0].c_str();
            counts_.add(database_, begun[0][1].c_str());
            searched_before_ = begun[0][2].is_null() ? "" : begun[0][2].c_str();
        }
        database_.run("select errtrack_private.prepare_erasure()");
        next();
    }

    void run()
    {
        pqxx::result parts = database_.run(
            "select p.parent, p.name, p.day, p.day < $1::date as searched"
            " from errtrack_private.erasure_partitions() as p", null_if_empty(searched_before_));
        pqxx::result places = database_.run("select r.place, r.name, r.what from errtrack_private.erasable_rows() as r order by 1");
        next();
        Progress progress(parts.size() + places.size() + 1);
        std::size_t done = 0;
        requests(progress);
        std::string day;
        for (const auto &part : parts) {
            done++;
            if (part[3].is_null() || !part[3].as<bool>()) {
                if (day != part[2].c_str()) {
                    day = part[2].c_str();
                    note(day, false);
                }
                partition(part[0].c_str(), part[1].c_str(), [&] { progress.show(done, part[1].c_str()); });
            }
        }
        repeat("issue_users", "select o.busy, o.more, o.removed"
                              " from errtrack_private.erase_own_users($1, $2::bigint[], $3::boolean) as o");
        counts_.add("tags", step("select errtrack_private.erase_tags($1, $2::bigint[], $3::boolean)")[0][0].as<long long>());
        for (const auto &place : places) {
            progress.show(++done, place[1].c_str());
            repeat(place[2].c_str(), "select r.busy, r.more, r.removed from errtrack_private.erase_rows($1, $2::bigint[], "
                                     + std::string(place[0].c_str()) + ", $3::boolean) as r");
        }
        finish();
    }

    Fields found() const { return counts_.found(); }
    std::string json() const { return counts_.json(); }
    std::size_t unreadable() const { return unreadable_; }

private:
    bool is_dry() const { return dry_ == "true"; }
    const char *projects() const { return null_if_empty(projects_); }

    void next()
    {
        database_.commit();
        database_.begin();
    }

    /* A statement about the person ($1), projects ($2), and whether nothing is to change ($3). */
    pqxx::result step(const std::string &statement)
    {
        pqxx::result answer = database_.run(statement, person_.json, projects(), dry_);
        next();
        return answer;
    }

    /* A statement that says whether it was busy, has more to do, and what it did. */
    void repeat(std::string_view kind, const std::string &statement)
    {
        for (bool more = true; more;) {
            pqxx::result turn = step(statement);
            more = turn[0][1].as<bool>();
            counts_.add(kind, turn[0][2].as<long long>());
            if (turn[0][0].as<bool>()) {
                std::this_thread::sleep_for(pause);
            }
        }
    }

    void note(const std::string &searched_before, bool finished)
    {
        if (!is_dry()) {
            database_.run("select errtrack_private.note_erasure($1, $2, $3::date, $4::boolean)", id_, counts_.json(),
                          null_if_empty(searched_before), finished ? "true" : "false");
            next();
        }
    }

    template <class Tell>
    void partition(const std::string &parent, const std::string &name, Tell tell)
    {
        for (std::string block = "0"; !block.empty();) {
            tell();
            pqxx::result turn = database_.run(
                "select e.next_block, e.busy, e.removed"
                " from errtrack_private.erase_partition($1, $2::bigint[], $3, $4, $5, $6::boolean) as e",
                person_.json, projects(), parent, name, block, dry_);
            counts_.add(database_, turn[0][2].c_str());
            next();
            block = turn[0][0].is_null() ? "" : turn[0][0].c_str();
            if (turn[0][1].as<bool>()) {
                std::this_thread::sleep_for(pause);
            }
        }
    }

    /* Dead letters, and what waits for GitLab. */
    void requests(Progress &progress)
    {
        pqxx::result all = database_.run(
            "select u.kind, u.project_id, u.key from errtrack_private.unfiled_requests($1::bigint[]) as u", projects());
        next();
        for (const auto &each : all) {
            progress.show(0, each[0].c_str());
            pqxx::result found = database_.run(
                "select u.said, u.meta, u.body from errtrack_private.unfiled_request($1, $2, $3) as u",
                each[0].c_str(), each[1].c_str(), each[2].c_str());
            if (!found.empty() && names_person(found[0])) {
                counts_.add(each[0].c_str(), 1);
                if (!is_dry()) {
                    database_.run("select errtrack_private.drop_request($1, $2, $3)", each[0].c_str(), each[1].c_str(),
                                  each[2].c_str());
                }
            }
            next();
        }
    }

    bool names_person(const pqxx::row &row)
    {
        pqxx::binarystring body(row[2]);
        Unfiled request = read_unfiled(row[0].c_str(), row[1].c_str(),
                                       std::string_view(body.get(), body.size()), person_);
        bool named = request.is_theirs
                     || database_.run("select errtrack_private.request_names($1, $2, $3, $4)", person_.json,
                                      request.written, request.events, request.items)[0][0].as<bool>();
        unreadable_ += !named && !request.readable && body.size() > 0;
        return named;
    }

    void finish()
    {
        counts_.add("sign_in_attempts",
                    projects() != nullptr ? 0
                    : database_.run("select errtrack_private.erase_attempts($1, $2::boolean)", person_.json, dry_)[0][0]
                          .as<long long>());
        if (is_dry()) {
            database_.run("select errtrack_private.find_users($1)", person_.json);
            counts_.add(database_, database_.run("select errtrack_private.count_found()")[0][0].c_str());
        }
        next();
        note("", true);
    }

    const std::string dry_;
    Database &database_;
    const Person person_;
    const std::string projects_;        /* as an array of PostgreSQL; empty: all */
    std::string id_;                    /* of the note in the audit */
    std::string searched_before_;
    Counts counts_;
    std::size_t unreadable_ = 0;
};

}

void erase_person(const Options &options)
{
    Person person = person_of(options);
    if (options.project.empty() != options.all) {
        throw Failure(Exit::refused, "name a project, or say --all-projects");
    }
    if (options.redis.empty()) {
        throw Failure(Exit::refused, "name the queue with --redis or ERRTRACK_REDIS");
    }
    Database database(options.database);
    std::string project;
    if (!options.all) {
        project = database.run("select errtrack_private.find_project($1)", options.project)[0][0].c_str();
    }
    database.commit();
    std::string trouble = trouble_with_queue(options);
    database.begin();
    std::string called = person.called;
    Erasure erasure(options, database, std::move(person), project.empty() ? "" : "{" + project + "}");
    erasure.begin(project);
    erasure.run();
    bool account = !options.email.empty()
                   && database.run("select exists (select from errtrack_private.users as u where lower(u.email) = lower($1))",
                                   options.email)[0][0].as<bool>();

    if (options.json) {
        std::cout << erasure.json() << '\n';
    } else if (erasure.found().empty()) {
        std::cout << "nothing names this " << called << '\n';
    } else {
        std::cout << (options.dry_run ? "dry run, nothing is changed; this would go:\n" : "erased:\n");
        print_record(std::cout, erasure.found());
    }
    if (account) {
        remark("there is an account of this address, which stays, and so do its name in histories and the audit");
    }
    if (erasure.unreadable() > 0) {
        remark(std::to_string(erasure.unreadable())
               + " dead letters cannot be read to the end: look at them with errtrack dead show");
    }
    if (!trouble.empty()) {
        throw Failure(Exit::alarm, trouble);
    }
}

}
