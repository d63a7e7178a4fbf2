/* Inflating: the encodings, what is broken, and that the limit holds. */

#include "worker/inflate.hpp"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

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

std::string brotli(std::string_view text)
{
    std::size_t size = BrotliEncoderMaxCompressedSize(text.size());
    std::string out(size, '\0');
    BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.size(),
                          reinterpret_cast<const uint8_t *>(text.data()), &size,
                          reinterpret_cast<uint8_t *>(out.data()));
    out.resize(size);
    return out;
}

std::string zstd(std::string_view text)
{
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

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

TEST(Inflate, brotli_and_zstd)
{
    std::string text(100'000, 'x');
    EXPECT_EQ(inflated("br", brotli(text)), text);
    EXPECT_EQ(inflated("br", brotli("")), "");
    EXPECT_EQ(inflated("br", brotli("one") + "what follows"), "one");
    EXPECT_EQ(inflated("zstd", zstd(text)), text);
    EXPECT_EQ(inflated("zstd", zstd("")), "");
    EXPECT_EQ(inflated("zstd", zstd("one ") + zstd("") + zstd("two")), "one two");
    EXPECT_EQ(inflated("zstd", zstd("one") + "what follows"), "one");
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
    for (auto [encoding, whole] : {std::pair{"br", brotli("some text that is cut")},
                                   std::pair{"zstd", zstd("some text that is cut")}}) {
        EXPECT_EQ(failure(encoding, "{\"a\":1}"), reason::invalid_compression);
        for (std::size_t length = 0; length < whole.size(); length++) {
            EXPECT_EQ(failure(encoding, whole.substr(0, length)), reason::invalid_compression)
                << encoding << ' ' << length;
        }
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
    EXPECT_EQ(inflated("br", brotli(text), text.size()), text);
    EXPECT_EQ(failure("br", brotli(text), text.size() - 1), reason::too_large);
    EXPECT_EQ(inflated("zstd", zstd(text), text.size()), text);
    EXPECT_EQ(failure("zstd", zstd(text), text.size() - 1), reason::too_large);
    EXPECT_EQ(failure("zstd", zstd(text) + zstd("y"), text.size()), reason::too_large);
}

TEST(Inflate, bomb_does_not_grow_beyond_the_limit)
{
    std::string zeros(20'000'000, '\0');
    for (auto [encoding, bomb] : {std::pair{"gzip", gzipped(zeros)}, std::pair{"br", brotli(zeros)},
                                  std::pair{"zstd", zstd(zeros)}}) {
        std::string out;
        EXPECT_EQ(inflate(encoding, bomb, 100'000, out), reason::too_large) << encoding;
        EXPECT_LE(out.size(), 100'001u) << encoding;
    }
}

TEST(Inflate, unknown_encoding)
{
    EXPECT_EQ(failure("lzma", "abc"), reason::content_encoding);
    EXPECT_EQ(failure("gzip, gzip", "abc"), reason::content_encoding);
    EXPECT_EQ(failure("x-gzip", "abc"), reason::content_encoding);
    EXPECT_EQ(failure("identity", "abc"), reason::content_encoding);
}

}
