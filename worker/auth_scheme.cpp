#include "worker/auth_scheme.hpp"

#include <algorithm>
#include <string>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t fewest = 8;
constexpr std::size_t longest_word = 23;
constexpr std::string_view words[] = {"authenticat", "authori", "credential", "required"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool is_alnum(char c) { return is_letter(c) || is_digit(c); }

bool in_credentials(char c)
{
    return is_alnum(c) || std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

/* A word in small letters. */
bool ends_with_word(std::string_view text, std::string_view word)
{
    if (text.empty() || (text.back() | 0x20) != word.back() || text.size() < word.size()) {
        return false;
    }
    std::size_t begin = text.size() - word.size();
    return lower(text.substr(begin)) == word && (begin == 0 || !is_alnum(text[begin - 1]));
}

}

std::size_t auth_scheme_before(std::string_view text)
{
    for (std::string_view scheme : {"bearer", "basic"}) {
        if (ends_with_word(text, scheme)) {
            return scheme.size();
        }
    }
    return 0;
}

std::string_view credentials_at(std::string_view text)
{
    auto end = std::find_if_not(text.begin(), text.end(), in_credentials);
    std::size_t size = static_cast<std::size_t>(end - text.begin());
    return text.substr(0, size < fewest ? 0 : size);
}

bool is_coded(std::string_view credentials)
{
    std::size_t letters = 0;
    for (std::size_t i = 0; i < credentials.size(); i++) {
        char c = credentials[i];
        letters = is_letter(c) ? letters + 1 : 0;
        if (is_digit(c) || c == '=' || (is_upper(c) && i > 0) || letters > longest_word) {
            return true;
        }
    }
    return false;
}

bool may_be_coded(std::string_view credentials)
{
    std::string small = lower(credentials.substr(0, 16));
    return std::none_of(std::begin(words), std::end(words),
                        [&](std::string_view word) { return small.starts_with(word); });
}

}
