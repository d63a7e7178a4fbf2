/*
 * The structure check of envelopes, and that it agrees with the worker: a 200 cannot
 * be taken back, so whatever the edge lets in the worker must be able to read, and
 * the pieces in which a body arrives must not matter.
 */

#include "ngx_module/envelope_scan.hpp"
#include "ngx_module/inflate.hpp"
#include "t/unit/edge_agreement.hpp"
#include "worker/inflate.hpp"

#include <gtest/gtest.h>

#include <zlib.h>

#include <memory>
#include <random>
#include <string>

namespace errtrack {
namespace {

Scanned scan(std::string_view body, std::size_t piece = std::string_view::npos)
{
    return scan_body(Endpoint::envelope, body, piece);
}

std::string items(unsigned count, const std::string &header, const std::string &payload)
{
    std::string body = "{}\n";
    for (unsigned i = 0; i < count; i++) {
        body += header + "\n" + payload + "\n";
    }
    return body;
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
        EXPECT_EQ(scan(body).reason, "") << body;
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
        EXPECT_EQ(scan(body).reason, reason::invalid_envelope) << body;
    }
    EXPECT_EQ(scan("{\"event_id\":\"xyz\"}\n").reason, reason::event_id);
    EXPECT_EQ(scan("").reason, reason::no_data);
}

TEST(EnvelopeScan, TellsTheEventIdAndTheItems)
{
    Scanned found = scan(
        "{\"event_id\":\"9EC79C33-EC99-42AB-8353-589FCB2E04DC\",\"dsn\":\"http:\\/\\/x\"}\n"
        "{\"type\":\"event\"}\n{}\n{\"type\":\"attachment\",\"length\":1}\nx\n{\"type\":\"attachment\"}\ny\n"
        "{\"type\":\"client_report\"}\n{}\n{\"type\":\"replay_video\"}\n{}\n{\"type\":\"user_report\"}\n{}\n");
    EXPECT_EQ(found.event_id, "9ec79c33ec9942ab8353589fcb2e04dc");
    EXPECT_EQ(found.dsn, "http://x");
    EXPECT_EQ(found.items, "attachment:2,client_report:1,event:1,replay_video:1,user_report:1");
    EXPECT_TRUE(found.needs_event_id);
    EXPECT_FALSE(scan("{}\n{\"type\":\"session\"}\n{}").needs_event_id);
    EXPECT_TRUE(scan("{}\n{\"type\":\"attachment\"}\n{}").needs_event_id);
    // all, error, transaction, session, attachment, monitor, feedback
    std::array<std::uint32_t, categories> counts = {5, 1, 0, 0, 2, 0, 1};
    EXPECT_EQ(found.counts, counts);
}

TEST(EnvelopeScan, ReadsHeadersAsTheWorkerDoes)
{
    std::string id = "9ec79c33ec9942ab8353589fcb2e04dc";
    // The last of equal members, and names that are escaped.
    EXPECT_EQ(scan("{\"event_id\":\"xyz\",\"event_id\":\"" + id + "\"}").event_id, id);
    EXPECT_EQ(scan("{\"event\\u005fid\":\"\\u0039" + id.substr(1) + "\"}").event_id, id);
    EXPECT_EQ(scan("{\"a\":{\"event_id\":\"xyz\"},\"b\":[{},[],1e400,-0.5E+7,true,false]}").reason, "");
    EXPECT_EQ(scan("{}\n{\"type\":\"\\u0065vent\",\"a\":123456789012345678901234567890}\n{}").items, "event:1");
    EXPECT_EQ(scan("{}\n{\"type\":\"a\\ud800\"}\n{}").items, "other:1");
    for (std::string_view header :
         {"{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":NaN}", "{\"a\":tru}",
          "{\"a\":1,}", "{,}", "{\"a\":[1,]}", "{\"a\":[}", "{\"a\":{]}", "{\"a\" 1}", "{\"a\":\"\x01\"}",
          "{\"a\":\"\\q\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":1}}", "{\"a\":1} ", "{'a':1}", "{\"a\":1 2}", "{1:2}",
          "{\"a\"}", "{\"a\":}", "{\"a\":[1 2]}"})
    {
        EXPECT_EQ(scan(header).reason, reason::invalid_envelope) << header;
        EXPECT_EQ(scan("{}\n" + std::string(header) + "\nx").reason, reason::invalid_envelope) << header;
    }
    std::string deep = std::string(63, '[') + std::string(63, ']');
    EXPECT_EQ(scan("{\"a\":" + deep + "}").reason, "");
    EXPECT_EQ(scan("{\"a\":[" + deep + "]}").reason, reason::invalid_envelope);
}

