/*
 * Dates and times in the forms that programs write into messages. Grouping reference,
 * section 12.3, rows 6 and 7.
 */

#include "worker/parameterize_cursor.hpp"

#include <iterator>

namespace errtrack {
namespace {

constexpr std::size_t longest_arguments = 200;
constexpr std::size_t longest_zone_name = 60;

constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view long_months[] = {
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december"};
constexpr std::string_view weekdays[] = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    "mon", "tues", "tue", "wed", "thurs", "thu", "fri", "sat", "sun"};
constexpr std::string_view zones[] = {
    "utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "bst",
    "ist", "jst", "kst", "msk", "eet", "eest", "wet", "west", "aest", "aedt", "acst", "awst",
    "nzst", "nzdt", "sgt", "hkt", "pkt"};

bool take_one_of(Cursor &cursor, const std::string_view *words, std::size_t count)
{
    char first = cursor.peek();
    first = is_upper(first) ? static_cast<char>(first + 32) : first;
    for (std::size_t i = 0; i < count; i++) {
        Cursor next = cursor;
        if (words[i][0] == first && next.take_word(words[i]) && ends_name(next)) {
            cursor = next;
            return true;
        }
    }
    return false;
}

bool take_month(Cursor &cursor)
{
    return take_one_of(cursor, months, std::size(months))
           || take_one_of(cursor, long_months, std::size(long_months));
}

bool take_blanks(Cursor &cursor)
{
    bool any = cursor.take(' ');
    cursor.take(' ');
    return any;
}

/* Z, +01:00, GMT+0100 (Central European Standard Time), CEST. */
bool take_zone(Cursor &cursor)
{
    Cursor next = cursor;
    next.take(' ');
    bool named = take_one_of(next, zones, std::size(zones));
    if (!named) {
        Cursor joined = next;
        named = joined.take_word("gmt") || joined.take_word("utc");
        named = named && (joined.peek() == '+' || joined.peek() == '-');
        next = named ? joined : next;
    }
    if (!named && next.take_any("zZ")) {
        cursor = ends_name(next) ? next : cursor;
        return ends_name(next);
    }
    Cursor offset = next;
    bool shifted = offset.take_any("+-") && offset.take_number_between(2, 2, 0, 23);
    if (!shifted) {
        offset = next;
        shifted = offset.take_any("+-") && offset.take_number(4, 4) >= 0;
    } else {
        Cursor minutes = offset;
        if (minutes.take(':') && minutes.take_number_between(2, 2, 0, 59)) {
            offset = minutes;
        }
    }
    shifted = shifted && !is_name(offset.peek());
    if (!named && !shifted) {
        return false;
    }
    cursor = shifted ? offset : next;
    Cursor words = cursor;
    if (named && words.take(' ') && words.take('(')) {
        std::size_t length = 0;
        while (length < longest_zone_name
               && (is_name(words.peek(length)) || words.peek(length) == ' ')) {
            length++;
        }
        words.at += length;
        if (words.take(')')) {
            cursor = words;
        }
    }
    return true;
}

/* 12:31:09.25, 3:04PM; with an hour and minutes alone only beside a date. */
bool take_clock(Cursor &cursor, bool beside_date)
{
    Cursor next = cursor;
    if (!next.take_number_between(1, 2, 0, 24) || !next.take(':')
        || !next.take_number_between(2, 2, 0, 59)) {
        return false;
    }
    bool whole = beside_date;
    Cursor seconds = next;
    if (seconds.take(':')) {
        if (!seconds.take_number_between(2, 2, 0, 60)) {
            return false;
        }
        next = seconds;
        whole = true;
        if (seconds.take_any(".,") && is_digit(seconds.peek())) {
            seconds.at += seconds.digits(9);
            next = seconds;
        }
    }
    Cursor half = next;
    half.take(' ');
    if (half.take_any("aApP") && half.take_any("mM") && ends_name(half)) {
        next = half;
        whole = true;
    }
    Cursor zone = next;
    if (beside_date && take_zone(zone)) {
        next = zone;
    }
    if (!whole || !ends_name(next) || (next.peek() == ':' && is_digit(next.peek(1)))) {
        return false;
    }
    cursor = next;
    return true;
}

void take_clock_behind_date(Cursor &cursor)
{
    Cursor next = cursor;
    next.take(',');
    if ((next.take_any("Tt") || take_blanks(next)) && take_clock(next, true)) {
        cursor = next;
    }
}

/* Behind a day and a month, or a month and a day. */
bool take_year(Cursor &cursor)
{
    bool taken = cursor.take_number(4, 4) >= 0 || cursor.take_number(2, 2) >= 0;
    return taken && ends_name(cursor) && cursor.peek() != ':';
}

}

/* Mon, 02 Jan 2006 15:04:05 MST, 02-Jan-06, Jan 02, 1999, Mon Jan  2 15:04:05 2006. */
std::size_t date_in_words(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    if (take_one_of(cursor, weekdays, std::size(weekdays))) {
        cursor.take(',');
        if (!take_blanks(cursor)) {
            return 0;
        }
    }
    Cursor next = cursor;
    if (next.take_number_between(1, 2, 1, 31) && next.take_any(" -") && take_month(next)
        && next.take_any(" -") && take_year(next)) {
        take_clock_behind_date(next);
        return next.at - at;
    }
    next = cursor;
    if (!take_month(next) || !take_blanks(next) || !next.take_number_between(1, 2, 1, 31)) {
        return 0;
    }
    next.take(',');
    if (!take_blanks(next)) {
        return 0;
    }
    Cursor year = next;
    if (take_year(year)) {
        take_clock_behind_date(year);
        return year.at - at;
    }
    if (!take_clock(next, true) || !take_blanks(next) || !take_year(next)) {
        return 0;
    }
    return next.at - at;
}

/* 2026-03-01T10:11:12.5+01:00, 2026/03/01, 01/03/2026, 20260301T101112Z. */
std::size_t date_in_digits(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    Cursor next = cursor;
    if (next.take_number(8, 8) >= 0 && next.take_any("tT") && next.take_number(6, 6) >= 0) {
        next.take_any("zZ");
        return ends_name(next) ? next.at - at : 0;
    }
    next = cursor;
    bool year_first = next.take_number(4, 4) >= 0;
    if (year_first) {
        char mark = next.peek();
        year_first = next.take_any("-/") && next.take_number_between(2, 2, 1, 12)
                     && next.take(mark) && next.take_number_between(2, 2, 1, 31);
    } else {
        next = cursor;
        year_first = next.take_number_between(1, 2, 1, 31) && next.take('/')
                     && next.take_number_between(1, 2, 1, 31) && next.take('/')
                     && next.take_number(4, 4) >= 0;
    }
    if (!year_first) {
        return 0;
    }
    take_clock_behind_date(next);
    bool whole = ends_name(next) && !(next.peek() == '-' && is_name(next.peek(1)));
    return whole ? next.at - at : 0;
}

std::size_t python_date(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    if (!cursor.take_word("datetime.date") || (cursor.take_word("time"), !cursor.take('('))) {
        return 0;
    }
    for (std::size_t open = 1, seen = 0; !cursor.done() && seen < longest_arguments; seen++) {
        open += cursor.peek() == '(' ? 1 : 0;
        open -= cursor.peek() == ')' ? 1 : 0;
        cursor.at++;
        if (open == 0) {
            return cursor.at - at;
        }
    }
    return 0;
}

std::size_t clock_time(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    bool joined = at > 0 && text[at - 1] == ':';
    return !joined && take_clock(cursor, false) ? cursor.at - at : 0;
}

}
