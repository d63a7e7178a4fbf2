/*
 * Words of ASCII, whatever the locale; other bytes are themselves. Shared with the query
 * module, so C++17 and the standard library only.
 */

#ifndef ERRTRACK_WORKER_WORDS_HPP
#define ERRTRACK_WORKER_WORDS_HPP

#include <initializer_list>
#include <string>
#include <string_view>

namespace errtrack {

constexpr bool is_white(char c) noexcept
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without white space at both ends. */
inline std::string_view trim(std::string_view text)
{
    while (!text.empty() && is_white(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_white(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/* With capitals made small. */
inline std::string lower(std::string_view text)
{
    std::string out(text);
    for (char &c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

inline bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words)
{
    for (std::string_view word : words) {
        if (text == word) {
            return true;
        }
    }
    return false;
}

}

#endif
