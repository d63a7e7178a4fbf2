/* Each way to look for bytes finds what a loop over them finds. */

#include "worker/byte_search.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace errtrack;

namespace {

using Unplain = ByteKind<Beyond::yes, 0x20, '"', '\\'>;

/* Every byte, at every place of a text that takes a block, a word and single bytes. */
template <class Kind>
void expect_finds(bool (*sought)(unsigned char))
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (std::size_t at = 0; at < 40; at++) {
            std::string text(40, 'a');
            text[at] = static_cast<char>(byte);
            const char *end = text.data() + text.size();
            std::size_t expected = sought(static_cast<unsigned char>(byte)) ? at : text.size();
            ASSERT_EQ(Kind::find(text.data(), end) - text.data(), static_cast<std::ptrdiff_t>(expected))
                << "byte " << byte << " at " << at;
            ASSERT_EQ(Kind::find(end - 3, end) - text.data(),
                      static_cast<std::ptrdiff_t>(expected < 37 ? text.size() : expected))
                << "byte " << byte << " at " << at << ", in the last three";
        }
    }
}

/* The first place is right also where there is no SSE2. */
template <class Kind>
void expect_marks(bool (*sought)(unsigned char))
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned at = 0; at < 8; at++) {
            std::uint64_t word = 0x6161616161616161 ^ std::uint64_t(byte ^ 0x61) << (8 * at);
            std::uint64_t found = Kind::in_word(word);
            bool wanted = sought(static_cast<unsigned char>(byte));
            ASSERT_EQ(found != 0, wanted) << "byte " << byte;
            ASSERT_TRUE(!wanted || static_cast<unsigned>(__builtin_ctzll(found)) == 8 * at + 7)
                << "byte " << byte << " at " << at;
        }
    }
}

TEST(ByteSearch, quotes_and_backslashes)
{
    auto sought = [](unsigned char c) { return c == '"' || c == '\\'; };
    expect_finds<Quotes>(sought);
    expect_marks<Quotes>(sought);
}

TEST(ByteSearch, what_ends_a_string)
{
    auto sought = [](unsigned char c) { return c == '"' || c == '\\' || c < 0x20; };
    expect_finds<StringEnds>(sought);
    expect_marks<StringEnds>(sought);
}

TEST(ByteSearch, control_characters)
{
    auto sought = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    expect_finds<Controls>(sought);
    expect_marks<Controls>(sought);
}

TEST(ByteSearch, bytes_beyond_ascii)
{
    auto sought = [](unsigned char c) { return c == '"' || c == '\\' || c < 0x20 || c >= 0x80; };
    expect_finds<Unplain>(sought);
    expect_marks<Unplain>(sought);
}

}
