/*
 * The structure checks of the edge, and that they agree with the worker: a 200 cannot
 * be taken back, so whatever the edge lets in the worker must be able to read, and
 * the pieces in which a body arrives must not matter.
 */

#include "ngx_module/inflate.hpp"
#include "ngx_module/scan.hpp"
#include "worker/envelope.hpp"
#include "worker/inflate.hpp"
#include "worker/outcome.hpp"

#include <gtest/gtest.h>

#include <zlib.h>

#include <memory>
#include <random>
#include <string>

namespace errtrack {
namespace {

constexpr ScanLimits limits = {1024, 4096};

struct Result {
    std::string reason;
    Summary summary;
};

template <class Kind>
Result scan(std::string_view body, std::size_t piece = std::string_view::npos)
{
    Kind scanner(limits);
    while (!body.empty()) {
        if (Fault fault = scanner.push(body.substr(0, piece))) {
            return {std::string(fault.reason), scanner.summary()};
        }
        body.remove_prefix(std::min(piece, body.size()));
    }
    Fault fault = scanner.finish();
    return {std::string(fault.reason), scanner.summary()};
}

TEST(EnvelopeScan, AcceptsWhatTheGrammarAllows)
{
    for (std::string_view body : {
             "{}", "{}\n", "{}\n\n", "{}\n{\"type\":\"event\"}\n{\"message\":\"hi\"}",
             "{}\n{\"type\":\"event\"}\n{\"message\":\"hi\"}\n\n\n",
             "{}\r\n{\"type\":\"event\"}\r\n{}",
             "{}\n{\"type\":\"attachment\",\"length\":0}\n\n{\"type\":\"attachment\",\"length\":0}\n",
             "{}\n{\"type\":\"attachment\"}", "{}\n\n{\"type\":\"event\"}\n{}",
             "{}\n{\"type\":\"attachment\",\"length\":5}\na\nb\nc\n",
             "{\"event_id\":null,\"sent_at\":\"garbage\"}\n{\"type\":\"whatever\",\"length\":1}\n\xff"})
    {
        EXPECT_EQ(scan<EnvelopeScanner>(body).reason, "") << body;
    }
}

TEST(EnvelopeScan, RefusesWhatTheWorkerCouldNotRead)
{
    for (std::string_view body : {
             "not json\n", "[]\n", "null", "1\n", "{}\nnot json\n", "{}\n{}\n", "{}\n{\"type\":5}\n",
             "{}\n{\"type\":\"event\",\"length\":-1}\n{}", "{}\n{\"type\":\"event\",\"length\":1.5}\n{}",
             "{}\n{\"type\":\"event\",\"length\":\"2\"}\n{}", "{}\n{\"type\":\"event\",\"length\":4294967296}\n{}",
             "{}\n{\"type\":\"event\",\"length\":3}\n{}", "{}\n{\"type\":\"event\",\"length\":1}\n{}",
             "{}\n{\"type\":\"event\",\"length\":2}\n{}x"})
    {
        EXPECT_EQ(scan<EnvelopeScanner>(body).reason, reason::invalid_envelope) << body;
    }
    EXPECT_EQ(scan<EnvelopeScanner>("{\"event_id\":\"xyz\"}\n").reason, reason::event_id);
    EXPECT_EQ(scan<EnvelopeScanner>("").reason, reason::no_data);
}

TEST(EnvelopeScan, TellsTheEventIdAndTheItems)
{
    Result found = scan<EnvelopeScanner>(
        "{\"event_id\":\"9EC79C33-EC99-42AB-8353-589FCB2E04DC\",\"dsn\":\"http://x\"}\n"
        "{\"type\":\"event\"}\n{}\n{\"type\":\"attachment\",\"length\":1}\nx\n{\"type\":\"attachment\"}\ny\n");
    EXPECT_EQ(found.summary.event_id, "9ec79c33ec9942ab8353589fcb2e04dc");
    EXPECT_EQ(found.summary.dsn, "http://x");
    EXPECT_EQ(found.summary.items_text(), "attachment:2,event:1");
    EXPECT_TRUE(found.summary.needs_event_id);
    EXPECT_FALSE(scan<EnvelopeScanner>("{}\n{\"type\":\"session\"}\n{}").summary.needs_event_id);
}

TEST(EnvelopeScan, BoundsSizes)
{
    std::string event(1025, 'x');
    EXPECT_EQ(scan<EnvelopeScanner>("{}\n{\"type\":\"event\"}\n" + event).reason, reason::too_large);
    EXPECT_EQ(scan<EnvelopeScanner>("{}\n{\"type\":\"event\",\"length\":1025}\n" + event).reason,
              reason::too_large);
    EXPECT_EQ(scan<EnvelopeScanner>("{}\n{\"type\":\"attachment\"}\n" + event).reason, "");
    EXPECT_EQ(scan<EnvelopeScanner>("{}\n{\"type\":\"attachment\"}\n" + std::string(5000, 'x')).reason,
              reason::too_large);
}

TEST(StoreScan, FindsTheEventIdOfTheTopLevelOnly)
{
    std::string id = "9ec79c33ec9942ab8353589fcb2e04dc";
    EXPECT_EQ(scan<StoreScanner>("{\"event_id\":\"" + id + "\"}").summary.event_id, id);
    EXPECT_EQ(scan<StoreScanner>("\xef\xbb\xbf {\"a\":{\"event_id\":\"x\"},\"event_id\" : \"" + id + "\" }\n")
                  .summary.event_id, id);
    EXPECT_EQ(scan<StoreScanner>("{\"a\":\"event_id\",\"b\":[\"event_id\",\"x\"]}").summary.event_id, "");
    EXPECT_EQ(scan<StoreScanner>("{\"event_id\":null}").reason, "");
    for (std::string_view bad : {"{\"event_id\":\"nothex\"}", "{\"event_id\":12345}",
                                 "{\"event_id\":[]}", "{\"event_id\":\"\"}", "{\"event_id\":true}"})
    {
        EXPECT_EQ(scan<StoreScanner>(bad).reason, reason::event_id) << bad;
    }
}

TEST(StoreScan, ChecksBracesAndStrings)
{
    for (std::string_view good : {"{}", " {\"a\":[{},{\"b\":\"}]\\\"\"}]}", "{\"a\":NaN}",
                                  "{\"a\":1,\"b\":{\"c\":[[[]]]}}"})
    {
        EXPECT_EQ(scan<StoreScanner>(good).reason, "") << good;
    }
    for (std::string_view bad : {"[]", "null", "\"x\"", "1", "{\"a\":[}", "{\"a\":\"x", "{", "{}x",
                                 "{}{}", "{\"a\":{]}", "{a:1}", "{\"a\" 1}"})
    {
        EXPECT_EQ(scan<StoreScanner>(bad).reason, reason::invalid_json) << bad;
    }
    EXPECT_EQ(scan<StoreScanner>("{\"a\":" + std::string(300, '[') + std::string(300, ']') + "}").reason, "");
    EXPECT_EQ(scan<StoreScanner>("{\"a\":\"" + std::string(1024, 'x') + "\"}").reason, reason::too_large);
}

/* Bodies near the grammar: pieces of it put together at random. */
std::string random_body(std::mt19937 &random)
{
    static const std::string parts[] = {
        "{}", "\n", "\r\n", "{\"type\":\"event\"}", "{\"type\":\"event\",\"length\":2}",
        "{\"type\":\"attachment\",\"length\":3}", "{\"type\":\"x\",\"length\":0}", "abc", " ", "{\"a\":1}",
        "{\"type\":\"session\",\"length\":null}", "{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}",
        "{\"type\":\"a\\ud800b\"}", "\"", "{\"type\":\"event\",\"length\":2.0}", "\xff"};
    std::string body = random() % 8 == 0 ? "" : "{}\n";
    for (unsigned n = random() % 8; n > 0; n--) {
        body += parts[random() % std::size(parts)];
        if (random() % 3 != 0) {
            body += "\n";
        }
    }
    return body;
}

TEST(EnvelopeScan, WhatItAcceptsTheWorkerReads)
{
    std::mt19937 random(1);
    unsigned accepted = 0;
    for (int i = 0; i < 200000; i++) {
        std::string body = random_body(random);
        Result whole = scan<EnvelopeScanner>(body);
        Result pieces = scan<EnvelopeScanner>(body, 1 + random() % 5);
        ASSERT_EQ(whole.reason, pieces.reason) << body;
        if (!whole.reason.empty()) {
            continue;
        }
        accepted++;
        ASSERT_EQ(whole.summary.items, pieces.summary.items) << body;
        Envelope envelope;
        ASSERT_EQ(parse_envelope(body, envelope), reason::none) << body;
        ASSERT_EQ(envelope.event_id, whole.summary.event_id) << body;
        std::size_t items = 0;
        for (const auto &[type, count] : whole.summary.items) {
            items += count;
        }
        ASSERT_EQ(envelope.items.size(), items) << body;
    }
    EXPECT_GT(accepted, 10000u);
}

std::string compress(std::string_view plain, int bits)
{
    z_stream stream = {};
    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
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

struct Inflated {
    bool good;
    std::string plain;
};

Inflated inflate_in_pieces(Encoding encoding, std::string_view bytes, std::size_t piece)
{
    Inflater inflater(encoding);
    std::string plain;
    while (!bytes.empty()) {
        auto status = inflater.push(bytes.substr(0, piece), [&](std::string_view part) {
            plain.append(part);
            return true;
        });
        if (status != Inflater::Status::ok) {
            return {false, plain};
        }
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return {inflater.complete(), plain};
}

TEST(EdgeInflate, AgreesWithTheWorkerWhateverThePieces)
{
    std::mt19937 random(2);
    std::string text;
    for (int i = 0; i < 20000; i++) {
        text.push_back("abcdefgh"[random() % 8]);
    }
    const std::pair<Encoding, int> kinds[] = {
        {Encoding::gzip, 15 + 16}, {Encoding::deflate, 15}, {Encoding::deflate, -15}};
    for (auto [encoding, bits] : kinds) {
        std::string packed = compress(text, bits);
        std::string body = encoding == Encoding::gzip ? packed + packed + "tail" : packed;
        for (int i = 0; i < 300; i++) {
            std::string damaged = body;
            if (i % 3 == 1) {
                damaged.resize(random() % damaged.size());
            } else if (i % 3 == 2) {
                damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
            }
            if (damaged.empty()) {
                continue;
            }
            Inflated edge = inflate_in_pieces(encoding, damaged, 1 + random() % 700);
            if (edge.good) {
                std::string worker;
                ASSERT_EQ(inflate(encoding_name(encoding), damaged, edge.plain.size() + 1, worker),
                          reason::none) << "damage " << i;
                ASSERT_EQ(worker, edge.plain) << "damage " << i;
            } else {
                ASSERT_NE(i % 3, 0) << "an intact body is refused";
            }
        }
    }
}

}
}
