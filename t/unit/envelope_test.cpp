/* Envelopes: the grammar row by row, and the bodies of the store endpoint. */

#include "worker/envelope.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "worker/outcome.hpp"

using namespace errtrack;
using namespace std::string_literals;

namespace {

std::string_view failure(std::string_view bytes)
{
    Envelope envelope;
    return parse_envelope(bytes, envelope);
}

Envelope parsed(std::string_view bytes)
{
    Envelope envelope;
    EXPECT_EQ(parse_envelope(bytes, envelope), reason::none) << bytes;
    return envelope;
}

std::vector<std::string> payloads(std::string_view bytes)
{
    std::vector<std::string> found;
    for (const EnvelopeItem &item : parsed(bytes).items) {
        found.emplace_back(item.payload);
    }
    return found;
}

using Payloads = std::vector<std::string>;

TEST(Envelope, without_items)
{
    EXPECT_EQ(payloads("{}"), Payloads());
    EXPECT_EQ(payloads("{}\n"), Payloads());
    EXPECT_EQ(payloads("{}\n\n"), Payloads());
    EXPECT_EQ(payloads(" {}\n"), Payloads());
    EXPECT_EQ(failure(""), reason::no_data);
}

TEST(Envelope, payload_to_the_end_of_the_line)
{
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\"}\n{\"a\":1}"), Payloads{"{\"a\":1}"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\"}\n{\"a\":1}\n"), Payloads{"{\"a\":1}"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\"}\n{\"a\":1}\n\n"), Payloads{"{\"a\":1}"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\"}\na\n{\"type\":\"event\"}\nb"),
              (Payloads{"a", "b"}));
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\",\"length\":null}\nab\n"), Payloads{"ab"});
}

TEST(Envelope, payload_by_length)
{
    EXPECT_EQ(payloads("{}\n{\"type\":\"attachment\",\"length\":0}\n\n"
                       "{\"type\":\"attachment\",\"length\":0}\n"),
              (Payloads{"", ""}));
    EXPECT_EQ(payloads("{}\n{\"type\":\"attachment\",\"length\":3}\na\nb\n"), Payloads{"a\nb"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"attachment\",\"length\":2}\né"), Payloads{"é"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"x\",\"length\":4}\n\0\n\xff\xfe\n"s),
              Payloads{"\0\n\xff\xfe"s});
    EXPECT_EQ(payloads("{}\n{\"type\":\"x\",\"length\":0}"), Payloads{""});
}

TEST(Envelope, end_after_an_item_header)
{
    EXPECT_EQ(payloads("{}\n{\"type\":\"attachment\"}"), Payloads{""});
    EXPECT_EQ(payloads("{}\n{\"type\":\"attachment\"}\n"), Payloads{""});
}

TEST(Envelope, blank_lines_and_carriage_returns)
{
    EXPECT_EQ(payloads("{}\n\n{\"type\":\"event\"}\nx"), Payloads{"x"});
    EXPECT_EQ(payloads("{}\r\n{\"type\":\"event\"}\r\n{}"), Payloads{"{}"});
    EXPECT_EQ(payloads("{}\r\n{\"type\":\"event\",\"length\":2}\r\n{}\n"), Payloads{"{}"});
    EXPECT_EQ(payloads("{}\n{\"type\":\"event\",\"length\":2}\n{}\n\n\n"
                       "{\"type\":\"event\",\"length\":2}\n{}\n\n\n"),
              (Payloads{"{}", "{}"}));
    EXPECT_EQ(failure("{} \n"), reason::invalid_envelope);
    EXPECT_EQ(failure("{}\rx"), reason::invalid_envelope);
}

TEST(Envelope, header_on_several_lines)
{
    EXPECT_EQ(payloads("{\n \"a\": \"}\\\"\"\n}\n{\"type\":\n\"event\"}\nx"), Payloads{"x"});
}

