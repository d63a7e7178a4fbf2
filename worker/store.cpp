/*
 * The transaction of a batch, in the order that sql/api/020_filing.sql names.
 */

#include "worker/store.hpp"

#include "worker/entry.hpp"
#include "worker/grouping.hpp"
#include "worker/outcome.hpp"

#include <pqxx/pqxx>
#include <pqxx/stream_to>

#include <algorithm>
#include <array>
#include <ctime>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace errtrack {
namespace {

constexpr const char *sql_null = nullptr;

/* An empty text is no text. */
const char *or_null(const std::string &text) noexcept
{
    return text.empty() ? sql_null : text.c_str();
}

std::string timestamp(std::int64_t microseconds)
{
    std::int64_t fraction = microseconds % 1'000'000;
    if (fraction < 0) {
        fraction += 1'000'000;
    }
    std::time_t seconds = static_cast<std::time_t>((microseconds - fraction) / 1'000'000);
    std::tm utc = {};
    gmtime_r(&seconds, &utc);
    char text[64];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d.%06d+00",
                  utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                  utc.tm_sec, static_cast<int>(fraction));
    return text;
}

/* As PostgreSQL reads a bytea. */
std::string bytea(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (char c : bytes) {
        unsigned char byte = static_cast<unsigned char>(c);
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

/* Rows into a table by COPY. A row is a tuple of const char *, null for NULL. */
class Copy {
public:
    Copy(pqxx::transaction_base &tx, const char *table, const std::vector<std::string> &columns)
        : stream_(tx, table, columns)
    {
    }

    template <class... Fields>
    void row(Fields... fields)
    {
        stream_ << std::make_tuple(fields...);
    }

    void end() { stream_.complete(); }

private:
    pqxx::stream_to stream_;
};

/* As PostgreSQL reads a uuid[]. */
std::string array_of(const std::vector<GroupingHash> &hashes)
{
    std::string values = "{";
    for (const GroupingHash &each : hashes) {
        values.append(values.size() > 1 ? "," : "").append(to_hex(each.hash));
    }
    return values + "}";
}

/* The words of grouping variants need no quotes in an array. */
std::pair<std::string, std::string> arrays_of(const std::vector<GroupingHash> &hashes)
{
    std::string variants = "{";
    for (const GroupingHash &each : hashes) {
        variants.append(variants.size() > 1 ? "," : "").append(each.variant);
    }
    return {array_of(hashes), variants + "}"};
}

/* As PostgreSQL reads an element of an array. */
void append_element(std::string &array, std::string_view text)
{
    array.append(array.size() > 1 ? ",\"" : "\"");
    for (char c : text) {
        if (c == '"' || c == '\\') {
            array.push_back('\\');
        }
        array.push_back(c);
    }
    array.push_back('"');
}

std::pair<std::string, std::string> arrays_of(
    const std::vector<std::pair<std::string, std::string>> &tags)
{
    std::string keys = "{";
    std::string texts = "{";
    for (const auto &[key, text] : tags) {
        append_element(keys, key);
        append_element(texts, text);
    }
    return {keys + "}", texts + "}"};
}

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

/* Whether something was notified, and true in the beginning. */
class Listener final : public pqxx::notification_receiver {
public:
    Listener(pqxx::connection &c, const char *channel) : pqxx::notification_receiver(c, channel) {}
    void operator()(const std::string &, int) override { changed = true; }
    bool changed = true;
};

}

struct Store::Connection {
    pqxx::connection db;
    Listener keys;
    Listener settings;
    Listener grouping;
    std::unique_ptr<pqxx::work> projection;

    explicit Connection(const std::string &conninfo)
        : db(conninfo), keys(db, "errtrack_keys"), settings(db, "errtrack_settings"),
          grouping(db, "errtrack_grouping")
    {
        pqxx::work tx(db);
        tx.exec("select errtrack_private.prepare_session(), errtrack_private.prepare_explanations()");
        tx.commit();
    }
};

Store::Store(std::string conninfo) : conninfo_(std::move(conninfo)) {}
Store::~Store() = default;

Store::Connection &Store::connection()
{
    if (!connection_) {
        connection_ = std::make_unique<Connection>(conninfo_);
    }
    return *connection_;
}

namespace {

/* libpqxx 6 leaves sqlstate() empty for the errors that have a class of their own. */
std::string state_of(const pqxx::sql_error &e)
{
    std::string state = e.sqlstate();
    if (state.empty() && dynamic_cast<const pqxx::data_exception *>(&e) != nullptr) {
        state = "22000";
    } else if (state.empty()
               && dynamic_cast<const pqxx::integrity_constraint_violation *>(&e) != nullptr)
    {
        state = "23000";
    }
    return state;
}

/* Only the first line: in those that follow PostgreSQL quotes what a client sent. */
std::string first_line(const char *message)
{
    std::string text = message;
    return text.substr(0, text.find('\n'));
}

/*
 * By SQLSTATE class. Only 22 (bad data), 23 (a constraint) and P0 (raised by our own
 * functions) blame the data. Whatever else it is - no rights, read only, out of
 * resources, a lock, shutting down, an older schema - will pass or be mended, and
 * nothing may be given up for it.
 */
StoreError::Kind kind_of(std::string_view state) noexcept
{
    std::string_view group = state.substr(0, 2);
    if (group == "22" || group == "23" || group == "P0") {
        return StoreError::Kind::refused;
    }
    // 25006, read only: this may be the standby after a failover, so connect anew.
    bool down = state == "25006" || state == "57P01" || state == "57P02" || state == "57P03" || group == "08";
    return down ? StoreError::Kind::down : StoreError::Kind::retry;
}

}

/* Runs body and turns what libpqxx throws into what is to be done. */
template <class Body>
auto Store::translated(Body body) -> decltype(body())
{
    using Kind = StoreError::Kind;
    try {
        return body();
    } catch (const pqxx::broken_connection &e) {
        connection_.reset();
        throw StoreError(Kind::down, first_line(e.what()));
    } catch (const pqxx::in_doubt_error &e) {
        // The commit may have happened: trying again finds out by the delivery ids.
        connection_.reset();
        throw StoreError(Kind::down, first_line(e.what()));
    } catch (const pqxx::sql_error &e) {
        std::string state = state_of(e);
        Kind kind = kind_of(state);
        // The schema is being upgraded: the tables of the session are to be made anew.
        bool other_schema = dynamic_cast<const pqxx::syntax_error *>(&e) != nullptr;
        if (kind == Kind::down || other_schema) {
            connection_.reset();
        }
        throw StoreError(kind, first_line(e.what()) + (state.empty() ? "" : " (" + state + ")"));
    } catch (const pqxx::failure &e) {
        // Whatever else it is, the state of the connection is not known any more.
        bool open = connection_ && connection_->db.is_open();
        connection_.reset();
        throw StoreError(open ? Kind::retry : Kind::down, first_line(e.what()));
    }
}

namespace {

/* An event, attachment or item of a batch: the number of its filing, and its own. */
using Place = std::pair<std::size_t, std::size_t>;

/* Keeps why new hashes are what they are. */
void explain_hashes(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                    const std::vector<Place> &places)
{
    pqxx::result hashes = tx.exec("select n, hash, replace(previous_hash::text, '-', '') "
                                  "from errtrack_private.unexplained_hashes()");
    if (hashes.empty()) {
        return;
    }
    Copy rows(tx, "batch_explanations", {"project_id", "hash", "explanation"});
    for (const auto &row : hashes) {
        const auto &[n, i] = places.at(row[0].as<std::size_t>());
        const Event &event = filings[n].content.events[i];
        std::string why = explain_grouping(*event.grouping,
                                           {event.previous_algorithm, row[2].is_null() ? "" : row[2].c_str()});
        rows.row(std::to_string(filings[n].record.project).c_str(), row[1].c_str(), why.c_str());
    }
    rows.end();
    tx.exec("select errtrack_private.keep_explanations()");
}

/* Whether a project of the batch is switching to another version of grouping. */
bool any_switching(const std::vector<Filing> &filings)
{
    return std::any_of(filings.begin(), filings.end(), [](const Filing &each) {
        const std::vector<Event> &events = each.content.events;
        return std::any_of(events.begin(), events.end(),
                           [](const Event &event) { return !event.previous_hashes.empty(); });
    });
}

/* Stores the events of the filings that are wanted. Returns those that are new. */
std::set<Place> file_events(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                            const std::vector<bool> &wanted)
{
    std::vector<Place> places;
    std::vector<std::string> columns = {
        "n", "project_id", "received_at", "event_id", "occurred_at", "hashes", "variants", "algo",
        "kind", "type", "value", "title", "culprit", "level", "platform", "logger", "transaction",
        "release", "environment", "user_hash", "request_id", "tag_keys", "tag_texts",
        "loose_hash"};
    bool switching = any_switching(filings);
    if (switching) {
        columns.emplace_back("previous_hashes");
    }
    Copy batch(tx, "batch_events", columns);
    for (std::size_t n = 0; n < filings.size(); n++) {
        const Record &record = filings[n].record;
        for (std::size_t i = 0; wanted[n] && i < filings[n].content.events.size(); i++) {
            const Event &event = filings[n].content.events[i];
            auto [hashes, variants] = arrays_of(event.hashes);
            auto [tag_keys, tag_texts] = arrays_of(event.tags);
            std::string algorithm(to_text(event.grouping->algorithm));
            std::string user = event.user ? to_hex(*event.user) : "";
            std::string loose = event.loose_hash ? to_hex(*event.loose_hash) : "";
            auto row = [&](auto... previous) {
                batch.row(std::to_string(places.size()).c_str(),
                          std::to_string(record.project).c_str(),
                          timestamp(record.received_at).c_str(), event.id.c_str(),
                          timestamp(event.occurred_at).c_str(), hashes.c_str(),
                          variants.c_str(), algorithm.c_str(), event.kind.c_str(),
                          event.type.c_str(), event.value.c_str(), event.title.c_str(),
                          event.culprit.c_str(), event.level.c_str(), event.platform.c_str(),
                          event.logger.c_str(), or_null(event.transaction),
                          or_null(event.release), or_null(event.environment), or_null(user),
                          or_null(record.request_id), tag_keys.c_str(), tag_texts.c_str(),
                          or_null(loose), previous...);
            };
            if (switching) {
                row(array_of(event.previous_hashes).c_str());
            } else {
                row();
            }
            places.emplace_back(n, i);
        }
    }
    batch.end();
    if (places.empty()) {
        return {};
    }
    std::set<Place> filed;
    std::vector<Place> bodies;
    for (const auto &row : tx.exec("select n, has_payload from errtrack_private.file_events()")) {
        const Place &place = places.at(row[0].as<std::size_t>());
        filed.insert(place);
        if (row[1].as<bool>()) {
            bodies.push_back(place);
        }
    }
    Copy payloads(tx, "errtrack_private.payloads",
                  {"project_id", "received_at", "event_id", "body"});
    for (const auto &[n, i] : bodies) {
        const Record &record = filings[n].record;
        const Event &event = filings[n].content.events[i];
        payloads.row(std::to_string(record.project).c_str(),
                     timestamp(record.received_at).c_str(), event.id.c_str(),
                     event.payload.c_str());
    }
    payloads.end();
    explain_hashes(tx, filings, places);
    return filed;
}

/* Stores the attachments of the filings that are wanted. Returns those that are new. */
std::set<Place> file_attachments(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                                 const std::vector<bool> &wanted)
{
    std::vector<Place> places;
    for (std::size_t n = 0; n < filings.size(); n++) {
        for (std::size_t i = 0; wanted[n] && i < filings[n].content.attachments.size(); i++) {
            places.emplace_back(n, i);
        }
    }
    if (places.empty()) {
        return {};
    }
    Copy batch(tx, "batch_attachments", {"n", "project_id", "received_at", "event_id",
                                         "delivery_id", "name", "sha256"});
    for (std::size_t n = 0; n < places.size(); n++) {
        const Record &record = filings[places[n].first].record;
        const Attachment &each = filings[places[n].first].content.attachments[places[n].second];
        batch.row(std::to_string(n).c_str(), std::to_string(record.project).c_str(),
                  timestamp(record.received_at).c_str(), record.event_id.c_str(),
                  record.delivery_id.c_str(), each.name.c_str(), bytea(each.sha256).c_str());
    }
    batch.end();
    std::set<Place> filed;
    for (const auto &row : tx.exec("select n from errtrack_private.claim_attachments()")) {
        filed.insert(places.at(row[0].as<std::size_t>()));
    }
    Copy bodies(tx, "errtrack_private.attachments",
                {"project_id", "received_at", "event_id", "delivery_id", "position", "name",
                 "content_type", "attachment_type", "size", "sha256", "body"});
    for (const auto &[n, i] : filed) {
        const Record &record = filings[n].record;
        const Attachment &each = filings[n].content.attachments[i];
        bodies.row(std::to_string(record.project).c_str(), timestamp(record.received_at).c_str(),
                   record.event_id.c_str(), record.delivery_id.c_str(),
                   std::to_string(each.position).c_str(), each.name.c_str(),
                   or_null(each.content_type), each.type.c_str(),
                   std::to_string(each.bytes.size()).c_str(), bytea(each.sha256).c_str(),
                   bytea(each.bytes).c_str());
    }
    bodies.end();
    return filed;
}

/* Stores the other items of the filings that are wanted, kind by kind. Returns those that
 * are new. */
std::set<Place> file_items(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                           const std::vector<bool> &wanted)
{
    std::vector<Place> places;
    std::array<std::string, item_kinds> batches;
    for (std::size_t n = 0; n < filings.size(); n++) {
        const Record &record = filings[n].record;
        for (std::size_t i = 0; wanted[n] && i < filings[n].content.items.size(); i++) {
            const Item &item = filings[n].content.items[i];
            JsonObject entry;
            entry.integer("n", static_cast<std::int64_t>(places.size()))
                .integer("project", record.project)
                .text("at", timestamp(record.received_at))
                .raw("item", item.row);
            std::string &batch = batches[static_cast<std::size_t>(item.kind)];
            batch.append(batch.empty() ? "[" : ",").append(entry.done());
            places.emplace_back(n, i);
        }
    }
    std::set<Place> filed;
    for (std::size_t kind = 0; kind < item_kinds; kind++) {
        if (batches[kind].empty()) {
            continue;
        }
        std::string call = "select n from errtrack_private." + std::string(item_functions[kind]) + "($1)";
        for (const auto &row : tx.exec_params(call, batches[kind] + "]")) {
            filed.insert(places.at(row[0].as<std::size_t>()));
        }
    }
    return filed;
}

}

FiledCounts Store::file(const std::vector<Filing> &filings)
{
    return translated([&] {
        FiledCounts counts;
        pqxx::work tx(connection().db);

        Copy deliveries(tx, "batch_deliveries",
                        {"delivery_id", "project_id", "received_at", "public_key"});
        for (const Filing &each : filings) {
            std::string claimed = claimed_key(each.record);
            deliveries.row(each.record.delivery_id.c_str(),
                           std::to_string(each.record.project).c_str(),
                           timestamp(each.record.received_at).c_str(), or_null(claimed));
        }
        deliveries.end();
        std::map<std::string, std::string> found;
        for (const auto &row : tx.exec("select replace(delivery_id::text, '-', ''), verdict "
                                       "from errtrack_private.admit_deliveries()"))
        {
            found[row[0].c_str()] = row[1].c_str();
        }
        // An entry may be in one batch twice: the second time it was seen.
        std::vector<std::string> verdicts;
        for (const Filing &each : filings) {
            verdicts.push_back(std::exchange(found[each.record.delivery_id], "seen"));
        }

        std::vector<bool> admitted;
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
            if (verdict == "seen") {
                counts.seen++;
                continue;
            }
            bool unverified = verdict == "unverified";
            std::string project = unverified ? "0" : std::to_string(record.project);
            std::string at = timestamp(record.received_at);
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
            rows.row(timestamp(each.hour * 3'600'000'000).c_str(), each.edge.c_str(),
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
        pqxx::row found = tx.exec1("select count(*), errtrack_private.default_partition_rows() "
                                   "from errtrack_private.dead_letters");
        return Alarms{found[0].as<long long>(), found[1].as<long long>()};
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

bool Store::keys_changed()
{
    return translated([&] {
        Connection &c = connection();
        c.db.get_notifs();
        return std::exchange(c.keys.changed, false);
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
        c.db.get_notifs();
        return std::exchange(c.settings.changed, false);
    });
}

bool Store::grouping_changed()
{
    return translated([&] {
        Connection &c = connection();
        c.db.get_notifs();
        return std::exchange(c.grouping.changed, false);
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

Store::ProjectionTurn::ProjectionTurn(Store &owner) : store(owner)
{
    store.translated([&] {
        Connection &c = store.connection();
        c.projection = std::make_unique<pqxx::work>(c.db);
        c.projection->exec("select pg_advisory_xact_lock(hashtextextended('errtrack.keys', 0))");
        for (const auto &row : c.projection->exec("select name, value "
                                                  "from errtrack_private.key_projection()"))
        {
            fields.push_back({row[0].c_str(), row[1].c_str()});
        }
    });
}

Store::ProjectionTurn::~ProjectionTurn()
{
    if (store.connection_) {
        store.connection_->projection.reset();
    }
}

void Store::ProjectionTurn::end()
{
    store.translated([&] { store.connection().projection->commit(); });
}

}
