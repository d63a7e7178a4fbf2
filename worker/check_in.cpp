#include "worker/check_in.hpp"

#include <algorithm>

#include "worker/crontab.hpp"
#include "worker/entry.hpp"
#include "worker/event.hpp"
#include "worker/fields.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t slug_bytes = 50;
constexpr std::size_t zone_bytes = 64;
constexpr double most_seconds = 1e9;
constexpr std::int64_t most_minutes = 40'320;   /* four weeks */
constexpr std::int64_t most_units = 10'000;

constexpr std::string_view units[] = {"minute", "hour", "day", "week", "month", "year"};

/* Small letters, digits, underscores, and single dashes for everything else. */
std::string slug_of(std::string_view text)
{
    std::string slug;
    for (char c : lower(text)) {
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (slug.size() < slug_bytes && (good || (!slug.empty() && slug.back() != '-'))) {
            slug.push_back(good ? c : '-');
        }
    }
    slug.erase(slug.find_last_not_of('-') + 1);
    return slug;
}

std::string numbers_of(const Crontab::Field &field)
{
    std::string numbers;
    for (std::size_t i = 0; i < field.size(); i++) {
        if (field[i]) {
            numbers.append(numbers.empty() ? "" : ",").append(std::to_string(i));
        }
    }
    return "[" + numbers + "]";
}

/* Empty when there is none that can be understood. */
std::string schedule_of(JsonValue schedule)
{
    std::string type = schedule["type"].text();
    JsonValue value = schedule["value"];
    if (type == "crontab") {
        std::optional<Crontab> tab = parse_crontab(value.text());
        return !tab ? "" : JsonObject().raw("minutes", numbers_of(tab->minutes))
                               .raw("hours", numbers_of(tab->hours))
                               .raw("days", numbers_of(tab->days))
                               .raw("months", numbers_of(tab->months))
                               .raw("weekdays", numbers_of(tab->weekdays))
                               .raw("either", tab->either ? "true" : "false")
                               .done();
    }
    std::string unit = schedule["unit"].text();
    std::int64_t every = count_of(value).value_or(0);
    bool known = std::find(std::begin(units), std::end(units), unit) != std::end(units);
    bool interval = type == "interval" && known && every >= 1 && every <= most_units;
    return interval ? JsonObject().integer("every", every).text("unit", unit).done() : "";
}

/* A name of the time zone database by its looks. */
std::string zone_of(JsonValue zone)
{
    std::string name = zone.text();
    bool good = name.size() <= zone_bytes && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_' || c == '-' || c == '+' || c == '/';
    });
    return good ? name : "";
}

void add_minutes(JsonObject &row, std::string_view key, JsonValue value)
{
    if (std::optional<std::int64_t> minutes = count_of(value); minutes && *minutes > 0) {
        row.integer(key, std::min(*minutes, most_minutes));
    }
}

}

std::string_view read_check_in(std::string_view payload, const ItemContext &context,
                               std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    scrub_stored(document, context,
                 {root["monitor_slug"], root["environment"], root["release"],
                  root["monitor_config"]["timezone"]});
    std::string slug = slug_of(root["monitor_slug"].text());
    if (slug.empty()) {
        return reason::invalid_check_in;
    }
    std::string status = root["status"].text();
    if (status != "ok" && status != "error" && status != "in_progress") {
        status = "unknown";
    }
    std::string environment = valid_environment(lenient_text(root["environment"]));
    std::string id = normalize_uuid(root["check_in_id"].text());
    bool nil = !id.empty() && id.find_first_not_of('0') == id.npos;
    JsonObject check_in;
    check_in.text("slug", slug)
        .text("environment", environment.empty() ? "production" : environment)
        .text("status", status)
        .text("id", nil ? "" : id.empty() ? context.own_id : id)
        .text("new_id", context.own_id)
        .text("release", valid_release(lenient_text(root["release"])));
    if (std::optional<double> seconds = root["duration"].number();
        seconds && *seconds >= 0 && *seconds <= most_seconds)
    {
        check_in.number("seconds", *seconds);
    }
    JsonValue config = root["monitor_config"];
    if (std::string schedule = schedule_of(config["schedule"]); !schedule.empty()) {
        check_in.raw("schedule", schedule).text("timezone", zone_of(config["timezone"]));
        add_minutes(check_in, "margin", config["checkin_margin"]);
        add_minutes(check_in, "runtime", config["max_runtime"]);
    }
    row = check_in.done();
    return reason::none;
}

}
