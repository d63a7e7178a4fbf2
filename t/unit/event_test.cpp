/* Columns of events: every conversion, and that one bad field spoils nothing else. */

#include "worker/event.hpp"

#include <gtest/gtest.h>

#include "worker/json.hpp"

using namespace errtrack;
using namespace std::string_literals;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t received = 1'675'278'725 * second;   /* 2023-02-01T19:12:05Z */

EventContext context()
{
    EventContext made;
    made.received_at = received;
    made.event_id = "0123456789abcdef0123456789abcdef";
    made.client_address = "192.0.2.7";
    return made;
}

Event parsed(std::string_view body)
{
    std::optional<Event> event = parse_event(body, context());
    EXPECT_TRUE(event) << body;
    return event.value_or(Event());
}

Event with(std::string_view member)
{
    return parsed("{" + std::string(member) + "}");
}

TEST(Event, body_that_is_no_object)
{
    for (std::string_view body : {"", "null", "[]", "\"x\"", "1", "not json", "{\"a\":", "{} x"}) {
        EXPECT_FALSE(parse_event(body, context())) << body;
    }
    EXPECT_FALSE(parse_event(std::string(10'000, '[') + std::string(10'000, ']'), context()));
    std::string deep = "{\"a\":" + std::string(10'000, '[') + std::string(10'000, ']') + "}";
    EXPECT_FALSE(parse_event(deep, context()));
}

TEST(Event, empty_object)
{
    Event event = parsed("{}");
    EXPECT_EQ(event.kind, "default");
    EXPECT_EQ(event.title, "<unlabeled event>");
    EXPECT_EQ(event.level, "error");
    EXPECT_EQ(event.platform, "other");
    EXPECT_EQ(event.occurred_at, received);
    EXPECT_EQ(event.type + event.value + event.culprit + event.logger + event.transaction
                  + event.release + event.environment, "");
    EXPECT_FALSE(event.user);
    ASSERT_EQ(event.hashes.size(), 1u);
    EXPECT_EQ(event.hashes[0].variant, "fallback");
}

TEST(Event, damaged_text_is_kept)
{
    Event event = parsed("\xef\xbb\xbf{\"message\":\"a\\u0000b\\ud800c\xff\",\"extra\":NaN}");
    EXPECT_EQ(event.value, "a\ufffdb\ufffdc\ufffd");
    EXPECT_TRUE(Json().parse(event.payload));
    EXPECT_TRUE(parse_event("{\"a\":1e400,\"b\":" + std::string(300, '9') + "}", context()));
}

TEST(Event, every_field_of_a_wrong_type)
{
    for (std::string_view value : {"null", "true", "5", "1e30", "\"x\"", "[]", "{}", "[null]",
                                   "[[[]]]", "{\"values\":\"x\"}", "{\"values\":[null,5,{}]}"}) {
        std::string body = "{\"x\":0";
        for (std::string_view key : {
                 "event_id", "timestamp", "platform", "level", "logger", "transaction", "release",
                 "environment", "tags", "fingerprint", "checksum", "message", "logentry", "user",
                 "exception", "stacktrace", "threads", "request", "sdk", "contexts", "extra",
                 "breadcrumbs", "debug_meta"}) {
            body += ",\"" + std::string(key) + "\":" + std::string(value);
        }
        Event event = parsed(body + "}");
        EXPECT_FALSE(event.hashes.empty()) << value;
        EXPECT_TRUE(Json().parse(event.payload)) << event.payload;
    }
}

TEST(Event, level)
{
    EXPECT_EQ(with(R"("level":"bogus")").level, "error");
    EXPECT_EQ(with(R"("level":30)").level, "warning");
    EXPECT_EQ(with(R"("level":10)").level, "debug");
    EXPECT_EQ(with(R"("level":null)").level, "error");
    EXPECT_EQ(with(R"("level":"warn")").level, "warning");
    EXPECT_EQ(with(R"("level":"INFO")").level, "info");
    EXPECT_EQ(with(R"("level":"log")").level, "info");
    EXPECT_EQ(with(R"("level":"critical")").level, "fatal");
    EXPECT_EQ(with(R"("level":"fatal")").level, "fatal");
}

TEST(Event, timestamp_forms)
{
    std::int64_t half = received + second / 2;
    EXPECT_EQ(with(R"("timestamp":"2023-02-01T19:12:05.5Z")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01T19:12:05.500000000Z")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01T21:12:05.5+02:00")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01T18:42:05.5-0030")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01 19:12:05.5z")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01t19:12:05.5")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":1675278725.5)").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":"1675278725.5")").occurred_at, half);
    EXPECT_EQ(with(R"("timestamp":1675278724)").occurred_at, received - second);
    EXPECT_EQ(with(R"("timestamp":"2023-02-01T10:00:00")").occurred_at,
              received - 9 * hour - 725 * second);
}

