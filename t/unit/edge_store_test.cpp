/*
 * The bodies of the store endpoint and of browsers' reports at the edge, each against
 * what the worker makes of it.
 */

#include "t/unit/edge_agreement.hpp"
#include "worker/envelope.hpp"
#include "worker/json.hpp"
#include "worker/repair.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

namespace errtrack {
namespace {

const std::string id = "9ec79c33ec9942ab8353589fcb2e04dc";

Scanned store(std::string_view body, std::size_t piece = std::string_view::npos)
{
    return scan_body(Endpoint::store, body, piece);
}

std::string base64(std::string_view bytes, bool padded = true)
{
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; k++) {
            char byte = i + k < bytes.size() ? bytes[i + k] : '\0';
            group = group << 8 | static_cast<unsigned char>(byte);
        }
        for (std::size_t k = 0; k < 4; k++) {
            if (i + k <= bytes.size()) {
                out.push_back(alphabet[group >> (18 - 6 * k) & 63]);
            } else if (padded) {
                out.push_back('=');
            }
        }
    }
    return out;
}

std::string deflated(std::string_view text)
{
    uLongf size = compressBound(text.size());
    std::string out(size, '\0');
    compress(reinterpret_cast<Bytef *>(out.data()), &size,
             reinterpret_cast<const Bytef *>(text.data()), text.size());
    out.resize(size);
    return out;
}

std::string percent(std::string_view text)
{
    std::string out;
    for (unsigned char c : text) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        if (std::isalnum(c)) {
            out.push_back(static_cast<char>(c));
        } else {
            out.append("%").append(1, digits[c >> 4]).append(1, digits[c & 15]);
        }
    }
    return out;
}

std::string lines_of(std::string text)
{
    for (std::size_t i = 40; i < text.size(); i += 42) {
        text.insert(i, "\r\n");
    }
    return text;
}

TEST(StoreScan, FindsTheEventIdOfTheTopLevelOnly)
{
    EXPECT_EQ(store("{\"event_id\":\"" + id + "\"}").event_id, id);
    EXPECT_EQ(store("\xef\xbb\xbf {\"a\":{\"event_id\":\"x\"},\"event_id\" : \"" + id + "\" }\n").event_id, id);
    EXPECT_EQ(store("{\"a\":\"event_id\",\"b\":[\"event_id\",\"x\"]}").event_id, "");
    EXPECT_EQ(store("{\"event\\u005fid\":\"\\u0039" + id.substr(1) + "\"}").event_id, id);
    EXPECT_EQ(store("{\"event_id\":\"" + id + "\",\"event_id\":null}").event_id, "");
    EXPECT_EQ(store("{\"event_id\":null}").reason, "");
    for (std::string_view bad : {"{\"event_id\":\"nothex\"}", "{\"event_id\":12345}",
                                 "{\"event_id\":[]}", "{\"event_id\":\"\"}", "{\"event_id\":true}"})
    {
        EXPECT_EQ(store(bad).reason, reason::event_id) << bad;
    }
    EXPECT_EQ(store("{\"event_id\":\"" + std::string(300, 'a') + "\"}").reason, reason::event_id);
}

TEST(StoreScan, TellsTransactionsFromEvents)
{
    EXPECT_EQ(store("{}").items, "event:1");
    EXPECT_TRUE(store("{}").needs_event_id);
    EXPECT_EQ(store("{\"type\":\"transaction\"}").items, "transaction:1");
    EXPECT_EQ(store("{\"type\":\"tr\\u0061nsaction\"}").items, "transaction:1");
    EXPECT_EQ(store("{\"a\":{\"type\":\"transaction\"}}").items, "event:1");
    EXPECT_EQ(store("{\"type\":\"tra\\nsaction\"}").items, "event:1");
    EXPECT_EQ(store("{\"type\":\"transaction\",\"type\":1}").items, "event:1");
    EXPECT_EQ(store("{\"type\":[\"transaction\"]}").items, "event:1");
    EXPECT_EQ(store("{\"transaction\":\"type\",\"type\":\"event\"}").items, "event:1");
}

TEST(StoreScan, ChecksBracesAndStrings)
{
    for (std::string_view good : {"{}", " {\"a\":[{},{\"b\":\"}]\\\"\"}]}", "{\"a\":NaN}",
                                  "{\"a\":1,\"b\":{\"c\":[[[]]]}}", "{\"a\":\"\\\\\"}"})
    {
        EXPECT_EQ(store(good).reason, "") << good;
        EXPECT_EQ(store(good, 1).reason, "") << good;
    }
    for (std::string_view bad : {"[]", "null", "\"x\"", "1", "{\"a\":[}", "{\"a\":\"x", "{", "{}x",
                                 "{}{}", "{\"a\":{]}", "{a:1}", "{\"a\" 1}", "{\"a\":1]", "{\"a\":}",
                                 "{\"a\":\"\\\"}", "\xef\xbb{}", "garbage!", "{}\n{\"type\":\"event\"}\n{}"})
    {
        EXPECT_EQ(store(bad).reason, reason::invalid_json) << bad;
        EXPECT_EQ(store(bad, 1).reason, reason::invalid_json) << bad;
    }
    EXPECT_EQ(store("").reason, reason::no_data);
    EXPECT_EQ(store(" \n").reason, reason::invalid_json);
    EXPECT_EQ(store("{\"a\":" + std::string(300, '[') + std::string(300, ']') + "}").reason, "");
    EXPECT_EQ(store("{\"a\":" + std::string(1000, '[')).reason, reason::invalid_json);
}

