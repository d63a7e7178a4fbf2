/*
 * The columns of an event from its payload. Order of the file: time, names with rules
 * of their own, user, and at the end parse_event(), which is the table of contents.
 */

#include "worker/event.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include <arpa/inet.h>

#include "worker/event_settings.hpp"
#include "worker/fields.hpp"
#include "worker/fingerprint.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"
#include "worker/payload.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t day = 24 * 60 * minute;

/* A difference below it is a slow network, not a wrong clock. */
constexpr std::int64_t clock_tolerance = 55 * minute;
constexpr std::int64_t most_future = minute;
constexpr std::int64_t most_past = 30 * day;

constexpr std::size_t type_characters = 128;
constexpr std::size_t value_characters = 1024;
constexpr std::size_t release_bytes = 200;
constexpr std::size_t environment_bytes = 64;
constexpr std::size_t platform_bytes = 64;
constexpr std::size_t user_characters = 128;
constexpr std::size_t tag_characters = 200;

/* ---- time ---- */

/* Takes a number of exactly that many digits off text; -1 when it is not there. */
int take_digits(std::string_view &text, std::size_t count)
{
    int value = 0;
    if (text.size() < count) {
        return -1;
    }
    for (char c : text.substr(0, count)) {
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view &text, std::string_view any)
{
    bool found = !text.empty() && any.find(text.front()) != any.npos;
    text.remove_prefix(found);
    return found;
}

std::optional<std::int64_t> parse_date_time(std::string_view text)
{
    int year = take_digits(text, 4);
    bool dash = take(text, "-");
    int month = take_digits(text, 2);
    dash = take(text, "-") && dash;
    int date = take_digits(text, 2);
    bool blank = take(text, "Tt ");
    int hour = take_digits(text, 2);
    bool colon = take(text, ":");
    int minutes = take_digits(text, 2);
    int seconds = take(text, ":") ? take_digits(text, 2) : 0;
    if (year < 0 || month < 0 || date < 0 || hour < 0 || hour > 23 || minutes < 0 || minutes > 59
        || seconds < 0 || seconds > 60 || !dash || !blank || !colon) {
        return {};
    }
    std::chrono::year_month_day civil{std::chrono::year(year),
                                      std::chrono::month(static_cast<unsigned>(month)),
                                      std::chrono::day(static_cast<unsigned>(date))};
    if (!civil.ok()) {
        return {};
    }
    std::int64_t time = std::chrono::sys_days(civil).time_since_epoch().count() * day
                        + (hour * 60 + minutes) * minute + seconds * second;
    if (take(text, ".,")) {
        std::int64_t unit = second;
        int digit = take_digits(text, 1);
        if (digit < 0) {
            return {};
        }
        for (; digit >= 0; digit = take_digits(text, 1)) {
            unit /= 10;
            time += digit * unit;
        }
    }
    bool east = text.starts_with('+');
    if (take(text, "+-")) {
        int zone_hours = take_digits(text, 2);
        take(text, ":");
        int zone_minutes = text.empty() ? 0 : take_digits(text, 2);
        if (zone_hours < 0 || zone_hours > 23 || zone_minutes < 0 || zone_minutes > 59) {
            return {};
        }
        std::int64_t zone = (zone_hours * 60 + zone_minutes) * minute;
        time += east ? -zone : zone;
    } else {
        take(text, "Zz");
    }
    return text.empty() ? std::optional(time) : std::nullopt;
}

/* Seconds, as far as the year has four digits. What is larger are milliseconds. */
std::optional<std::int64_t> from_seconds(double seconds)
{
    constexpr double year_1 = -62'135'596'800.0;
    constexpr double year_10000 = 253'402'300'800.0;
    if (!(seconds >= year_1 && seconds < year_10000)) {
        return {};
    }
    return std::llround(seconds * static_cast<double>(second));
}

std::int64_t occurred_at(JsonValue timestamp, const EventContext &context)
{
    std::optional<double> seconds = timestamp.number();
    std::optional<std::int64_t> time = seconds ? from_seconds(*seconds)
                                               : parse_timestamp(timestamp.text());
    if (!time) {
        return context.received_at;
    }
    if (context.sent_at) {
        std::int64_t drift = context.received_at - *context.sent_at;
        *time += std::abs(drift) >= clock_tolerance ? drift : 0;
    }
    bool plausible = *time <= context.received_at + most_future
                     && *time >= context.received_at - most_past;
    return plausible ? *time : context.received_at;
}

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
    return valid_name(environment, environment_bytes, "none");
}

