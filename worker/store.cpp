/*
 * The transaction of a batch, in the order that sql/api/020_filing.sql names.
 */

#include "worker/store.hpp"

#include "worker/batch_rows.hpp"
#include "worker/copy.hpp"
#include "worker/entry.hpp"
#include "worker/outcome.hpp"
#include "worker/store_connection.hpp"
#include "worker/timestamp.hpp"

#include <pqxx/pqxx>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace errtrack {
namespace {

std::string printable(std::string text)
{
    for (char &c : text) {
        unsigned char byte = static_cast<unsigned char>(c);
        c = byte >= 0x80 || byte == 0 ? '?' : c;
    }
    return text;
}

/* The public key of a record that the edge could not check; empty when it has. What
 * cannot be a key stays one that nobody has: a client may have written anything. */
std::string claimed_key(const Record &record)
{
    return record.public_key.empty() || is_public_key(record.public_key) ? record.public_key : "?";
}

/* A session keeps plans that were made for tables as they were then: one that began empty
 * would be read from end to end for each row of a batch, until it is analyzed a minute later.
 * Making them anew each second costs nothing that can be measured. */
void forget_old_plans(pqxx::work &tx, std::chrono::steady_clock::time_point &planned_at)
{
    auto now = std::chrono::steady_clock::now();
    if (now - planned_at >= std::chrono::seconds(1)) {
        planned_at = now;
        tx.exec("discard plans");
    }
}

/* One that is handed out again waits already. */
void keep_waiting(pqxx::work &tx, const std::vector<Filing> &filings,
                  const std::map<std::string, std::string> &verdicts)
{
    for (const Filing &each : filings) {
        const Record &record = each.record;
        if (verdicts.contains(record.delivery_id)) {
            pqxx::binarystring body(record.body.data(), record.body.size());
            tx.exec_params("insert into errtrack_private.waiting_requests "
                           "(project_id, delivery_id, public_key, received_at, meta, body) "
                           "values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                           record.project, record.delivery_id, record.public_key,
                           format_timestamp(record.received_at), printable(record.meta), body);
        }
    }
}

}

FiledCounts Store::file(const std::vector<Filing> &filings)
{
    return translated([&] {
        FiledCounts counts;
        pqxx::work tx(connection().db);
        forget_old_plans(tx, connection().planned_at);

        Copy deliveries(tx, "batch_deliveries",
                        {"delivery_id", "project_id", "received_at", "public_key"});
        for (const Filing &each : filings) {
            std::string claimed = claimed_key(each.record);
            deliveries.row(each.record.delivery_id.c_str(),
                           std::to_string(each.record.project).c_str(),
                           format_timestamp(each.record.received_at).c_str(), or_null(claimed));
        }
        deliveries.end();
        std::map<std::string, std::string> found;
        if (keys_elsewhere_) {
            for (const auto &row : tx.exec("select replace(await_keys::text, '-', '') "
                                           "from errtrack_private.await_keys()"))
            {
                found[row[0].c_str()] = "waiting";
            }
            if (!found.empty()) {
                keep_waiting(tx, filings, found);
            }
        }
        for (const auto &row : tx.exec("select replace(delivery_id::text, '-', ''), verdict "
                                       "from errtrack_private.admit_deliveries()"))
        {
            found[row[0].c_str()] = row[1].c_str();
        }
        // An entry may be in one batch twice: the second time it was seen.
        std::vector<std::string> verdicts;
        verdicts.reserve(filings.size());
        for (const Filing &each : filings) {
            verdicts.push_back(std::exchange(found[each.record.delivery_id], "seen"));
        }

        std::vector<bool> admitted;
        admitted.reserve(verdicts.size());
        for (const std::string &verdict : verdicts) {
            admitted.push_back(verdict == "new");
        }
        std::set<Place> filed = file_events(tx, filings, admitted);
        std::set<Place> kept = file_attachments(tx, filings, admitted);
        std::set<Place> counted = file_items(tx, filings, admitted);

        Copy outcomes(tx, "batch_outcomes", {"project_id", "received_at", "category", "outcome",
                                             "reason", "quantity"});
        for (std::size_t n = 0; n < filings.size(); n++) {
            const Record &record = filings[n].record;
            const std::string &verdict = verdicts[n];
            if (verdict == "waiting") {
                continue;
            }
            if (verdict == "seen") {
                counts.seen++;
                continue;
            }
            bool unverified = verdict == "unverified";
            std::string project = unverified ? "0" : std::to_string(record.project);
            std::string at = format_timestamp(record.received_at);
            auto book = [&](const std::string &category, std::string_view what,
                            const std::string &why) {
                outcomes.row(project.c_str(), at.c_str(), category.c_str(),
                             std::string(what).c_str(), why.c_str(), "1");
                counts.outcomes[what]++;
            };
            bool gone = unverified || verdict == "project_deleted";
            std::string gone_reason(unverified ? reason::unverified : reason::project_deleted);
            for (std::size_t i = 0; i < filings[n].content.events.size(); i++) {
                if (gone) {
                    book("error", outcome::discarded, gone_reason);
                } else if (filed.contains({n, i})) {
                    counts.stored++;
                    book("error", outcome::stored, "");
                } else {
                    counts.duplicates++;
                    book("error", outcome::duplicate, "");
                }
            }
            for (std::size_t i = 0; i < filings[n].content.attachments.size(); i++) {
                if (gone) {
                    book("attachment", outcome::discarded, gone_reason);
                } else if (kept.contains({n, i})) {
                    counts.attachments++;
                    book("attachment", outcome::stored, "");
                } else {
                    counts.duplicates++;
                    book("attachment", outcome::duplicate, "");
                }
            }
            for (std::size_t i = 0; i < filings[n].content.items.size(); i++) {
                const std::string &category = filings[n].content.items[i].category;
                if (gone) {
                    book(category, outcome::discarded, gone_reason);
                } else if (counted.contains({n, i})) {
                    counts.items++;
                    book(category, outcome::stored, "");
                } else {
                    counts.duplicates++;
                    book(category, outcome::duplicate, "");
                }
            }
            for (const ItemOutcome &item : filings[n].content.outcomes) {
                book(item.category, gone ? outcome::discarded : item.outcome,
                     gone ? gone_reason : item.reason);
            }
        }
        outcomes.end();
        tx.exec("select errtrack_private.book_outcomes()");
        tx.commit();
        return counts;
    });
}

