/*
 * The window of the edge: every encoding in pieces of every size, the same verdict
 * and the same bytes as the worker's, and what a bomb may cost.
 */

#include "ngx_module/inflate.hpp"
#include "worker/inflate.hpp"
#include "worker/outcome.hpp"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>

using namespace errtrack;

namespace {

using Status = Inflater::Status;
using namespace std::string_literals;

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t piece_of_nginx = 16 * 1024;

std::string zlib_packed(std::string_view plain, int bits)
{
    z_stream stream = {};
    deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string gzip(std::string_view plain) { return zlib_packed(plain, 15 + 16); }
std::string zlib(std::string_view plain) { return zlib_packed(plain, 15); }
std::string raw(std::string_view plain) { return zlib_packed(plain, -15); }

std::string brotli(std::string_view plain, int window = BROTLI_DEFAULT_WINDOW)
{
    std::size_t size = BrotliEncoderMaxCompressedSize(plain.size());
    std::string out(size, '\0');
    BrotliEncoderCompress(5, window, BROTLI_MODE_TEXT, plain.size(),
                          reinterpret_cast<const uint8_t *>(plain.data()), &size,
                          reinterpret_cast<uint8_t *>(out.data()));
    out.resize(size);
    return out;
}

std::string zstd(std::string_view plain)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    std::string out(ZSTD_compressBound(plain.size()), '\0');
    out.resize(ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
    ZSTD_freeCCtx(context);
    return out;
}

struct Packing {
    const char *name;
    Encoding encoding;
    std::string (*pack)(std::string_view);
};

const Packing packings[] = {
    {"gzip", Encoding::gzip, gzip},
    {"zlib", Encoding::deflate, zlib},
    {"raw", Encoding::deflate, raw},
    {"br", Encoding::br, [](std::string_view plain) { return brotli(plain); }},
    {"zstd", Encoding::zstd, zstd},
};

struct Inflated {
    Status status = Status::ok;
    bool complete = false;
    std::string plain;
    std::size_t most_of_one_push = 0;
};

Inflated at_edge(Encoding encoding, std::string_view bytes, std::size_t piece)
{
    Inflater inflater(encoding);
    Inflated result;
    while (!bytes.empty() && result.status == Status::ok) {
        std::size_t before = result.plain.size();
        result.status = inflater.push(bytes.substr(0, piece), [&](std::string_view part) {
            result.plain.append(part);
            return true;
        });
        result.most_of_one_push = std::max(result.most_of_one_push, result.plain.size() - before);
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    result.complete = inflater.complete();
    return result;
}

/* What the edge takes; nothing if it refuses. */
std::optional<std::string> taken(Encoding encoding, std::string_view bytes, std::size_t piece)
{
    Inflated result = at_edge(encoding, bytes, piece);
    if (result.status != Status::ok || !result.complete) {
        return std::nullopt;
    }
    return result.plain;
}

std::optional<std::string> taken_by_worker(Encoding encoding, std::string_view bytes)
{
    std::string plain;
    if (inflate(encoding_name(encoding), bytes, 64 * mib, plain) != reason::none) {
        return std::nullopt;
    }
    return plain;
}

/* Both sides, in pieces of every size up to the whole. */
void expect_everywhere(Encoding encoding, const std::string &bytes,
                       const std::optional<std::string> &plain)
{
    EXPECT_EQ(taken_by_worker(encoding, bytes), plain);
    for (std::size_t piece = 1; piece <= bytes.size(); piece++) {
        ASSERT_EQ(taken(encoding, bytes, piece), plain) << "pieces of " << piece;
    }
}

std::string letters(std::size_t size)
{
    std::mt19937 random(2);
    std::string text(size, '\0');
    for (char &c : text) {
        c = "abcdefgh"[random() % 8];
    }
    return text;
}

std::string noise(std::size_t size)
{
    std::mt19937 random(3);
    std::string bytes(size, '\0');
    for (char &c : bytes) {
        c = static_cast<char>(random());
    }
    return bytes;
}

/* A frame of three bytes that claims to need this window (RFC 8878, 3.1.1.1.2). */
std::string zstd_frame_with_window(char descriptor)
{
    return "\x28\xb5\x2f\xfd\x80"s + descriptor + "\x03\0\0\0\x19\0\0"s "abc";
}

const std::string skippable = "\x5a\x2a\x4d\x18\x05\0\0\0\x28\xb5\x2f\xfd\0"s;

TEST(EdgeInflate, NamesOfEncodings)
{
    for (std::string_view plain : {"", "identity", "Identity", "utf-8", "UTF-8"}) {
        EXPECT_EQ(parse_encoding(plain), Encoding::identity) << plain;
    }
    for (std::string_view packed : {"gzip", "GZip", "x-gzip", "X-GZIP"}) {
        EXPECT_EQ(parse_encoding(packed), Encoding::gzip) << packed;
    }
    EXPECT_EQ(parse_encoding("Deflate"), Encoding::deflate);
    EXPECT_EQ(parse_encoding("br"), Encoding::br);
    EXPECT_EQ(parse_encoding("BR"), Encoding::br);
    EXPECT_EQ(parse_encoding("zstd"), Encoding::zstd);
    for (std::string_view other : {"gzip, br", "gzip,gzip", "lzma", "b", "brotli", "zst", "x-zstd",
                                   "compress", "*", " "}) {
        EXPECT_EQ(parse_encoding(other), Encoding::unknown) << other;
    }
    EXPECT_EQ(encoding_name(Encoding::identity), "");
    EXPECT_EQ(encoding_name(parse_encoding("x-gzip")), "gzip");
    EXPECT_EQ(encoding_name(Encoding::br), "br");
}

TEST(EdgeInflate, PlainBytesPass)
{
    Inflated result = at_edge(Encoding::identity, "abcdef", 2);
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.plain, "abcdef");
    EXPECT_TRUE(Inflater(Encoding::identity).complete());
}

TEST(EdgeInflate, EveryEncodingInPiecesOfEverySize)
{
    std::string text = letters(700);
    std::string large = letters(300'000);
    for (const Packing &packing : packings) {
        SCOPED_TRACE(packing.name);
        expect_everywhere(packing.encoding, packing.pack(text), text);
        expect_everywhere(packing.encoding, packing.pack(""), "");
        for (std::size_t piece : {1u, 7u, 4096u, 1'000'000u}) {
            EXPECT_EQ(taken(packing.encoding, packing.pack(large), piece), large);
        }
    }
}

TEST(EdgeInflate, StreamsAreJoined)
{
    expect_everywhere(Encoding::gzip, gzip("one ") + gzip("") + gzip("two"), "one two");
    expect_everywhere(Encoding::zstd, zstd("one ") + skippable + zstd("") + zstd("two"), "one two");
    expect_everywhere(Encoding::zstd, skippable + zstd("one"), "one");
    expect_everywhere(Encoding::zstd, skippable, "");
    expect_everywhere(Encoding::gzip, gzip("one") + gzip("two").substr(0, 12), std::nullopt);
    expect_everywhere(Encoding::zstd, zstd("one") + zstd("two").substr(0, 9), std::nullopt);
}

TEST(EdgeInflate, WhatFollowsTheLastStreamIsIgnored)
{
    for (const Packing &packing : packings) {
        SCOPED_TRACE(packing.name);
        std::string one = packing.pack("one");
        for (const std::string &tail : {"tail"s, "\x1f"s, "\x1f\x8c"s, "\x28\xb5\x2f"s, "\0\0\0\0"s,
                                        "tail" + one}) {
            expect_everywhere(packing.encoding, one + tail, "one");
        }
    }
}

TEST(EdgeInflate, CutStreamsAreRefused)
{
    for (const Packing &packing : packings) {
        SCOPED_TRACE(packing.name);
        std::string whole = packing.pack("some text that is long enough to be cut");
        for (std::size_t length = 0; length < whole.size(); length++) {
            expect_everywhere(packing.encoding, whole.substr(0, length), std::nullopt);
        }
        expect_everywhere(packing.encoding, "\xff\xff{\"a\":1}", std::nullopt);
    }
}

TEST(EdgeInflate, AFaultStaysAFault)
{
    Inflater inflater(Encoding::gzip);
    auto sink = [](std::string_view) { return true; };
    EXPECT_EQ(inflater.push("no", sink), Status::corrupt);
    EXPECT_EQ(inflater.push(gzip("text"), sink), Status::corrupt);
    EXPECT_FALSE(inflater.complete());
}

TEST(EdgeInflate, TheSinkCanStop)
{
    for (const Packing &packing : packings) {
        Inflater inflater(packing.encoding);
        int calls = 0;
        EXPECT_EQ(inflater.push(packing.pack(letters(200'000)), [&](std::string_view) {
            return ++calls < 2;
        }), Status::stopped) << packing.name;
        EXPECT_EQ(calls, 2) << packing.name;
    }
}

TEST(EdgeInflate, WindowsAreBounded)
{
    expect_everywhere(Encoding::zstd, zstd_frame_with_window('\x68'), "abc");
    expect_everywhere(Encoding::zstd, zstd_frame_with_window('\x69'), std::nullopt);
    expect_everywhere(Encoding::zstd, zstd_frame_with_window('\x70'), std::nullopt);
    expect_everywhere(Encoding::zstd, zstd(letters(100)) + zstd_frame_with_window('\x69'),
                      std::nullopt);

    /* The encoder writes the window that it is told, however small the text. */
    expect_everywhere(Encoding::br, brotli("abc", 22), "abc");
    expect_everywhere(Encoding::br, brotli("abc", 23), std::nullopt);
    expect_everywhere(Encoding::br, brotli("abc", 24), std::nullopt);
    for (int window = BROTLI_MIN_WINDOW_BITS; window <= 22; window++) {
        EXPECT_EQ(taken(Encoding::br, brotli(letters(5000), window), 100), letters(5000)) << window;
    }
}

/* Behind the magic the rest of this header, and the block after it, read like a frame
 * to be skipped, for a library that gets to see them as the beginning of its input. */
TEST(EdgeInflate, AHeaderIsNotTakenForAFrame)
{
    std::string before = letters(100);
    std::string plain(0x184d + 256, '\0');
    std::string frame = "\x28\xb5\x2f\xfd\x50\x2a\x4d\x18"s;
    auto add_block = [&](std::size_t size, bool last) {
        std::size_t header = size << 3 | last;
        for (int shift = 0; shift < 24; shift += 8) {
            frame.push_back(static_cast<char>(header >> shift));
        }
        frame.append(size, '\0');
    };
    add_block(100, false);
    add_block(plain.size() - 100, true);
    for (std::size_t piece : {std::size_t(1), std::size_t(4), piece_of_nginx}) {
        EXPECT_EQ(taken(Encoding::zstd, frame, piece), plain);
        EXPECT_EQ(taken(Encoding::zstd, zstd(before) + frame, piece), before + plain);
    }
    EXPECT_EQ(taken_by_worker(Encoding::zstd, frame), plain);
    EXPECT_EQ(taken_by_worker(Encoding::zstd, zstd(before) + frame), before + plain);
}

TEST(EdgeInflate, DraftsOfZstdAreRefused)
{
    for (char version = '\x22'; version <= '\x27'; version++) {
        std::string draft = version + "\xb5\x2f\xfd"s + zstd("abc").substr(4);
        expect_everywhere(Encoding::zstd, draft, std::nullopt);
        expect_everywhere(Encoding::zstd, zstd("one") + draft, "one");
    }
}

TEST(EdgeInflate, AgreesWithTheWorkerOnDamage)
{
    std::mt19937 random(4);
    std::string text = letters(20'000);
    for (const Packing &packing : packings) {
        std::string body = packing.pack(text);
        body += body + "tail";
        for (int i = 0; i < 400; i++) {
            std::string damaged = body;
            if (i % 3 == 1) {
                damaged.resize(random() % damaged.size());
            } else if (i % 3 == 2) {
                damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
            }
            ASSERT_EQ(taken(packing.encoding, damaged, 1 + random() % 700),
                      taken_by_worker(packing.encoding, damaged))
                << packing.name << ", damage " << i;
        }
    }
}

TEST(EdgeInflate, TheLargestEventIsNeverABomb)
{
    std::string zeros(mib, '\0');
    for (const Packing &packing : packings) {
        for (std::size_t piece : {std::size_t(5), piece_of_nginx}) {
            EXPECT_EQ(taken(packing.encoding, packing.pack(zeros), piece), zeros) << packing.name;
        }
    }
}

TEST(EdgeInflate, BombsEndEarly)
{
    std::string zeros(50 * mib, '\0');
    for (const Packing &packing : packings) {
        std::string bomb = packing.pack(zeros);
        for (std::size_t piece : {std::size_t(1), piece_of_nginx}) {
            Inflated result = at_edge(packing.encoding, bomb, piece);
            EXPECT_EQ(result.status, Status::bomb) << packing.name;
            EXPECT_FALSE(result.complete);
            EXPECT_LE(result.plain.size(), mib + 200 * piece_of_nginx) << packing.name;
        }
        /* The worker knows no ratio, only the limit it is given. */
        EXPECT_EQ(taken_by_worker(packing.encoding, bomb), zeros) << packing.name;
    }
}

TEST(EdgeInflate, WhatIsGivenUpEarlyMayLookLikeABomb)
{
    for (const Packing &packing : packings) {
        for (bool bomb : {true, false}) {
            std::string body = packing.pack(bomb ? std::string(50 * mib, '\0') : noise(mib));
            Inflater inflater(packing.encoding);
            std::size_t left = mib / 2;
            auto sink = [&](std::string_view part) { return (left -= std::min(left, part.size())) > 0; };
            EXPECT_EQ(inflater.push(body, sink), Status::stopped);
            EXPECT_EQ(inflater.like_a_bomb(), bomb) << packing.name;
        }
    }
}

TEST(EdgeInflate, ABombIsFoundInAnyMember)
{
    std::string many;
    for (int i = 0; i < 1000; i++) {
        many += gzip(std::string(20'000, 'x'));
    }
    ASSERT_LT(many.size() * 200 + mib, 20'000'000u);
    EXPECT_EQ(at_edge(Encoding::gzip, many, piece_of_nginx).status, Status::bomb);
}

TEST(EdgeInflate, OnePushIsBoundedWhateverCameBefore)
{
    std::string plain = noise(8 * mib) + std::string(40 * mib, '\0');
    for (const Packing &packing : packings) {
        Inflated result = at_edge(packing.encoding, packing.pack(plain), piece_of_nginx);
        EXPECT_EQ(result.status, Status::bomb) << packing.name;
        EXPECT_GE(result.plain.size(), 8 * mib) << packing.name;
        EXPECT_LE(result.most_of_one_push, 2 * mib + 200 * piece_of_nginx) << packing.name;
    }
}

TEST(EdgeInflate, WhatShrinksLessThanTheRatioMayBeLong)
{
    std::string plain;
    for (std::string pieces = noise(8 * mib / 100); plain.size() < 30 * mib;) {
        plain += pieces.substr(plain.size() % 80'000, 1000) + std::string(150'000, '\0');
    }
    for (const Packing &packing : packings) {
        for (std::size_t piece : {std::size_t(100), piece_of_nginx}) {
            EXPECT_EQ(taken(packing.encoding, packing.pack(plain), piece), plain) << packing.name;
        }
    }
}

}
