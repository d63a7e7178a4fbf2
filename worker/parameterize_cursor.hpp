/*
 * A place in a text that recognizers read forward from, and the recognizers of dates and
 * times. Private to parameterize_*.cpp.
 */

#ifndef ERRTRACK_WORKER_PARAMETERIZE_CURSOR_HPP
#define ERRTRACK_WORKER_PARAMETERIZE_CURSOR_HPP

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "worker/parameterize_patterns.hpp"

namespace errtrack {

inline bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Reads forward through a text. Every method leaves the place as it was when what it
 * was asked for is not there. */
struct Cursor {
    std::string_view text;
    std::size_t at = 0;

    char peek(std::size_t ahead = 0) const
    {
        return at + ahead < text.size() ? text[at + ahead] : '\0';
    }
    bool done() const { return at >= text.size(); }
    char before() const { return at > 0 ? text[at - 1] : '\0'; }

    bool take(char c)
    {
        bool found = peek() == c && !done();
        at += found;
        return found;
    }

    bool take_any(std::string_view of)
    {
        bool found = !done() && of.find(peek()) != of.npos;
        at += found;
        return found;
    }

    /* Word is in small letters, the text in any. */
    bool take_word(std::string_view word)
    {
        std::string_view rest = text.substr(std::min(at, text.size()), word.size());
        bool found = rest.size() == word.size()
                     && std::equal(word.begin(), word.end(), rest.begin(), [](char a, char b) {
                            return a == (is_upper(b) ? static_cast<char>(b + 32) : b);
                        });
        at += found ? word.size() : 0;
        return found;
    }

    /* Digits from least to most of them; -1 when there are fewer or more. */
    int take_number(std::size_t least, std::size_t most)
    {
        std::size_t length = digits(most + 1);
        if (length < least || length > most) {
            return -1;
        }
        int number = 0;
        for (std::size_t i = 0; i < length; i++) {
            number = number * 10 + (peek(i) - '0');
        }
        at += length;
        return number;
    }

    bool take_number_between(std::size_t least, std::size_t most, int low, int high)
    {
        std::size_t start = at;
        int number = take_number(least, most);
        bool good = number >= low && number <= high;
        at = good ? at : start;
        return good;
    }

    bool take_hex(std::size_t count)
    {
        for (std::size_t i = 0; i < count; i++) {
            if (!is_hex(peek(i))) {
                return false;
            }
        }
        at += count;
        return true;
    }

    std::size_t digits(std::size_t limit = std::string_view::npos) const
    {
        std::size_t length = 0;
        while (length < limit && is_digit(peek(length))) {
            length++;
        }
        return length;
    }
};

inline bool ends_name(const Cursor &cursor)
{
    return cursor.done() || !is_name(cursor.peek());
}

/* How much of a date or a time stands at that place of a text, in words, in digits, as
 * Python shows it, and with a clock alone. 0: none. */
std::size_t date_in_words(std::string_view text, std::size_t at);
std::size_t date_in_digits(std::string_view text, std::size_t at);
std::size_t python_date(std::string_view text, std::size_t at);
std::size_t clock_time(std::string_view text, std::size_t at);

}

#endif