TEST(StoreScan, BoundsTheEventHoweverItIsWrapped)
{
    std::string fits = "{\"a\":\"" + std::string(1016, 'x') + "\"}";
    std::string large = "{\"a\":\"" + std::string(1017, 'x') + "\"}";
    ASSERT_EQ(fits.size(), test_limits.event_bytes);
    auto reason_of = [](const std::string &body) { return store(body).reason; };
    EXPECT_EQ(reason_of(fits), "");
    EXPECT_EQ(reason_of(large), reason::too_large);
    EXPECT_EQ(reason_of(base64(fits)), "");
    EXPECT_EQ(reason_of(base64(large)), reason::too_large);
    EXPECT_EQ(reason_of(base64(deflated(fits))), "");
    EXPECT_EQ(reason_of(base64(deflated(large))), reason::too_large);
    EXPECT_EQ(reason_of("sentry_data=" + percent(fits)), "");
    EXPECT_EQ(reason_of("sentry_data=" + percent(large)), reason::too_large);
    EXPECT_EQ(reason_of("a=" + std::string(4000, 'x') + "&sentry_data={}"), "");
    EXPECT_EQ(reason_of("a=" + std::string(4096, 'x') + "&sentry_data={}"), reason::too_large);
}

TEST(StoreScan, ReadsTheWrappingsOfOldClients)
{
    std::string json = "{\"event_id\":\"" + id + "\",\"message\":\"a+b ~~~ ???\"}";
    std::string packed = deflated(json);
    for (const std::string &body : {
             base64(json), base64(json, false), lines_of(base64(json)) + "\n", base64(packed),
             base64(packed, false), " \n" + lines_of(base64(packed)), base64(deflated(" \n" + json)),
             "sentry_data=" + percent(json), "sentry_data=" + json, "sentry_data=" + percent(base64(json)),
             "sentry_data=" + base64(json), "sentry_data=" + base64(packed) + "&a=b",
             "a=%zz&&b&sentry_data=" + percent(base64(packed)) + "&sentry_data=x",
             "sentry_data=+" + percent(json) + "\r\n"})
    {
        for (std::size_t piece : {std::string::npos, std::size_t(1), std::size_t(7)}) {
            Scanned found = store(body, piece);
            EXPECT_EQ(found.reason, "") << body;
            EXPECT_EQ(found.event_id, id) << body;
            EXPECT_EQ(found.items, "event:1") << body;
        }
        Content content = read_content(make_record(Endpoint::store, body, "event:1"));
        ASSERT_EQ(content.events.size(), 1u) << body;
        bool plus_is_blank = body.find("sentry_data={") != body.npos;
        EXPECT_EQ(content.events[0].title, plus_is_blank ? "a b ~~~ ???" : "a+b ~~~ ???") << body;
    }
}

TEST(StoreScan, RefusesBrokenWrappings)
{
    std::string packed = deflated("{\"a\":\"some text that is long enough\"}");
    std::string broken = packed;
    broken[6] ^= 0x55;
    for (const std::string &body :
         {base64("[1]"), base64(deflated("[1]")), base64(packed.substr(0, packed.size() - 6)), base64(broken),
          base64("{\"a\":1").append("A"), std::string("A==="), std::string("A"), std::string("AAAA"),
          base64("{}") + "=" + base64("{}"), std::string("sentry_data=!"),
          // What is packed has such bytes by chance.
          std::string("\x1f\x8b\b=packed"), std::string("x\x9c&a=b"), std::string("x y=z")})
    {
        EXPECT_EQ(store(body).reason, reason::invalid_json) << body;
        EXPECT_EQ(store(body, 1).reason, reason::invalid_json) << body;
    }
    for (std::string body : {"a=b", "sentry_data=%7", "sentry_data=%7x", "sentry_dat=%7B%7D", "xsentry_data={}",
                             "a&sentry_data&b=c"})
    {
        EXPECT_EQ(store(body).reason, reason::invalid_form) << body;
        EXPECT_EQ(store(body, 1).reason, reason::invalid_form) << body;
    }
}

