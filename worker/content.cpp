/*
 * What is in a record: bodies of every endpoint into events, attachments, other items and
 * outcomes. Each item that the edge counted ends in one of them, so that the ledger balances: what cannot be read
 * after all is booked as the edge's summary says. Of a list of spans each span is an item, which no
 * edge sees: to it the list is one.
 */

#include "worker/record.hpp"

#include "worker/check_in.hpp"
#include "worker/client_report.hpp"
#include "worker/entry.hpp"
#include "worker/envelope.hpp"
#include "worker/feedback.hpp"
#include "worker/grouping.hpp"
#include "worker/inflate.hpp"
#include "worker/item.hpp"
#include "worker/json.hpp"
#include "worker/minidump.hpp"
#include "worker/multipart.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"
#include "worker/security_report.hpp"
#include "worker/session.hpp"
#include "worker/transaction.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace errtrack {
namespace {

/* Of a body, or the JSON in the base64 of a store body, when inflated. The edge has
 * checked sizes; here it is about the memory of this process. */
constexpr std::size_t plain_limit = 64 * 1024 * 1024;

/* Of a summary: more than any edge lets in. */
constexpr std::uint32_t most_items = 10'000;

constexpr std::string_view over_quota = "quota";

constexpr std::string_view minidump_name = "minidump.dmp";
constexpr std::string_view minidump_type = "event.minidump";

struct ItemType {
    std::string_view name;
    std::string_view category;
};

/* The types that exist, with their quota categories. Names become rows of the
 * ledger, so a word that only a client knows is counted as "other". */
constexpr ItemType item_types[] = {
    {"event", "error"}, {"security", "error"}, {"raw_security", "error"}, {"nel", "error"},
    {"form_data", "error"}, {"unreal_report", "error"}, {"minidump", "error"},
    {"transaction", "transaction"},
    {"session", "session"}, {"sessions", "session"}, {"attachment", "attachment"},
    {"check_in", "monitor"}, {"feedback", "feedback"}, {"user_report", "feedback"},
    {"client_report", "internal"}, {"profile", "profile"}, {"profile_chunk", "profile"},
    {"profile_chunk_ui", "profile"}, {"replay_event", "replay"}, {"replay_recording", "replay"},
    {"replay_video", "replay"}, {"statsd", "metric_bucket"}, {"metric_buckets", "metric_bucket"},
    {"metric_meta", "metric_bucket"}, {"log", "log_item"}, {"otel_log", "log_item"},
    {"span", "span"}, {"otel_span", "span"}, {"otel_traces_data", "span"},
    {"trace_metric", "trace_metric"},
};
constexpr ItemType other_type = {"other", "default"};

const ItemType &item_type(std::string_view name) noexcept
{
    const auto *found = std::find_if(std::begin(item_types), std::end(item_types),
                                     [name](const ItemType &each) { return each.name == name; });
    return found == std::end(item_types) ? other_type : *found;
}

/* Items that one function reads into one row. */
struct Reader {
    std::string_view type;
    ItemKind kind;
    std::string_view (*read)(std::string_view payload, const ItemContext &context,
                             std::string &row);
};

constexpr Reader readers[] = {
    {"client_report", ItemKind::client_report, read_client_report},
    {"user_report", ItemKind::feedback, read_user_report},
    {"feedback", ItemKind::feedback, read_feedback},
    {"transaction", ItemKind::transaction, read_transaction},
    {"session", ItemKind::session, read_session},
    {"sessions", ItemKind::session, read_sessions},
    {"check_in", ItemKind::check_in, read_check_in},
};

const Reader *reader_of(std::string_view type) noexcept
{
    const auto *found = std::find_if(std::begin(readers), std::end(readers),
                                     [type](const Reader &each) { return each.type == type; });
    return found == std::end(readers) ? nullptr : found;
}

class ContentReader {
public:
    ContentReader(const Record &record, std::size_t attachment_bytes, const EventSettings &settings,
                  const ProjectGrouping &grouping)
        : record_(record), attachment_bytes_(attachment_bytes), settings_(settings),
          grouping_(grouping)
    {
    }

