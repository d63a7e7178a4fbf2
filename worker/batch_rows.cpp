#include "worker/batch_rows.hpp"

#include "worker/copy.hpp"
#include "worker/grouping.hpp"
#include "worker/timestamp.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace errtrack {
namespace {

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

/* So many payloads by one statement, prepared once for each connection. */
constexpr std::size_t payloads_at_once[] = {64, 8, 1};

std::string name_of_insert(std::size_t rows) { return "payloads_" + std::to_string(rows); }

/* As parameters: for COPY each byte of a payload is looked at here, to be escaped, and
 * twice there, which is a third of what it costs to store it. */
void insert_payloads(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                     const std::vector<Place> &bodies)
{
    std::size_t done = 0;
    for (std::size_t rows : payloads_at_once) {
        for (; bodies.size() - done >= rows; done += rows) {
            std::vector<std::string> fields;
            fields.reserve(4 * rows);
            for (std::size_t i = done; i < done + rows; i++) {
                const Record &record = filings[bodies[i].first].record;
                const Event &event = filings[bodies[i].first].content.events[bodies[i].second];
                fields.push_back(std::to_string(record.project));
                fields.push_back(format_timestamp(record.received_at));
                fields.push_back(event.id);
                fields.push_back(event.payload);
            }
            tx.exec_prepared(name_of_insert(rows), pqxx::prepare::make_dynamic_params(fields));
        }
    }
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

}

void prepare_inserts(pqxx::connection_base &db)
{
    for (std::size_t rows : payloads_at_once) {
        std::string sql = "insert into errtrack_private.payloads (project_id, received_at, event_id, body) values ";
        for (std::size_t i = 0; i < rows; i++) {
            sql.append(i == 0 ? "(" : ", (");
            for (std::size_t k = 1; k <= 4; k++) {
                sql.append(k == 1 ? "$" : ", $").append(std::to_string(4 * i + k));
            }
            sql.push_back(')');
        }
        db.prepare(name_of_insert(rows), sql);
    }
    // One by one: a file is larger than what a statement costs, and goes as it is.
    db.prepare("attachment",
               "insert into errtrack_private.attachments (project_id, received_at, event_id, delivery_id, position, name, "
               "content_type, attachment_type, size, sha256, body) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
}

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
            // By name: clang before 16 captures what a binding declares in no other way.
            auto row = [&, &hashes = hashes, &variants = variants, &tag_keys = tag_keys,
                        &tag_texts = tag_texts](auto... previous) {
                batch.row(std::to_string(places.size()).c_str(),
                          std::to_string(record.project).c_str(),
                          format_timestamp(record.received_at).c_str(), event.id.c_str(),
                          format_timestamp(event.occurred_at).c_str(), hashes.c_str(),
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
    insert_payloads(tx, filings, bodies);
    explain_hashes(tx, filings, places);
    return filed;
}

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
                  format_timestamp(record.received_at).c_str(), record.event_id.c_str(),
                  record.delivery_id.c_str(), each.name.c_str(), bytea(each.sha256).c_str());
    }
    batch.end();
    std::set<Place> filed;
    for (const auto &row : tx.exec("select n from errtrack_private.claim_attachments()")) {
        filed.insert(places.at(row[0].as<std::size_t>()));
    }
    for (const auto &[n, i] : filed) {
        const Record &record = filings[n].record;
        const Attachment &each = filings[n].content.attachments[i];
        tx.exec_prepared("attachment", record.project, format_timestamp(record.received_at), record.event_id,
                         record.delivery_id, each.position, each.name, or_null(each.content_type), each.type,
                         each.bytes.size(), pqxx::binarystring(each.sha256), pqxx::binarystring(each.bytes));
    }
    return filed;
}

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
                .text("at", format_timestamp(record.received_at))
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
