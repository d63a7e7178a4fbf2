/*
 * Looks for bytes in words of eight. Bodies and headers are mostly made of others.
 */

#ifndef ERRTRACK_NGX_MODULE_BYTE_SEARCH_HPP
#define ERRTRACK_NGX_MODULE_BYTE_SEARCH_HPP

#include <cstdint>
#include <cstring>

namespace errtrack __attribute__((visibility("hidden"))) {

/* A word of eight equal bytes, and what is found in one: the high bit of each byte that
 * was sought, and maybe of some behind the first of them. */
namespace byte_search {

inline constexpr std::uint64_t ones = 0x0101010101010101;
inline constexpr std::uint64_t highs = ones << 7;

constexpr std::uint64_t below(std::uint64_t word, unsigned char c) noexcept
{
    return (word - ones * c) & ~word & highs;
}

constexpr std::uint64_t equal(std::uint64_t word, unsigned char c) noexcept
{
    return below(word ^ ones * c, 1);
}

}

/* Where the first byte of a kind is, or end. in_word(word) finds the kind as above,
 * is(byte) tells it. */
template <class InWord, class Is>
const char *find_byte(const char *at, const char *end, InWord in_word, Is is) noexcept
{
    while (end - at >= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof(word));
        std::uint64_t found = in_word(word);
        if (found == 0) {
            at += 8;
            continue;
        }
        if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
            return at + __builtin_ctzll(found) / 8;
        }
        break;
    }
    while (at != end && !is(static_cast<unsigned char>(*at))) {
        at++;
    }
    return at;
}

/* The next quote or backslash. */
inline const char *find_quote(const char *at, const char *end) noexcept
{
    return find_byte(
        at, end,
        [](std::uint64_t word) {
            return byte_search::equal(word, '"') | byte_search::equal(word, '\\');
        },
        [](unsigned char c) { return c == '"' || c == '\\'; });
}

/* The same, or a control character, which a string of JSON may not hold. */
inline const char *find_string_end(const char *at, const char *end) noexcept
{
    return find_byte(
        at, end,
        [](std::uint64_t word) {
            return byte_search::equal(word, '"') | byte_search::equal(word, '\\')
                   | byte_search::below(word, 0x20);
        },
        [](unsigned char c) { return c == '"' || c == '\\' || c < 0x20; });
}

/* A control character, which a line of our own or of HTTP may not hold. */
inline const char *find_control(const char *at, const char *end) noexcept
{
    return find_byte(
        at, end,
        [](std::uint64_t word) {
            return byte_search::below(word, 0x20) | byte_search::equal(word, 0x7f);
        },
        [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}

#endif