    Content run()
    {
        if (!record_.filter.empty()) {
            book_summary(outcome::filtered, record_.filter, {});
            return std::move(content_);
        }
        std::string inflated;
        std::string_view plain = record_.body;
        if (!record_.encoding.empty()) {
            std::size_t limit = record_.plain_bytes != 0 ? record_.plain_bytes : plain_limit;
            std::string_view fault = inflate(record_.encoding, record_.body, limit, inflated);
            if (fault != reason::none) {
                book_invalid(fault, other_type.name);
                return std::move(content_);
            }
            plain = inflated;
        }
        if (record_.endpoint == "envelope") {
            take_envelope(plain);
        } else if (record_.endpoint == "security") {
            take_reports(plain, "raw_security");
        } else if (record_.endpoint == "nel") {
            take_reports(plain, "nel");
        } else if (record_.endpoint == "minidump") {
            take_minidump(plain);
        } else if (record_.endpoint == "attachments") {
            take_attachments(plain);
        } else {
            take_store(plain);
        }
        filter_attachments();
        return std::move(content_);
    }

private:
    void book(std::string_view type, std::string_view what, std::string_view why)
    {
        content_.outcomes.push_back(
            {std::string(item_type(type).category), what, std::string(why)});
    }

    /* All that the edge counted; if it did not, one item of the type, if any. */
    void book_summary(std::string_view what, std::string_view why, std::string_view otherwise)
    {
        std::string_view rest = record_.items;
        if (rest.empty() && !otherwise.empty()) {
            book(otherwise, what, why);
        }
        std::uint32_t booked = 0;
        while (!rest.empty()) {
            std::string_view item = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(item.size() + 1, rest.size()));
            std::size_t colon = std::min(item.find(':'), item.size());
            std::string_view number = item.substr(std::min(colon + 1, item.size()));
            std::uint32_t count = 0;
            std::from_chars(number.data(), number.data() + number.size(), count);
            for (; count > 0 && booked < most_items; count--, booked++) {
                book(item.substr(0, colon), what, why);
            }
        }
    }

    void book_invalid(std::string_view why, std::string_view otherwise)
    {
        book_summary(outcome::invalid, why, otherwise);
    }

    /* Whether the edge found the quota used up. Then the item is booked. Client reports
     * are never limited. */
    bool dropped(std::string_view type)
    {
        auto in_mask = [this](Category category) {
            return (record_.dropped >> static_cast<unsigned>(category) & 1) != 0;
        };
        bool drop = type != "client_report"
                    && (in_mask(category_of(type)) || in_mask(Category::all));
        if (drop) {
            book(type, outcome::rate_limited, over_quota);
        }
        return drop;
    }

    /* An item of a type that is not kept. */
    void discard(std::string_view type)
    {
        if (!dropped(type)) {
            book(type, outcome::discarded, "type:" + std::string(item_type(type).name));
        }
    }

    void take_attachment(const AttachmentLabels &labels, std::string_view bytes)
    {
        int position = position_++;
        if (dropped("attachment")) {
            return;
        }
        if (bytes.size() > attachment_bytes_) {
            book("attachment", outcome::discarded, reason::too_large);
        } else if (record_.event_id.empty()) {
            book("attachment", outcome::invalid, reason::event_id);
        } else {
            std::string name = settings_.scrubber.scrub(labels.name);
            std::string content_type = settings_.scrubber.scrub(labels.content_type);
            content_.attachments.push_back(
                make_attachment(position, {name, content_type, labels.type}, bytes));
        }
    }

    std::optional<Event> read_event(std::string_view json, std::optional<std::int64_t> sent_at,
                                    const std::string &event_id)
    {
        EventContext context;
        context.received_at = record_.received_at;
        context.sent_at = sent_at;
        // Edges name one; the format does not demand it.
        context.event_id = event_id.empty() ? record_.delivery_id : event_id;
        context.client_address = record_.address;
        context.agent = record_.agent;
        context.client = client_.empty() ? record_.client : client_;
        context.settings = &settings_;
        context.grouping = grouping_;
        return parse_event(json, context);
    }

    /* Unless it meets a filter. Then it is booked. */
    void keep_event(Event event)
    {
        if (event.filter.empty()) {
            content_.events.push_back(std::move(event));
            return;
        }
        if (event.id == record_.event_id) {
            filter_ = event.filter;
        }
        book("event", outcome::filtered, event.filter);
    }

    /* culprit, unless it is empty, is what the event itself cannot say. */
    bool take_event(std::string_view json, std::optional<std::int64_t> sent_at,
                    const std::string &event_id, const std::string &culprit = {})
    {
        std::optional<Event> event = read_event(json, sent_at, event_id);
        if (event) {
            if (!culprit.empty()) {
                event->culprit = culprit;
            }
            keep_event(std::move(*event));
        }
        return event.has_value();
    }