void Store::bury(const Record &record, const std::string &reason)
{
    translated([&] {
        pqxx::work tx(connection().db);
        pqxx::binarystring body(record.body.data(), record.body.size());
        // The edge writes what clients send; PostgreSQL takes UTF-8 only.
        std::string meta = printable(record.meta);
        std::string claimed = claimed_key(record);
        tx.exec_params("select errtrack_private.bury($1, $2, $3, $4, $5, $6)", record.delivery_id,
                       record.project, printable(reason), meta, body, or_null(claimed));
        tx.commit();
    });
}

bool Store::book_requests(const std::vector<EdgeCount> &counts)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        Copy rows(tx, "batch_requests",
                  {"hour", "edge", "boot", "project_id", "reason", "requests"});
        for (const EdgeCount &each : counts) {
            rows.row(format_timestamp(each.hour * 3'600'000'000).c_str(), each.edge.c_str(),
                     each.boot.c_str(), std::to_string(each.project).c_str(), each.reason.c_str(),
                     std::to_string(each.requests).c_str());
        }
        rows.end();
        bool booked = tx.exec1("select errtrack_private.book_requests()")[0].as<bool>();
        tx.commit();
        return booked;
    });
}

Alarms Store::alarms()
{
    return translated([&] {
        pqxx::read_transaction tx(connection().db);
        pqxx::row found = tx.exec1("select count(*), errtrack_private.default_partition_rows(), "
                                   "(select count(*) from errtrack_private.waiting_requests) "
                                   "from errtrack_private.dead_letters");
        return Alarms{found[0].as<long long>(), found[1].as<long long>(), found[2].as<long long>()};
    });
}

void Store::make_partitions()
{
    translated([&] {
        pqxx::work tx(connection().db);
        tx.exec("select errtrack_private.make_partitions()");
        tx.commit();
    });
}

void Store::sweep(unsigned keep_days)
{
    translated([&] {
        pqxx::work tx(connection().db);
        tx.exec_params("select errtrack_private.sweep($1)", keep_days);
        tx.commit();
    });
}

Store::Retained Store::retain(unsigned keep_days)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        pqxx::row turn = tx.exec_params1("select finished, busy from errtrack_private.retain($1, '200 ms')",
                                         keep_days);
        tx.commit();
        if (turn[0].as<bool>()) {
            return Retained::all;
        }
        return turn[1].as<bool>() ? Retained::busy : Retained::more;
    });
}

void Store::forget_items(unsigned keep_days)
{
    translated([&] {
        pqxx::work tx(connection().db);
        tx.exec_params("select errtrack_private.forget_items($1)", keep_days);
        tx.commit();
    });
}

unsigned Store::mark_missed_check_ins()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        unsigned found =
            tx.exec1("select errtrack_private.mark_missed_check_ins()")[0].as<unsigned>();
        tx.commit();
        return found;
    });
}