TEST(Event, timestamps_that_are_none)
{
    for (std::string_view value : {
             "\"yesterday\"", "[]", "{}", "1e30", "-1e300", "1e400", "\"\"", "\"nan\"", "\"inf\"",
             "1675278725000", "\"2023-02-30T00:00:00Z\"", "\"2023-13-01T00:00:00Z\"",
             "\"2023-02-01T25:00:00Z\"", "\"2023-02-01T19:12:05Zx\"", "\"2023-02-01\"",
             "\"2023-02-01T19:12:05+99:00\"", "\"2023-02-01T19:12:05.Z\"", "true", "null"}) {
        EXPECT_EQ(with("\"timestamp\":" + std::string(value)).occurred_at, received) << value;
    }
}

TEST(Event, timestamps_that_cannot_be_true)
{
    EXPECT_EQ(with("\"timestamp\":" + std::to_string(1675278725 + 3600)).occurred_at, received);
    EXPECT_EQ(with("\"timestamp\":" + std::to_string(1675278725 - 31 * 86400)).occurred_at,
              received);
    EXPECT_EQ(with("\"timestamp\":-5").occurred_at, received);
    EXPECT_EQ(with("\"timestamp\":" + std::to_string(1675278725 + 59)).occurred_at,
              received + 59 * second);
    EXPECT_EQ(with("\"timestamp\":" + std::to_string(1675278725 - 29 * 86400)).occurred_at,
              received - 29 * 24 * hour);
}

TEST(Event, wrong_clock_of_the_client)
{
    EventContext late = context();
    late.sent_at = received - 2 * hour;
    std::string body = "{\"timestamp\":" + std::to_string(1675278725 - 7200 - 10) + "}";
    EXPECT_EQ(parse_event(body, late)->occurred_at, received - 10 * second);
    late.sent_at = received - hour / 2;
    EXPECT_EQ(parse_event(body, late)->occurred_at, received - 2 * hour - 10 * second);
    late.sent_at = received + 2 * hour;
    body = "{\"timestamp\":" + std::to_string(1675278725 + 7200 - 10) + "}";
    EXPECT_EQ(parse_event(body, late)->occurred_at, received - 10 * second);
}

TEST(Event, release)
{
    EXPECT_EQ(with(R"("release":" 1.0 ")").release, "1.0");
    EXPECT_EQ(with(R"("release":"shop@1.4.2+7")").release, "shop@1.4.2+7");
    EXPECT_EQ(with(R"("release":1.7)").release, "1");
    EXPECT_EQ(with("\"release\":\"" + std::string(200, 'x') + "\"").release.size(), 200u);
    for (std::string_view value : {"\"a/b\"", "\"latest\"", "\"LATEST\"", "\".\"", "\"..\"",
                                   "\"  \"", "\"a\\nb\"", "\"a\\tb\"", "[]", "null"}) {
        EXPECT_EQ(with("\"release\":" + std::string(value)).release, "") << value;
    }
    EXPECT_EQ(with("\"release\":\"" + std::string(300, 'x') + "\"").release, "");
}

TEST(Event, environment)
{
    EXPECT_EQ(with(R"("environment":" production ")").environment, "production");
    EXPECT_EQ(with(R"("environment":"none")").environment, "");
    EXPECT_EQ(with(R"("environment":"a/b")").environment, "");
    EXPECT_EQ(with("\"environment\":\"" + std::string(65, 'x') + "\"").environment, "");
    EXPECT_EQ(with(R"("tags":{"release":"x","environment":"e"})").environment, "e");
    EXPECT_EQ(with(R"("tags":[null,"y",["x"],["environment","e"],["environment","f"]])")
                  .environment, "e");
    EXPECT_EQ(with(R"("environment":"p","tags":{"environment":"e"})").environment, "p");
}

TEST(Event, platform)
{
    EXPECT_EQ(with(R"("platform":"python")").platform, "python");
    EXPECT_EQ(with(R"("platform":"klingon")").platform, "klingon");
    EXPECT_EQ(with(R"("platform":"a b")").platform, "other");
    EXPECT_EQ(with(R"("platform":"")").platform, "other");
    EXPECT_EQ(with(R"("platform":5)").platform, "other");
}

