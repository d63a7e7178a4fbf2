#include "worker/item.hpp"

#include <charconv>
#include <cstdlib>
#include <utility>

#include "worker/event.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

/* A difference below it is a slow network, not a wrong clock. */
constexpr std::int64_t clock_tolerance = 55 * 60 * second;

}

JsonObject &JsonObject::raw(std::string_view key, std::string_view json)
{
    if (!json.empty()) {
        text_.append(empty() ? "" : ",");
        append_json_string(text_, key);
        text_.append(":").append(json);
    }
    return *this;
}

JsonObject &JsonObject::text(std::string_view key, std::string_view value)
{
    std::string json;
    if (!value.empty()) {
        append_json_string(json, value);
    }
    return raw(key, json);
}

JsonObject &JsonObject::integer(std::string_view key, std::int64_t value)
{
    return raw(key, std::to_string(value));
}

JsonObject &JsonObject::number(std::string_view key, double value)
{
    char digits[32];
    auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
    return raw(key, error == std::errc() ? std::string_view(digits, end) : "0");
}

std::string_view parse_item(std::string_view payload, Json &document)
{
    if (trim(payload).empty()) {
        return reason::no_data;
    }
    std::string buffer;
    bool object = document.parse(repair(payload, buffer)) && document.root().is_object();
    return object ? reason::none : reason::invalid_json;
}

void scrub_stored(Json &document, const ItemContext &context, std::vector<JsonValue> stored)
{
    static const Scrubber usual;
    const Scrubber &scrubber = context.scrubber != nullptr ? *context.scrubber : usual;
    scrubber.scrub(document, std::move(stored));
}

std::optional<std::int64_t> time_of(JsonValue value)
{
    bool textual = value.is_string() || value.is_number();
    return textual ? parse_timestamp(value.is_string() ? value.text() : std::string(value.raw()))
                   : std::nullopt;
}

std::optional<std::int64_t> corrected_time(JsonValue value, const ItemContext &context)
{
    std::optional<std::int64_t> time = time_of(value);
    if (time && context.sent_at) {
        std::int64_t drift = context.received_at - *context.sent_at;
        *time += std::abs(drift) >= clock_tolerance ? drift : 0;
    }
    return time;
}

std::optional<std::int64_t> count_of(JsonValue value)
{
    std::optional<std::int64_t> count = value.integer();
    return count && *count >= 0 ? count : std::nullopt;
}

}