TEST(EnvelopeScan, BoundsSizes)
{
    std::string large(1025, 'x');
    for (std::string type : {"event", "transaction", "feedback", "user_report"}) {
        std::string detail = "envelope exceeded size limits for type '" + type + "'";
        Scanned line = scan("{}\n{\"type\":\"" + type + "\"}\n" + large, 100);
        EXPECT_EQ(line.reason, reason::too_large);
        EXPECT_EQ(line.detail, detail);
        Scanned counted = scan("{}\n{\"type\":\"" + type + "\",\"length\":1025}\n");
        EXPECT_EQ(counted.reason, reason::too_large);
        EXPECT_EQ(counted.detail, detail);
        EXPECT_EQ(scan("{}\n{\"type\":\"" + type + "\"}\n" + large.substr(1)).reason, "");
    }
    EXPECT_EQ(scan("{}\n{\"type\":\"attachment\"}\n" + large).reason, "");
    EXPECT_EQ(scan("{}\n{\"type\":\"attachment\"}\n" + std::string(17000, 'x')).reason, reason::too_large);
}

TEST(EnvelopeScan, BoundsCounts)
{
    auto detail = [](unsigned count, std::string type) {
        ScanLimits limits = {1 << 20, 50 << 20};
        return scan_body(Endpoint::envelope, items(count, "{\"type\":\"" + type + "\"}", "{}"), 50000, "", limits)
            .detail;
    };
    EXPECT_EQ(detail(30, "attachment"), "");
    EXPECT_EQ(detail(31, "attachment"), "envelope exceeded size limits for type 'attachment'");
    EXPECT_EQ(detail(100, "session"), "");
    EXPECT_EQ(detail(101, "sessions"), "envelope exceeded size limits for type 'sessions'");
    EXPECT_EQ(detail(101, "client_report"), "envelope exceeded size limits for type 'client_report'");
    EXPECT_EQ(detail(1000, "event"), "");
    EXPECT_EQ(detail(1001, "event"), "envelope exceeded size limits");
    EXPECT_EQ(detail(2, "integration"), "invalid event envelope");
}

TEST(EnvelopeScan, BoundsSizesTogether)
{
    ScanLimits limits = {1 << 20, 50 << 20};
    auto reason_of = [&](unsigned count, std::string type, std::size_t size) {
        return scan_body(Endpoint::envelope, items(count, "{\"type\":\"" + type + "\"}", std::string(size, 'x')),
                         70000, "", limits).reason;
    };
    EXPECT_EQ(reason_of(100, "client_report", 1024), "");
    EXPECT_EQ(reason_of(99, "client_report", 1035), reason::too_large);
    EXPECT_EQ(reason_of(10, "session", 1 << 20), "");
    EXPECT_EQ(reason_of(11, "session", 1 << 20), reason::too_large);
    EXPECT_EQ(reason_of(3, "check_in", 100 << 10), "");
    EXPECT_EQ(reason_of(1, "check_in", (100 << 10) + 1), reason::too_large);
    EXPECT_EQ(reason_of(20, "attachment", 2 << 20), "");
}

TEST(EnvelopeScan, BoundsHeaders)
{
    ScanLimits limits = {1 << 20, 50 << 20};
    auto reason_of = [&](unsigned count, std::size_t size) {
        std::string header = "{\"type\":\"x\",\"a\":\"" + std::string(size, 'x') + "\"}";
        return scan_body(Endpoint::envelope, items(count, header, ""), 70000, "", limits).reason;
    };
    EXPECT_EQ(reason_of(1, 65000), "");
    EXPECT_EQ(reason_of(1, 66000), reason::invalid_envelope);
    EXPECT_EQ(reason_of(9, 60000), reason::too_large);
}

TEST(EnvelopeScan, CountsTypesWithoutABound)
{
    std::string body = "{}\n";
    for (int i = 0; i < 50; i++) {
        body += "{\"type\":\"t" + std::to_string(10 + i) + "\"}\n\n";
    }
    body += "{\"type\":\"t10\"}\n\n{\"type\":\"event\"}\n{}\n{\"type\":\"a b\"}\n\n";
    Scanned found = scan(body);
    EXPECT_EQ(found.total, 53u);
    EXPECT_EQ(found.counts[0], 53u);
    EXPECT_EQ(found.counts[1], 1u);
    EXPECT_EQ(found.items.substr(0, 22), "other:28,t10:2,t11:1,t");
    EXPECT_EQ(scan("{}\n{\"type\":\"" + std::string(16, 't') + "\"}\n").items, std::string(16, 't') + ":1");
    EXPECT_EQ(scan("{}\n{\"type\":\"" + std::string(64, 't') + "\"}\n").items, "other:1");
    EXPECT_EQ(scan("{}\n{\"type\":\"" + std::string(65, 't') + "\"}\n").reason, reason::invalid_envelope);
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
    for (int i = 0; i < 100000; i++) {
        std::string body = random_body(random);
        bool good = false;
        ASSERT_EQ(disagreement(Endpoint::envelope, body, 1 + random() % 5, good), "") << body;
        accepted += good;
    }
    EXPECT_GT(accepted, 5000u);
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