TEST(Envelope, bad_envelope_headers)
{
    for (std::string_view text : {
             "not json\n", "[]\n", "null\n", "1\n", "\"a\"\n", "{", "{\"a\"}\n", "{}x", "{}{}",
             "{\"event_id\":\"xyz\"}\n", "{\"event_id\":\"\"}\n", "{\"event_id\":5}\n",
             "{\"a\":1,}\n"}) {
        EXPECT_EQ(failure(text), reason::invalid_envelope) << text;
    }
}

TEST(Envelope, event_id)
{
    EXPECT_EQ(parsed("{\"event_id\":\"9EC79C33-EC99-42AB-8353-589FCB2E04DC\"}").event_id,
              "9ec79c33ec9942ab8353589fcb2e04dc");
    EXPECT_EQ(parsed("{\"event_id\":null}").event_id, "");
    EXPECT_EQ(parsed("{}").event_id, "");
}

TEST(Envelope, client)
{
    EXPECT_EQ(parsed(R"({"sdk":{"name":"sentry.rust","version":"0.31.0","packages":[]}})").client, "sentry.rust/0.31.0");
    EXPECT_EQ(parsed(R"({"sdk":{"name":"sentry.rust"}})").client, "sentry.rust/");
    for (const char *none : {"{}", R"({"sdk":null})", R"({"sdk":"x"})", R"({"sdk":{"version":"1"}})"}) {
        EXPECT_EQ(parsed(none).client, "") << none;
    }
}

TEST(Envelope, sent_at)
{
    EXPECT_EQ(parsed("{\"sent_at\":\"2023-02-01T19:12:05.5Z\"}").sent_at, 1675278725500000);
    EXPECT_FALSE(parsed("{\"sent_at\":\"garbage\"}").sent_at);
    EXPECT_FALSE(parsed("{\"sent_at\":null}").sent_at);
    EXPECT_FALSE(parsed("{\"sent_at\":1675278725}").sent_at);
    EXPECT_EQ(parsed("{\"sent_at\":\"x\",\"sent_at\":\"1970-01-01T00:00:01Z\"}").sent_at, 1000000);
}

TEST(Envelope, other_headers_are_ignored)
{
    EXPECT_EQ(payloads("{\"trace\":\"nonsense\",\"foo\":[1,{}]}\n{\"type\":\"x\",\"y\":{}}\nz"),
              Payloads{"z"});
}

TEST(Envelope, bad_item_headers)
{
    for (std::string_view head : {
             "nope", "{}", "{\"type\":5}", "{\"type\":null}", "[]", "{\"type\":\"a\"",
             "{\"type\":\"a\",\"length\":-1}", "{\"type\":\"a\",\"length\":1.5}",
             "{\"type\":\"a\",\"length\":\"1\"}", "{\"type\":\"a\",\"length\":4294967296}",
             "{\"type\":\"a\",\"length\":1e0}", "{\"type\":\"a\",\"length\":99999999999999999999}",
             "{\"type\":\"a\"} "}) {
        EXPECT_EQ(failure("{}\n" + std::string(head) + "\nx\n"), reason::invalid_envelope) << head;
    }
}

TEST(Envelope, bad_lengths)
{
    EXPECT_EQ(failure("{}\n{\"type\":\"a\",\"length\":4}\nabc"), reason::invalid_envelope);
    EXPECT_EQ(failure("{}\n{\"type\":\"a\",\"length\":1}"), reason::invalid_envelope);
    EXPECT_EQ(failure("{}\n{\"type\":\"a\",\"length\":2}\nabc\n"), reason::invalid_envelope);
    EXPECT_EQ(failure("{}\n{\"type\":\"a\",\"length\":3}\nabcx"), reason::invalid_envelope);
    EXPECT_EQ(failure("{}\n{\"type\":\"a\",\"length\":4294967295}\nabc"),
              reason::invalid_envelope);
}

TEST(Envelope, one_broken_item_spoils_all)
{
    Envelope envelope;
    EXPECT_EQ(parse_envelope("{}\n{\"type\":\"event\"}\n{}\n{\"type\":5}\n{}", envelope),
              reason::invalid_envelope);
    EXPECT_TRUE(envelope.items.empty());
}

