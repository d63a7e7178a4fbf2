#include "worker/crontab.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t most_text = 256;

constexpr std::pair<std::string_view, std::string_view> words[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"}};

constexpr std::string_view month_names = "jan feb mar apr may jun jul aug sep oct nov dec";
constexpr std::string_view weekday_names = "sun mon tue wed thu fri sat";

/* The numbers that a field may have, and the names of some of them, which stand four
 * characters apart. */
struct Range {
    unsigned least;
    unsigned most;
    std::string_view names;
    unsigned first_name = 0;
};

/* Takes what stands before the next of these characters off text. */
std::string_view take_until(std::string_view &text, char end)
{
    std::string_view part = text.substr(0, text.find(end));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

std::optional<unsigned> number_of(std::string_view text, const Range &range)
{
    unsigned number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
        bool inside = number >= range.least && number <= range.most;
        return inside ? std::optional(number) : std::nullopt;
    }
    std::size_t at = text.size() == 3 ? range.names.find(text) : text.npos;
    if (at == text.npos || at % 4 != 0) {
        return {};
    }
    return range.first_name + static_cast<unsigned>(at / 4);
}

/* One field: numbers and ranges with commas between them, each with a step or without. */
std::optional<Crontab::Field> field_of(std::string_view text, const Range &range)
{
    Crontab::Field field;
    if (text.empty() || text.back() == ',') {
        return {};
    }
    while (!text.empty()) {
        std::string_view part = take_until(text, ',');
        std::size_t slash = part.find('/');
        std::string_view span = part.substr(0, slash);
        std::optional<unsigned> step = 1;
        if (slash != part.npos) {
            step = number_of(part.substr(slash + 1), {1, range.most, {}});
        }
        std::optional<unsigned> first = range.least;
        std::optional<unsigned> last = range.most;
        if (span != "*" && span != "?") {
            std::size_t dash = span.find('-');
            first = number_of(span.substr(0, dash), range);
            if (dash != span.npos) {
                last = number_of(span.substr(dash + 1), range);
            } else if (slash == part.npos) {
                last = first;
            }
        }
        if (!first || !last || !step || *first > *last) {
            return {};
        }
        for (unsigned number = *first; number <= *last; number += *step) {
            field.set(number);
        }
    }
    return field;
}

bool is_any(std::string_view field)
{
    return field.starts_with('*') || field.starts_with('?');
}

/* Whether any of the months has any of the days. */
bool meets_a_day(const Crontab &tab)
{
    constexpr unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; month++) {
        for (unsigned day = 1; tab.months[month] && day <= lengths[month - 1]; day++) {
            if (tab.days[day]) {
                return true;
            }
        }
    }
    return false;
}

}

std::optional<Crontab> parse_crontab(std::string_view text)
{
    std::string small = lower(trim(text.substr(0, most_text + 1)));
    const auto *word = std::find_if(std::begin(words), std::end(words),
                                    [&](const auto &each) { return each.first == small; });
    std::string_view rest = word == std::end(words) ? std::string_view(small) : word->second;
    std::string_view fields[5];
    std::size_t count = 0;
    while (!rest.empty()) {
        std::string_view field = rest.substr(0, rest.find_first_of(" \t"));
        rest = trim(rest.substr(field.size()));
        if (count == std::size(fields)) {
            return {};
        }
        fields[count++] = field;
    }
    if (small.size() > most_text || count != std::size(fields)) {
        return {};
    }
    auto minutes = field_of(fields[0], {0, 59, {}});
    auto hours = field_of(fields[1], {0, 23, {}});
    auto days = field_of(fields[2], {1, 31, {}});
    auto months = field_of(fields[3], {1, 12, month_names, 1});
    auto weekdays = field_of(fields[4], {0, 7, weekday_names, 0});
    if (!minutes || !hours || !days || !months || !weekdays) {
        return {};
    }
    if ((*weekdays)[7]) {
        weekdays->set(0);
        weekdays->reset(7);
    }
    Crontab tab = {*minutes, *hours, *days, *months, *weekdays,
                   !is_any(fields[2]) && !is_any(fields[4])};
    return tab.either || meets_a_day(tab) ? std::optional(tab) : std::nullopt;
}

}