    /* Whether a transaction meets a filter. Then it is booked. */
    bool filtered_transaction(std::string_view json)
    {
        Json document;
        std::string buffer;
        if (!settings_.filters.any() || !document.parse(repair(json, buffer))) {
            return false;
        }
        std::string_view filter = filter_of_transaction(settings_.filters, document.root());
        if (!filter.empty()) {
            book("transaction", outcome::filtered, filter);
        }
        return !filter.empty();
    }

    /* Files go with the event that they came with. */
    void filter_attachments()
    {
        if (!filter_.empty()) {
            for (std::size_t i = content_.attachments.size(); i > 0; i--) {
                book("attachment", outcome::filtered, filter_);
            }
            content_.attachments.clear();
        }
    }

    void take_envelope(std::string_view plain)
    {
        Envelope envelope;
        std::string_view fault = parse_envelope(plain, envelope);
        if (fault != reason::none) {
            book_invalid(fault, other_type.name);
            return;
        }
        client_ = envelope.client;
        bool crashed = std::any_of(envelope.items.begin(), envelope.items.end(), [](auto &item) {
            return item.type == "attachment" && item.attachment_type == minidump_type;
        });
        bool event_seen = false;         /* whatever became of it: the second is none */
        bool spans_seen = false;
        for (const EnvelopeItem &item : envelope.items) {
            if (const Reader *reader = reader_of(item.type)) {
                take_item(*reader, item.payload, envelope);
            } else if (item.type == "attachment") {
                take_attachment({item.filename, item.content_type, item.attachment_type},
                                item.payload);
            } else if (item.type == "raw_security" || item.type == "nel") {
                take_report_item(item);
            } else if (item.type == "span" && item.content_type == span_list) {
                take_spans(item, envelope, std::exchange(spans_seen, true));
            } else if (item.type != "event") {
                discard(item.type);
            } else if (dropped(item.type)) {
                continue;
            } else if (std::exchange(event_seen, true)) {
                book(item.type, outcome::discarded, reason::duplicate_item);
            } else if (!take_event(crashed ? minidump_event(item.payload) : item.payload,
                                   envelope.sent_at, record_.event_id)) {
                book(item.type, outcome::invalid,
                     item.payload.empty() ? reason::no_data : reason::invalid_json);
            }
        }
    }

    void take_store(std::string_view plain)
    {
        std::string decoded;
        std::string_view json;
        std::string_view fault = decode_store_body(
            plain, std::max(plain_limit, record_.plain_bytes), decoded, json);
        if (fault != reason::none) {
            book_invalid(fault, "event");
            return;
        }
        std::optional<Event> event = read_event(json, std::nullopt, record_.event_id);
        if (!event) {
            book_invalid(reason::invalid_json, "event");
            return;
        }
        // Here the payload says what it is; in an envelope the item's header does.
        if (event->transaction_type) {
            take_item(*reader_of("transaction"), json, {});
        } else if (!dropped("event")) {
            keep_event(std::move(*event));
        }
    }

    /* The id under which what has none of its own is stored: the same however often the
     * entry is handed out. */
    std::string own_id()
    {
        return to_hex(hash_of("item", record_.delivery_id + ":" + std::to_string(own_ids_++)));
    }

    /* The report is scrubbed already: names of its members are lost in the event, and
     * what is cut or taken apart may no longer look like the secret that it was. */
    void take_report(JsonValue report, std::string_view type)
    {
        if (dropped(type)) {
            return;
        }
        SecurityEvent event;
        std::string_view fault =
            security_event(report, {record_.query, record_.agent, record_.address}, event);
        if (fault == reason::security_report_type) {
            book(type, outcome::discarded, fault);
        } else if (fault != reason::none
                   || !take_event(event.json, std::nullopt, own_id(), event.culprit))
        {
            book(type, outcome::invalid, fault != reason::none ? fault : reason::invalid_json);
        }
    }

    /* One report, or a list of them, that the edge may have counted by the summary. */
    void take_reports(std::string_view plain, std::string_view type)
    {
        Json document;
        std::string buffer;
        if (!document.parse(repair(plain, buffer))) {
            book_invalid(reason::invalid_json, type);
            return;
        }
        settings_.scrubber.scrub(document);
        JsonValue root = document.root();
        if (!root.is_array()) {
            take_report(root, type);
            return;
        }
        for (JsonValue report : root) {
            take_report(report, type);
        }
    }