unsigned Store::end_long_reports()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        unsigned ended = tx.exec1("select errtrack_private.end_long_reports()")[0].as<unsigned>();
        tx.commit();
        return ended;
    });
}

bool Store::purge()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        bool all = tx.exec1("select errtrack_private.purge_projects('500 ms')")[0].as<bool>();
        tx.commit();
        return all;
    });
}

bool Store::tend_issues()
{
    return translated([&] {
        bool all = true;
        for (const char *work : {"lapse_ignores() is not null", "fold_tags()",
                                 "go_on_splitting('500 ms')"})
        {
            pqxx::work tx(connection().db);
            all &= tx.exec1(std::string("select errtrack_private.") + work)[0].as<bool>();
            tx.commit();
        }
        return all;
    });
}

bool Store::take_key_duty()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        // The lock is the session's, and taking it again counts up: nobody ever gives it back.
        bool taken = tx.exec1("select pg_try_advisory_lock(hashtextextended('errtrack.gitlab', 0))")[0].as<bool>();
        tx.commit();
        return taken;
    });
}

std::vector<AskedKey> Store::keys_to_ask()
{
    return translated([&] {
        std::vector<AskedKey> keys;
        pqxx::work tx(connection().db);
        for (const auto &row : tx.exec("select project_id, public_key, asked_at from errtrack_private.keys_to_ask()")) {
            keys.push_back({row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str()});
        }
        tx.commit();
        return keys;
    });
}

bool Store::key_answered(const AskedKey &key, bool enabled)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        bool taken = tx.exec_params1("select errtrack_private.gitlab_key_answered($1, $2, $3, $4)", key.project,
                                     key.public_key, enabled, key.at)[0].as<bool>();
        tx.commit();
        return taken;
    });
}

bool Store::keys_changed()
{
    return translated([&] {
        Connection &c = connection();
        return c.notified(c.keys, "errtrack_keys");
    });
}

std::vector<std::pair<std::int64_t, std::string>> Store::event_settings()
{
    return translated([&] {
        std::vector<std::pair<std::int64_t, std::string>> settings;
        pqxx::work tx(connection().db);
        for (const auto &row : tx.exec("select project_id, settings "
                                       "from errtrack_private.event_rules()"))
        {
            settings.emplace_back(row[0].as<std::int64_t>(), row[1].c_str());
        }
        tx.commit();
        return settings;
    });
}

bool Store::event_settings_changed()
{
    return translated([&] {
        Connection &c = connection();
        return c.notified(c.settings, "errtrack_settings");
    });
}

bool Store::grouping_changed()
{
    return translated([&] {
        Connection &c = connection();
        return c.notified(c.grouping, "errtrack_grouping");
    });
}

std::vector<StoredRule> Store::grouping_rules()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        std::vector<StoredRule> rules;
        for (const auto &row : tx.exec("select project_id, kind, rule "
                                       "from errtrack_private.grouping_rules_of_projects()"))
        {
            rules.push_back({row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str()});
        }
        tx.commit();
        return rules;
    });
}

std::vector<StoredVersion> Store::grouping_versions()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        std::vector<StoredVersion> versions;
        for (const auto &row : tx.exec_params("select project_id, algorithm, coalesce(previous, ''), "
                                              "coalesce(previous_until_us, 0) "
                                              "from errtrack_private.grouping_versions($1)",
                                              std::string(to_text(newest_algorithm))))
        {
            versions.push_back({row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str(),
                                row[3].as<std::int64_t>()});
        }
        tx.commit();
        return versions;
    });
}

Store::Turn::~Turn()
{
    if (store.connection_) {
        store.connection_->turn.reset();
    }
}

void Store::Turn::end()
{
    store.translated([&] { store.connection().turn->commit(); });
}

Store::ProjectionTurn::ProjectionTurn(Store &owner) : Turn(owner)
{
    store.translated([&] {
        Connection &c = store.connection();
        c.turn = std::make_unique<pqxx::work>(c.db);
        c.turn->exec("select pg_advisory_xact_lock(hashtextextended('errtrack.keys', 0))");
        for (const auto &row : c.turn->exec("select name, value from errtrack_private.key_projection()")) {
            fields.push_back({row[0].c_str(), row[1].c_str()});
        }
    });
}

Store::ReleaseTurn::ReleaseTurn(Store &owner) : Turn(owner)
{
    store.translated([&] {
        Connection &c = store.connection();
        c.turn = std::make_unique<pqxx::work>(c.db);
        for (const auto &row : c.turn->exec("select meta, body from errtrack_private.release_requests()")) {
            pqxx::binarystring body(row[1]);
            requests.push_back({row[0].c_str(), std::string(body.get(), body.size())});
        }
    });
}

}