TEST(Envelope, item_fields)
{
    Envelope envelope = parsed(
        "{}\n{\"type\":\"attachment\",\"filename\":\"../..\\u0000/\xff\","
        "\"content_type\":\"a/b\"}\nx\n{\"type\":\"attachment\",\"filename\":7}\n");
    ASSERT_EQ(envelope.items.size(), 2u);
    EXPECT_EQ(envelope.items[0].type, "attachment");
    EXPECT_EQ(envelope.items[0].filename, "../..\ufffd/\ufffd");
    EXPECT_EQ(envelope.items[0].content_type, "a/b");
    EXPECT_EQ(envelope.items[1].filename, "");
}

TEST(Envelope, an_event_on_one_line_is_an_empty_envelope)
{
    EXPECT_EQ(payloads(R"({"message":"hi","level":"error"})"), Payloads());
}

TEST(Envelope, number_of_items_is_limited)
{
    std::string text = "{}\n";
    for (std::size_t i = 0; i < max_envelope_items; i++) {
        text += "{\"type\":\"x\"}\n\n";
    }
    EXPECT_EQ(failure(text), reason::none);
    EXPECT_EQ(failure(text + "{\"type\":\"x\"}\n"), reason::too_large);
}

/* ---- store ---- */

std::string base64(std::string_view bytes)
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
            out.push_back(i + k > bytes.size() ? '=' : alphabet[group >> (18 - 6 * k) & 63]);
        }
    }
    return out;
}

std::string zlib_deflated(std::string_view text)
{
    uLongf size = compressBound(text.size());
    std::string out(size, '\0');
    compress(reinterpret_cast<Bytef *>(out.data()), &size,
             reinterpret_cast<const Bytef *>(text.data()), text.size());
    out.resize(size);
    return out;
}

std::string decoded(std::string_view bytes, std::size_t limit = 1 << 20)
{
    std::string buffer;
    std::string_view json;
    std::string_view failed = decode_store_body(bytes, limit, buffer, json);
    return failed == reason::none ? std::string(json) : "failed: " + std::string(failed);
}

TEST(StoreBody, json)
{
    EXPECT_EQ(decoded("{\"a\":1}"), "{\"a\":1}");
    EXPECT_EQ(decoded(" \r\n{\"a\":1}"), "{\"a\":1}");
    EXPECT_EQ(decoded("\xef\xbb\xbf {\"a\":1}"), "{\"a\":1}");
}

TEST(StoreBody, base64_and_deflated)
{
    EXPECT_EQ(decoded(base64("{\"a\":1}")), "{\"a\":1}");
    EXPECT_EQ(decoded(base64("{\"ab\":1}") + "\n"), "{\"ab\":1}");
    EXPECT_EQ(decoded(base64(zlib_deflated("{\"abc\":1}"))), "{\"abc\":1}");
}

TEST(StoreBody, nothing_to_read)
{
    EXPECT_EQ(decoded(""), "failed: no_data");
    EXPECT_EQ(decoded(" \n"), "failed: no_data");
    for (std::string_view text : {"[]", "null", "\"x\"", "1", "garbage!", "AAAA", "A===", "A"}) {
        EXPECT_EQ(decoded(text), "failed: invalid_json") << text;
    }
    EXPECT_EQ(decoded(base64("[1]")), "failed: invalid_json");
    EXPECT_EQ(decoded("\x1f\x8b\b=packed"), "failed: invalid_json");
    EXPECT_EQ(decoded("x\x9c&a=b"), "failed: invalid_json");
    EXPECT_EQ(decoded(base64(zlib_deflated("[1]"))), "failed: invalid_json");
}

TEST(StoreBody, limit)
{
    std::string text = "{\"a\":\"" + std::string(1000, 'x') + "\"}";
    EXPECT_EQ(decoded(text, text.size()), text);
    EXPECT_EQ(decoded(text, text.size() - 1), "failed: too_large");
    EXPECT_EQ(decoded(base64(text), text.size() - 1), "failed: too_large");
    EXPECT_EQ(decoded(base64(zlib_deflated(text)), text.size() - 1), "failed: too_large");
    EXPECT_EQ(decoded(base64(zlib_deflated(text)), text.size()), text);
}

}
