/* Inflating: the encodings, what is broken, and that the limit holds. */

#include "worker/inflate.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "worker/outcome.hpp"

using namespace errtrack;

namespace {

constexpr std::size_t no_limit = 1 << 26;

std::string deflated(std::string_view text, int window_bits)
{
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string gzipped(std::string_view text) { return deflated(text, 31); }

std::string_view failure(std::string_view encoding, std::string_view bytes,
                         std::size_t limit = no_limit)
{
    std::string out;
    return inflate(encoding, bytes, limit, out);
}

std::string inflated(std::string_view encoding, std::string_view bytes,
                     std::size_t limit = no_limit)
{
    std::string out;
    EXPECT_EQ(inflate(encoding, bytes, limit, out), reason::none);
    return out;
}

TEST(Inflate, plain_bytes_are_taken_as_they_are)
{
    EXPECT_EQ(inflated("", "abc"), "abc");
    EXPECT_EQ(inflated("", ""), "");
    EXPECT_EQ(inflated("", "abc", 3), "abc");
    EXPECT_EQ(failure("", "abc", 2), reason::too_large);
}

TEST(Inflate, gzip)
{
    std::string text(100'000, 'x');
    EXPECT_EQ(inflated("gzip", gzipped(text)), text);
    EXPECT_EQ(inflated("gzip", gzipped("")), "");
    EXPECT_EQ(inflated("gzip", gzipped("one ") + gzipped("") + gzipped("two")), "one two");
    EXPECT_EQ(inflated("gzip", gzipped("one") + "what follows"), "one");
}

TEST(Inflate, deflate_with_and_without_wrapper)
{
    EXPECT_EQ(inflated("deflate", deflated("abc", 15)), "abc");
    EXPECT_EQ(inflated("deflate", deflated("abc", -15)), "abc");
}

TEST(Inflate, broken_streams)
{
    std::string good = gzipped("some text that is long enough to be cut");
    EXPECT_EQ(failure("gzip", ""), reason::invalid_compression);
    EXPECT_EQ(failure("deflate", ""), reason::invalid_compression);
    EXPECT_EQ(failure("gzip", "{\"a\":1}"), reason::invalid_compression);
    EXPECT_EQ(failure("deflate", "{\"a\":1}"), reason::invalid_compression);
    for (std::size_t length = 0; length < good.size(); length++) {
        EXPECT_EQ(failure("gzip", good.substr(0, length)), reason::invalid_compression) << length;
    }
    good[good.size() - 6] ^= 1;
    EXPECT_EQ(failure("gzip", good), reason::invalid_compression);
    EXPECT_EQ(failure("gzip", gzipped("one") + "\x1f\x8b" "broken"), reason::invalid_compression);
}

TEST(Inflate, limit_is_exact)
{
    std::string text(50'000, 'x');
    EXPECT_EQ(inflated("gzip", gzipped(text), text.size()), text);
    EXPECT_EQ(failure("gzip", gzipped(text), text.size() - 1), reason::too_large);
    EXPECT_EQ(failure("deflate", deflated(text, -15), text.size() - 1), reason::too_large);
    EXPECT_EQ(failure("gzip", gzipped(text) + gzipped("y"), text.size()), reason::too_large);
    EXPECT_EQ(failure("gzip", gzipped("y"), 0), reason::too_large);
    EXPECT_EQ(inflated("gzip", gzipped(""), 0), "");
}

TEST(Inflate, bomb_does_not_grow_beyond_the_limit)
{
    std::string bomb = gzipped(std::string(20'000'000, '\0'));
    std::string out;
    EXPECT_EQ(inflate("gzip", bomb, 100'000, out), reason::too_large);
    EXPECT_LE(out.size(), 100'001u);
}

TEST(Inflate, unknown_encoding)
{
    EXPECT_EQ(failure("lzma", "abc"), reason::content_encoding);
    EXPECT_EQ(failure("gzip, gzip", "abc"), reason::content_encoding);
}

}