TEST(Event, logger_and_transaction)
{
    EXPECT_EQ(with(R"("logger":"shop.cart")").logger, "shop.cart");
    EXPECT_EQ(with(R"("logger":"a\nb")").logger, "");
    EXPECT_EQ(with("\"logger\":\"" + std::string(70, 'x') + "\"").logger,
              std::string(61, 'x') + "...");
    EXPECT_EQ(with(R"("transaction":" /cart ")").transaction, "/cart");
    EXPECT_EQ(with("\"transaction\":\"" + std::string(201, 'x') + "\"").transaction.size(), 200u);
}

TEST(Event, exception_forms)
{
    for (std::string_view value : {
             R"({"type":"E","value":"v"})", R"([{"type":"E","value":"v"}])",
             R"({"values":[{"type":"E","value":"v"}]})", R"([null,{"type":"E","value":"v"}])",
             R"({"values":[null,5,{"type":"E","value":"v"},{}]})",
             R"([{"type":"Cause"},{"type":"E","value":"v"}])", R"({"value":"E: v"})",
             R"({"value":"E:v","type":null})"}) {
        for (std::string_view key : {"exception", "sentry.interfaces.Exception"}) {
            Event event = with("\"" + std::string(key) + "\":" + std::string(value));
            EXPECT_EQ(event.kind, "error") << value;
            EXPECT_EQ(event.type, "E") << value;
            EXPECT_EQ(event.value, "v") << value;
            EXPECT_EQ(event.title, "E: v") << value;
        }
    }
    for (std::string_view value : {"{}", "[]", "null", "\"x\"", "5", R"({"values":[{}]})",
                                   R"({"values":"x"})", R"({"values":null})",
                                   R"([{"type":"","value":""}])"}) {
        Event event = with("\"exception\":" + std::string(value));
        EXPECT_EQ(event.kind, "default") << value;
        EXPECT_EQ(event.title, "<unlabeled event>") << value;
    }
}

TEST(Event, exception_value_that_is_no_string)
{
    EXPECT_EQ(with(R"("exception":{"type":"E","value":{"b": 1, "a": [2]}})").value,
              R"({"a":[2],"b":1})");
    EXPECT_EQ(with(R"("exception":{"type":"E","value":42})").value, "42");
    EXPECT_EQ(with(R"("exception":{"type":"E","value":null})").title, "E");
}