    /* The same as an item, which counts as one whatever is in it: a list is none of ours. */
    void take_report_item(const EnvelopeItem &item)
    {
        Json document;
        std::string_view fault = parse_item(item.payload, document);
        if (fault == reason::none) {
            settings_.scrubber.scrub(document);
            take_report(document.root(), item.type);
        } else if (!dropped(item.type)) {
            book(item.type, outcome::invalid, fault);
        }
    }

    /* One item, one row. */
    void take_item(const Reader &reader, std::string_view payload, const Envelope &envelope)
    {
        if (dropped(reader.type)
            || (reader.kind == ItemKind::transaction && filtered_transaction(payload))) {
            return;
        }
        std::string row;
        std::string_view fault = reader.read(payload, context_of(envelope), row);
        keep_item(reader.kind, reader.type, fault, std::move(row));
    }

    ItemContext context_of(const Envelope &envelope)
    {
        return {record_.received_at, envelope.sent_at, record_.event_id,
                envelope.event_id, own_id(), &settings_.scrubber};
    }

    /* Unless there is a fault. Then it is booked. */
    void keep_item(ItemKind kind, std::string_view type, std::string_view fault, std::string row)
    {
        if (fault != reason::none) {
            book(type, outcome::invalid, fault);
            return;
        }
        content_.items.push_back({kind, std::string(item_type(type).category), std::move(row)});
    }

    /* Those that stand for a whole transaction are filed as one, of the others nothing is
     * kept. An envelope has one list, which bounds what a record can make. */
    void take_spans(const EnvelopeItem &item, const Envelope &envelope, bool again)
    {
        Spans spans;
        std::string_view fault = again ? reason::duplicate_item
                                       : read_spans(item.payload, context_of(envelope),
                                                    settings_.filters, spans);
        if (fault != reason::none) {
            if (!dropped(item.type)) {
                book(item.type, again ? outcome::discarded : outcome::invalid, fault);
            }
            return;
        }
        for (; spans.others > 0; spans.others--) {
            discard(item.type);
        }
        constexpr std::string_view type = "transaction";
        for (Segment &segment : spans.segments) {
            if (dropped(type)) {
                continue;
            }
            if (!segment.filter.empty()) {
                book(type, outcome::filtered, segment.filter);
            } else {
                keep_item(ItemKind::transaction, type, segment.fault, std::move(segment.row));
            }
        }
    }

    void take_minidump(std::string_view plain)
    {
        std::vector<MultipartPart> parts;
        bool raw = !is_multipart(record_.content_type);
        if (!raw) {
            std::string_view fault = parse_multipart(record_.content_type, plain, parts);
            if (fault != reason::none) {
                book_invalid(fault, "event");
                return;
            }
        }
        if (!dropped("event") && !take_event(minidump_event(parts), std::nullopt, record_.event_id)) {
            book("event", outcome::invalid, reason::invalid_json);
        }
        if (raw) {
            take_attachment({minidump_name, record_.content_type, minidump_type}, plain);
        }
        for (const MultipartPart &part : parts) {
            if (part.name == "upload_file_minidump") {
                take_attachment({part.filename.empty() ? minidump_name : part.filename,
                                 part.content_type, minidump_type},
                                part.content);
            } else if (part.file) {
                take_file(part);
            }
        }
    }

    void take_attachments(std::string_view plain)
    {
        std::vector<MultipartPart> parts;
        std::string_view fault = parse_multipart(record_.content_type, plain, parts);
        if (fault != reason::none) {
            book_invalid(fault, "attachment");
        }
        for (const MultipartPart &part : parts) {
            take_file(part);
        }
    }

    void take_file(const MultipartPart &part)
    {
        take_attachment({part.filename.empty() ? part.name : part.filename, part.content_type, {}},
                        part.content);
    }

    const Record &record_;
    const std::size_t attachment_bytes_;
    const EventSettings &settings_;
    const ProjectGrouping &grouping_;
    int position_ = 0;              /* of the next attachment, kept or not */
    std::string_view filter_;       /* that the event of the record met */
    std::string client_;            /* the SDK, when the envelope names one */
    int own_ids_ = 0;               /* given so far */
    Content content_;
};

}

Content read_content(const Record &record, std::size_t attachment_bytes,
                     const EventSettings &settings, const ProjectGrouping &grouping)
{
    return ContentReader(record, attachment_bytes, settings, grouping).run();
}

}
