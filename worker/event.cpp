/*
 * The columns of an event from its payload. First names with rules of their own, at the end
 * parse_event(), which is the table of contents.
 */

#include "worker/event.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "worker/derived.hpp"
#include "worker/event_settings.hpp"
#include "worker/fields.hpp"
#include "worker/fingerprint.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"
#include "worker/limits.hpp"
#include "worker/normalize.hpp"
#include "worker/payload.hpp"
#include "worker/repair.hpp"
#include "worker/tags.hpp"
#include "worker/user.hpp"

namespace errtrack {
namespace {

constexpr std::size_t type_characters = 128;
constexpr std::size_t value_characters = 1024;
constexpr std::size_t release_bytes = 200;
constexpr std::size_t environment_bytes = 64;
constexpr std::size_t platform_bytes = 64;

/* ---- names ---- */

/* Names of releases and environments stand in addresses and paths. */
std::string valid_name(const std::optional<std::string> &text, std::size_t bytes,
                       std::string_view reserved)
{
    std::string name(trim(text.value_or("")));
    if (name.size() > bytes || name == "." || name == ".." || lower(name) == reserved
        || name.find_first_of("/\r\n\t\f") != name.npos) {
        name.clear();
    }
    return name;
}

}

std::string valid_release(const std::optional<std::string> &text)
{
    return valid_name(text, release_bytes, "latest");
}

std::string valid_environment(const std::optional<std::string> &text)
{
    return valid_name(text, environment_bytes, "none");
}

namespace {

std::string environment_of(JsonValue root, const GroupingInput &input)
{
    std::optional<std::string> environment = lenient_text(root["environment"]);
    if (!environment || trim(*environment).empty()) {
        auto tag = std::find_if(input.tags.begin(), input.tags.end(),
                                [](const auto &entry) { return entry.first == "environment"; });
        if (tag != input.tags.end()) {
            environment = tag->second;
        }
    }
    return valid_environment(environment);
}

std::string level_of(JsonValue value)
{
    constexpr std::pair<std::string_view, std::string_view> levels[] = {
        {"debug", "debug"},     {"sample", "debug"},    {"10", "debug"},
        {"info", "info"},       {"log", "info"},        {"20", "info"},
        {"warning", "warning"}, {"warn", "warning"},    {"30", "warning"},
        {"error", "error"},     {"40", "error"},
        {"fatal", "fatal"},     {"critical", "fatal"},  {"50", "fatal"}};
    std::string word = lower(lenient_text(value).value_or(""));
    for (const auto &[name, level] : levels) {
        if (name == word) {
            return std::string(level);
        }
    }
    return "error";
}

std::string platform_of(JsonValue value)
{
    std::string platform = value.text();
    bool good = !platform.empty() && platform.size() <= platform_bytes
                && std::all_of(platform.begin(), platform.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
                              || c == '-';
                   });
    return good ? platform : "other";
}

}

std::string to_hex(const Hash &hash)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * hash.size());
    for (unsigned char byte : hash) {
        hex.push_back(digits[byte >> 4]);
        hex.push_back(digits[byte & 15]);
    }
    return hex;
}

namespace {

/* Memory for documents, which is used again: to ask for it costs as much as to parse the
 * document. What a text of unusual size needed, be it one or not, is given back with the
 * next. */
class Workspace {
public:
    Json &document_for(std::string_view text)
    {
        if (!document_ || had_ > most_kept) {
            document_ = std::make_unique<Json>();
        }
        had_ = text.size();
        return *document_;
    }

private:
    static constexpr std::size_t most_kept = 256 * 1024;    /* bytes of a text */

    std::size_t had_ = 0;
    std::unique_ptr<Json> document_;
};

}

std::optional<Event> parse_event(std::string_view body, const EventContext &context)
{
    thread_local Workspace workspace;
    Json &document = workspace.document_for(body);
    std::string buffer;
    if (!document.parse(repair(body, buffer)) || !document.root().is_object()) {
        return {};
    }
    static const EventSettings usual;
    const EventSettings &settings = context.settings != nullptr ? *context.settings : usual;
    settings.scrubber.scrub(document);
    JsonValue root = document.root();
    std::string address = settings.scrubber.removes_addresses() ? "" : context.client_address;

    Event event;
    event.id = context.event_id;
    event.platform = platform_of(root["platform"]);
    GroupingInput input = read_grouping_input(root, event.platform);
    input.level = level_of(root["level"]);
    thread_local Workspace more;
    std::string members = derived_members(root, event.platform,
                                          {settings.scrubber.scrub(context.agent),
                                           settings.scrubber.scrub(context.client)});
    Json &derived = more.document_for(members);
    derived.parse(members);
    if (input.sdk.empty()) {
        input.sdk = derived.root()["sdk"]["name"].text();
    }
    input.algorithm = context.grouping.algorithm;
    mark_frames(input, context.grouping.rules);
    apply_fingerprint_rules(input);

    event.level = input.level;
    event.logger = input.logger;
    event.transaction = input.transaction;
    event.release = valid_release(lenient_text(root["release"]));
    event.environment = environment_of(root, input);
    CorrectedTime corrected = correct_time(timestamp_of(root["timestamp"]), context.received_at,
                                           context.sent_at);
    event.occurred_at = corrected.time;
    event.user = user_of(root, event.platform, address);

    event.transaction_type = root["type"].text() == "transaction";
    event.filter = event.transaction_type ? filter_of_transaction(settings.filters, root)
                                          : filter_of_event(settings.filters, root, input);
    event.kind = input.exceptions.empty() ? "default" : "error";
    if (input.exceptions.empty()) {
        event.value = cut_with_dots(input.message, value_characters);
    } else {
        event.type = cut_with_dots(input.exceptions.back().type, type_characters);
        event.value = cut_with_dots(input.exceptions.back().value, value_characters);
    }
    event.title = title_of(input);
    event.culprit = culprit_of(input);
    event.hashes = grouping_hashes(input);
    event.loose_hash = loose_hash(input);
    if (context.grouping.previous && context.received_at < context.grouping.previous_until) {
        event.previous_algorithm = *context.grouping.previous;
        event.previous_hashes = hashes_by_version(input, event.previous_algorithm);
    }
    event.grouping = std::make_shared<GroupingInput>(std::move(input));
    event.tags = tags_of(root, event, derived.root()["contexts"]);
    JsonEditor editor(document);
    normalize(editor, event, corrected, address, derived.root());
    event.payload = make_payload(editor, context.event_id,
                                 {limit_parts(editor), corrected.why});
    return event;
}

}