bool is_tag_key(std::string_view key)
{
    return !key.empty() && key.size() <= tag_characters
           && std::all_of(key.begin(), key.end(), [](char c) {
                  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                         || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == ':' || c == '-';
              });
}

/* Those that can be counted: reference, section 5.6. */
std::vector<std::pair<std::string, std::string>> tags_of(const GroupingInput &input)
{
    std::vector<std::pair<std::string, std::string>> tags;
    for (auto [key, text] : input.tags) {
        std::replace(key.begin(), key.end(), ' ', '-');
        bool good = is_tag_key(key) && !text.empty() && text.find('\n') == text.npos
                    && cut_characters(text, tag_characters).size() == text.size()
                    && std::none_of(tags.begin(), tags.end(),
                                    [&](const auto &tag) { return tag.first == key; });
        if (good) {
            tags.emplace_back(std::move(key), std::move(text));
        }
    }
    return tags;
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

/* ---- user ---- */

bool is_address(const std::string &text)
{
    unsigned char bytes[sizeof(in6_addr)];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1
           || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/*
 * The address of the user: as sent, else what the client's server saw, else ours,
 * for SDKs that run at the user's and were not told to leave it out.
 */
std::string user_address(JsonValue root, JsonValue user, const std::string &platform,
                         const std::string &client_address)
{
    std::string address = user["ip_address"].text();
    if (address == "{{auto}}") {
        return client_address;
    }
    if (is_address(address)) {
        return address;
    }
    JsonValue request = interface_of(root, "request", "sentry.interfaces.Http");
    address = request["env"]["REMOTE_ADDR"].text();
    if (is_address(address)) {
        return address;
    }
    std::string infer = root["sdk"]["settings"]["infer_ip"].text();
    bool at_the_users = platform == "javascript" || platform == "cocoa" || platform == "objc";
    return infer == "auto" || (at_the_users && infer != "never") ? client_address : "";
}

std::optional<Hash> user_of(JsonValue root, const std::string &platform,
                            const std::string &client_address)
{
    JsonValue user = interface_of(root, "user", "sentry.interfaces.User");
    std::string kind;
    std::string identity;
    for (std::string_view key : {"id", "username", "email"}) {
        std::string text = lenient_text(user[key]).value_or("");
        identity = cut_characters(trim(text), user_characters);
        if (!identity.empty()) {
            kind = key;
            break;
        }
    }
    if (identity.empty()) {
        kind = "ip";
        identity = user_address(root, user, platform, client_address);
    }
    if (identity.empty()) {
        return {};
    }
    return hash_of("user", kind + ":" + identity);
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

std::optional<std::int64_t> parse_timestamp(std::string_view text)
{
    text = trim(text);
    double seconds = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && rest == text.data() + text.size()) {
        return from_seconds(seconds);
    }
    return parse_date_time(text);
}

std::optional<Event> parse_event(std::string_view body, const EventContext &context)
{
    Json document;
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
    event.platform = platform_of(root["platform"]);
    GroupingInput input = read_grouping_input(root, event.platform);
    input.level = level_of(root["level"]);
    mark_frames(input, context.rules);
    apply_fingerprint_rules(input);

    event.level = input.level;
    event.logger = input.logger;
    event.transaction = input.transaction;
    event.release = valid_name(lenient_text(root["release"]), release_bytes, "latest");
    event.environment = environment_of(root, input);
    event.occurred_at = occurred_at(root["timestamp"], context);
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
    event.tags = tags_of(input);
    event.hashes = grouping_hashes(input);
    event.grouping = std::make_shared<GroupingInput>(std::move(input));
    event.payload = make_payload(document, context.event_id);
    return event;
}

}