TEST(Event, type_inside_the_value)
{
    EXPECT_EQ(with(R"("exception":{"value":"http://x/y"})").type, "");
    EXPECT_EQ(with(R"("exception":{"value":"12:30 was it"})").type, "");
    EXPECT_EQ(with(R"("exception":{"value":"not a word: x"})").type, "");
    EXPECT_EQ(with(R"("exception":{"type":"T","value":"E: x"})").value, "E: x");
}

TEST(Event, message_forms)
{
    EXPECT_EQ(with(R"("message":"hi")").value, "hi");
    EXPECT_EQ(with(R"("message":{"message":"hi"})").value, "hi");
    EXPECT_EQ(with(R"("logentry":{"formatted":"hi"})").value, "hi");
    EXPECT_EQ(with(R"("logentry":"hi")").value, "hi");
    EXPECT_EQ(with(R"("logentry":{"message":"t","formatted":"hi"})").value, "hi");
    EXPECT_EQ(with(R"("sentry.interfaces.Message":{"message":"hi"})").value, "hi");
    EXPECT_EQ(with(R"("logentry":{},"message":"hi")").value, "hi");
    EXPECT_EQ(with(R"("message":{})").value, "");
    EXPECT_EQ(with(R"("message":false)").value, "");
    EXPECT_EQ(with(R"("message":[1,2])").value, "[1,2]");
    EXPECT_EQ(with(R"("message":42)").value, "42");
    EXPECT_EQ(with(R"("message":"\n  first \nsecond")").title, "first");
}

TEST(Event, message_parameters)
{
    auto formatted = [](std::string_view text, std::string_view params) {
        return with("\"logentry\":{\"message\":\"" + std::string(text) + "\",\"params\":"
                    + std::string(params) + "}").value;
    };
    EXPECT_EQ(formatted("%s has %d of 100%%", R"(["a",5])"), "a has 5 of 100%");
    EXPECT_EQ(formatted("%(x)s %(y)05.2f", R"({"x":"a","y":1.5})"), "a 1.5");
    EXPECT_EQ(formatted("{} and {}", R"(["a",null])"), "a and null");
    EXPECT_EQ(formatted("{1} {0} {{x}}", R"(["a","b"])"), "b a {x}");
    EXPECT_EQ(formatted("{name:x} {0}", R"({"name":"n"})"), "n n");
    EXPECT_EQ(formatted("%s", "[]"), "%s");
    EXPECT_EQ(formatted("%s %s", R"(["a"])"), "%s %s");
    EXPECT_EQ(formatted("100%", R"(["a"])"), "100%");
    EXPECT_EQ(formatted("%(x", R"({"x":1})"), "%(x");
    EXPECT_EQ(formatted("{x", "[1]"), "{x");
    EXPECT_EQ(formatted("a}", "[1]"), "a}");
    EXPECT_EQ(formatted("{9}", "[1]"), "{9}");
    EXPECT_EQ(formatted("%s", "5"), "%s");
}

TEST(Event, parameters_cannot_blow_up_a_message)
{
    std::string text;
    for (int i = 0; i < 2000; i++) {
        text += "{0}";
    }
    Event event = with("\"logentry\":{\"message\":\"" + text + "\",\"params\":[\""
                       + std::string(100'000, 'x') + "\"]}");
    EXPECT_LE(event.value.size(), 1024u);
}

TEST(Event, user)
{
    auto user = [](std::string_view text) { return with("\"user\":" + std::string(text)).user; };
    ASSERT_TRUE(user(R"({"id":7})"));
    EXPECT_EQ(user(R"({"id":7})"), user(R"({"id":"7","username":"bob"})"));
    EXPECT_NE(user(R"({"id":"bob"})"), user(R"({"username":"bob"})"));
    EXPECT_EQ(user(R"({"username":"bob","email":"a@b"})"), user(R"({"id":"","username":"bob"})"));
    EXPECT_NE(user(R"({"email":"bob"})"), user(R"({"username":"bob"})"));
    EXPECT_EQ(user(R"({"ip_address":"{{auto}}"})"), user(R"({"ip_address":"192.0.2.7"})"));
    EXPECT_TRUE(user(R"({"ip_address":"2001:db8::1"})"));
    EXPECT_FALSE(user(R"({"ip_address":"999.1.1.1"})"));
    EXPECT_FALSE(user(R"("bob")"));
    EXPECT_FALSE(user("{}"));
    EXPECT_FALSE(user(R"({"id":[1]})"));
    EXPECT_EQ(with(R"("sentry.interfaces.User":{"id":7})").user, user(R"({"id":7})"));
}

TEST(Event, address_of_the_user_when_none_was_sent)
{
    std::optional<Hash> client = with(R"("user":{"ip_address":"192.0.2.7"})").user;
    std::optional<Hash> other = with(R"("user":{"ip_address":"192.0.2.8"})").user;
    EXPECT_EQ(with(R"("request":{"env":{"REMOTE_ADDR":"192.0.2.8"}})").user, other);
    EXPECT_EQ(with(R"("platform":"javascript")").user, client);
    EXPECT_EQ(with(R"("platform":"python","sdk":{"settings":{"infer_ip":"auto"}})").user, client);
    EXPECT_FALSE(with(R"("platform":"javascript","sdk":{"settings":{"infer_ip":"never"}})").user);
    EXPECT_FALSE(with(R"("platform":"python")").user);
}

TEST(Event, titles)
{
    EXPECT_EQ(with(R"("exception":{"type":"E","value":"one\ntwo"})").title, "E: one");
    EXPECT_EQ(with(R"("exception":{"type":"E"})").title, "E");
    EXPECT_EQ(with(R"("exception":{"value":"just text"})").title, "just text");
    EXPECT_EQ(with(R"("exception":{"type":"SIGSEGV","mechanism":{"synthetic":true},
        "stacktrace":{"frames":[{"function":"main","in_app":true},
                                {"function":"<redacted>","in_app":true}]}})").title, "main");
    EXPECT_EQ(with(R"("exception":{"type":"SIGSEGV","value":"x",
        "mechanism":{"synthetic":true}})").title, "SIGSEGV");
    EXPECT_EQ(with(R"("exception":{"value":"just x","mechanism":{"synthetic":true}})").title, "just x");
    EXPECT_EQ(with(R"("exception":{"value":"the cache is cold","mechanism":{"synthetic":true},
        "stacktrace":{"frames":[{"function":"warm","in_app":true}]}})").title, "the cache is cold");
    Event event = with("\"exception\":{\"type\":\"" + std::string(200, 'T') + "\",\"value\":\""
                       + std::string(2000, 'v') + "\"}");
    EXPECT_EQ(event.type, std::string(125, 'T') + "...");
    EXPECT_EQ(event.value, std::string(1021, 'v') + "...");
    EXPECT_EQ(event.title, event.type + ": " + std::string(123, 'v') + "...");
}

TEST(Event, cuts_keep_characters_whole)
{
    std::string many;
    for (int i = 0; i < 2000; i++) {
        many += "é";
    }
    Event event = with("\"message\":\"" + many + "\"");
    EXPECT_EQ(event.value.size(), 2u * 1021 + 3);
    EXPECT_EQ(event.title.size(), 2u * 253 + 3);
}

TEST(Event, culprits)
{
    auto culprit = [](std::string_view platform, std::string_view frames,
                      std::string_view more = "") {
        return with("\"platform\":\"" + std::string(platform)
                    + "\",\"exception\":{\"type\":\"E\",\"stacktrace\":{\"frames\":"
                    + std::string(frames) + "}}" + std::string(more)).culprit;
    };
    std::string_view frames = R"([{"module":"app.views","filename":"views.py","function":"show",
        "in_app":true},{"module":"lib","function":"get","in_app":false}])";
    EXPECT_EQ(culprit("python", frames), "app.views in show");
    EXPECT_EQ(culprit("javascript", frames), "show(app.views)");
    EXPECT_EQ(culprit("native", frames), "show");
    EXPECT_EQ(culprit("python", frames, R"(,"transaction":"/cart")"), "/cart");
    EXPECT_EQ(culprit("python", R"([{"filename":"a.py","function":"?"}])"), "a.py in ?");
    EXPECT_EQ(culprit("python", "[]", R"(,"request":{"url":"http://x/y"})"), "http://x/y");
    EXPECT_EQ(culprit("python", "[]"), "");
    EXPECT_EQ(culprit("python", R"([{"function":")" + std::string(300, 'f') + R"("}])").size(),
              200u);
    EXPECT_EQ(with(R"("exception":{"type":"E","mechanism":{"synthetic":true},
        "stacktrace":{"frames":[{"function":"f"}]}})").culprit, "");
    EXPECT_EQ(with(R"("message":"m","platform":"python",
        "stacktrace":{"frames":[{"module":"a","function":"f"}]})").culprit, "a in f");
}

TEST(Event, main_exception_is_the_outermost)
{
    EXPECT_EQ(with(R"("exception":[{"type":"A"},{"type":"B"}])").type, "B");
    EXPECT_EQ(with(R"("exception":[{"type":"A","mechanism":{"exception_id":0}},
                                   {"type":"B","mechanism":{"exception_id":1}}])").type, "A");
    EXPECT_EQ(with(R"("exception":[{"type":"A","mechanism":{"exception_id":0}},
                                   {"type":"B","mechanism":{"exception_id":0}}])").type, "B");
}

TEST(Event, huge_lists_are_read_up_to_a_bound)
{
    std::string frames = "{\"function\":\"f\"}";
    std::string body = frames;
    for (int i = 0; i < 10'000; i++) {
        body += "," + frames;
    }
    std::string exception = "{\"type\":\"E\",\"stacktrace\":{\"frames\":[" + body + "]}}";
    EXPECT_EQ(with("\"exception\":" + exception).type, "E");
    std::string list = "{\"type\":\"First\"}";
    for (int i = 0; i < 1000; i++) {
        list += ",{\"type\":\"E\"}";
    }
    EXPECT_EQ(with("\"exception\":[" + list + ",{\"type\":\"Last\"}]").type, "Last");
}

TEST(Event, timestamps_of_headers)
{
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:01Z"), second);
    EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.999999Z"), -1);
    EXPECT_EQ(parse_timestamp("2024-02-29T00:00+00"), 1709164800 * second);
    EXPECT_FALSE(parse_timestamp("2023-02-29T00:00:00Z"));
    EXPECT_FALSE(parse_timestamp(""));
    EXPECT_FALSE(parse_timestamp("10000-01-01T00:00:00Z"));
}

TEST(Event, hashes_in_hex)
{
    Hash hash{};
    hash[0] = 0xab;
    hash[15] = 0x01;
    EXPECT_EQ(to_hex(hash), "ab000000000000000000000000000001");
}

}
