/*
 * Looks for bytes many at a time: sixteen where the processor has SSE2, as each of
 * x86-64 does, else words of eight. Bodies and headers are mostly made of others. For the
 * edge and the worker.
 */

#ifndef ERRTRACK_WORKER_BYTE_SEARCH_HPP
#define ERRTRACK_WORKER_BYTE_SEARCH_HPP

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace errtrack __attribute__((visibility("hidden"))) {

/* Whether bytes beyond ASCII are sought, too. */
enum class Beyond : bool { no, yes };

/* What is sought: bytes below limit, and each of equal. */
template <Beyond beyond, unsigned char limit, unsigned char... equal>
struct ByteKind {
    static constexpr bool is(unsigned char c) noexcept
    {
        return c < limit || ((c == equal) || ...) || (beyond == Beyond::yes && c >= 0x80);
    }

    /* The high bit of each such byte of the word, and maybe of some behind the first. */
    static constexpr std::uint64_t in_word(std::uint64_t word) noexcept
    {
        constexpr std::uint64_t ones = 0x0101010101010101;
        auto below = [](std::uint64_t bytes, std::uint64_t bound) {
            return (bytes - ones * bound) & ~bytes & ones << 7;
        };
        std::uint64_t found = below(word, limit) | (below(word ^ ones * equal, 1) | ...);
        return beyond == Beyond::yes ? found | (word & ones << 7) : found;
    }

#ifdef __SSE2__
    /* A bit for each such byte. */
    static unsigned in_block(__m128i block) noexcept
    {
        __m128i found = (_mm_cmpeq_epi8(block, _mm_set1_epi8(static_cast<char>(equal))) | ...);
        if constexpr (limit > 0) {
            __m128i last = _mm_set1_epi8(static_cast<char>(limit - 1));
            found |= _mm_cmpeq_epi8(_mm_min_epu8(block, last), block);
        }
        if constexpr (beyond == Beyond::yes) {
            found |= block;                 // the high bits are what is looked at
        }
        return static_cast<unsigned>(_mm_movemask_epi8(found));
    }
#endif

    /* Where the first such byte is, or end. */
    static const char *find(const char *at, const char *end) noexcept
    {
#ifdef __SSE2__
        while (end - at >= 16) {
            __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
            if (unsigned found = in_block(block)) {
                return at + __builtin_ctz(found);
            }
            at += 16;
        }
#endif
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
};

using Quotes = ByteKind<Beyond::no, 0, '"', '\\'>;

/* A control character may not be in a string of JSON. */
using StringEnds = ByteKind<Beyond::no, 0x20, '"', '\\'>;

/* What a line of our own or of HTTP may not hold. */
using Controls = ByteKind<Beyond::no, 0x20, 0x7f>;

}

#endif