std::string random_json(std::mt19937 &random)
{
    static const std::string parts[] = {
        "{", "}", "[", "]", "\"", "\\", ",", ":", "1", "null", "NaN", " ", "\n", "\"a\"", "\"event_id\"",
        "\"type\":\"transaction\"", "\"type\"", "\"9ec79c33ec9942ab8353589fcb2e04dc\"", "{}", "[]", "\"a\":1",
        ",\"b\":[", "\xff", "\x01", "\\u", "\\ud800", std::string(1, '\0'), "\xef\xbb\xbf"};
    std::string body = random() % 4 == 0 ? "" : random() % 2 ? "{" : "[";
    std::string close = body == "{" ? "}" : body == "[" ? "]" : "";
    for (unsigned n = random() % 9; n > 0; n--) {
        body += parts[random() % std::size(parts)];
    }
    return body + close;
}

TEST(StoreScan, WhatItAcceptsTheWorkerReads)
{
    std::mt19937 random(3);
    unsigned accepted = 0;
    for (int i = 0; i < 150000; i++) {
        std::string body = random_json(random);
        switch (random() % 6) {
        case 0:
            body = base64(body, random() % 2 == 0);
            break;
        case 1:
            body = base64(deflated(body));
            break;
        case 2:
            body = (random() % 2 ? "sentry_data=" : "a=b&sentry_data=")
                   + (random() % 2 ? percent(body) : percent(base64(deflated(body))));
            break;
        default:
            break;
        }
        if (random() % 8 == 0 && !body.empty()) {
            body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
        }
        bool good = false;
        ASSERT_EQ(disagreement(Endpoint::store, body, 1 + random() % 9, good), "") << body;
        accepted += good;
    }
    EXPECT_GT(accepted, 5000u);
}

/* The other direction: no event that the worker could store is refused. */
TEST(StoreScan, AcceptsWhatIsJson)
{
    std::mt19937 random(4);
    unsigned found = 0;
    for (int i = 0; i < 150000; i++) {
        std::string body = random_json(random);
        Json document;
        std::string buffer;
        std::string decoded;
        std::string_view json;
        if (decode_store_body(body, 1 << 20, decoded, json) != reason::none
            || !document.parse(repair(json, buffer)) || !document.root().is_object())
        {
            continue;
        }
        found++;
        JsonValue event_id = document.root()["event_id"];
        bool usable = event_id.is_null() || !normalize_uuid(event_id.text()).empty();
        Scanned scanned = store(body);
        if (!usable) {
            ASSERT_EQ(scanned.reason, reason::event_id) << body;
        } else if (scanned.reason != reason::event_id) {
            // Of several event ids one may be bad, which is for the edge to refuse.
            ASSERT_EQ(scanned.reason, "") << body;
            ASSERT_EQ(scanned.event_id, normalize_uuid(event_id.text())) << body;
            bool transaction = document.root()["type"].text() == "transaction";
            ASSERT_EQ(scanned.items, transaction ? "transaction:1" : "event:1") << body;
        }
    }
    EXPECT_GT(found, 2000u);
}

TEST(SecurityScan, CountsReports)
{
    auto scan = [](std::string_view body, Endpoint endpoint = Endpoint::security) {
        return scan_body(endpoint, body, 3);
    };
    EXPECT_EQ(scan("{}").items, "raw_security:1");
    EXPECT_EQ(scan("{\"csp-report\":{\"blocked-uri\":\"self\"}}").items, "raw_security:1");
    EXPECT_EQ(scan(" [{\"a\":[1,2]},{},3]\n").items, "raw_security:3");
    EXPECT_EQ(scan("[{},{}]", Endpoint::nel).items, "nel:2");
    EXPECT_EQ(scan("[ ]").items, "");
    EXPECT_EQ(scan("[ ]").reason, "");
    EXPECT_FALSE(scan("{}").needs_event_id);
    EXPECT_EQ(scan("{}").counts[1], 1u);
    EXPECT_EQ(scan("").reason, reason::no_data);
    for (std::string_view bad : {"x", "1", "\"a\"", "[", "[1,]", "[,1]", "[,]", "[1]]", "[}", "{]", "[1,,2]", "{",
                                 "[] []", " "})
    {
        EXPECT_EQ(scan(bad).reason, reason::invalid_json) << bad;
    }
    std::string list = "[1";
    for (int i = 1; i < 100; i++) {
        list += ",1";
    }
    EXPECT_EQ(scan(list + "]").items, "raw_security:100");
    EXPECT_EQ(scan(list + ",1]").reason, reason::too_large);
    EXPECT_EQ(scan("[\"" + std::string(1024, 'x') + "\"]").reason, reason::too_large);
}

TEST(SecurityScan, WhatItAcceptsTheWorkerReads)
{
    std::mt19937 random(5);
    unsigned accepted = 0;
    for (int i = 0; i < 100000; i++) {
        std::string body = random_json(random);
        Endpoint endpoint = random() % 2 ? Endpoint::security : Endpoint::nel;
        bool good = false;
        ASSERT_EQ(disagreement(endpoint, body, 1 + random() % 5, good), "") << body;
        accepted += good;
    }
    EXPECT_GT(accepted, 5000u);
}

}
}
