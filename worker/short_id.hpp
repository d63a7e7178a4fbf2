/*
 * What people call an issue: SHOP-1A, the name of its project and its id to the base of 32,
 * as errtrack_private.short_id() writes it.
 */

#ifndef ERRTRACK_WORKER_SHORT_ID_HPP
#define ERRTRACK_WORKER_SHORT_ID_HPP

#include <cstdint>
#include <optional>
#include <string_view>

namespace errtrack {

/* The id; nothing when the text is no short id. The project is not looked at. */
inline std::optional<std::int64_t> id_of_short(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    std::size_t dash = text.rfind('-');
    if (dash == text.npos || dash == 0 || dash + 1 == text.size() || text.size() - dash > 12) {
        return std::nullopt;
    }
    std::int64_t id = 0;
    for (char c : text.substr(dash + 1)) {
        std::size_t digit = digits.find(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
        if (digit == digits.npos) {
            return std::nullopt;
        }
        id = id * 32 + static_cast<std::int64_t>(digit);
    }
    return id;
}

}

#endif
