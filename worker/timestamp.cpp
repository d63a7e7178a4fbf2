#include "worker/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>

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

std::optional<std::int64_t> timestamp_of(JsonValue value)
{
    std::optional<double> seconds = value.number();
    return seconds ? from_seconds(*seconds) : parse_timestamp(value.text());
}

std::string format_timestamp(std::int64_t time)
{
    std::chrono::sys_time<std::chrono::microseconds> point{std::chrono::microseconds(time)};
    auto date = std::chrono::floor<std::chrono::days>(point);
    std::chrono::year_month_day civil(date);
    std::chrono::hh_mm_ss clock(point - date);
    std::string text = "0000-00-00T00:00:00.000000Z";
    auto put = [&text](std::size_t at, std::size_t digits, std::int64_t number) {
        for (std::size_t i = at + digits; i-- > at; number /= 10) {
            text[i] = static_cast<char>('0' + number % 10);
        }
    };
    put(0, 4, std::clamp(static_cast<int>(civil.year()), 0, 9999));
    put(5, 2, static_cast<unsigned>(civil.month()));
    put(8, 2, static_cast<unsigned>(civil.day()));
    put(11, 2, clock.hours().count());
    put(14, 2, clock.minutes().count());
    put(17, 2, clock.seconds().count());
    put(20, 6, clock.subseconds().count());
    return text;
}

CorrectedTime correct_time(std::optional<std::int64_t> time, std::int64_t received_at,
                           std::optional<std::int64_t> sent_at)
{
    CorrectedTime made;
    std::int64_t drift = sent_at ? received_at - *sent_at : 0;
    if (std::abs(drift) >= clock_tolerance) {
        made.shift = drift;
        made.why = "clock_drift";
    }
    made.time = time ? *time + made.shift : received_at;
    bool future = made.time > received_at + most_future;
    if (future || made.time < received_at - most_past) {
        made.why = future ? "future_timestamp" : "past_timestamp";
        made.shift += received_at - made.time;
        made.time = received_at;
    }
    return made;
}

}
