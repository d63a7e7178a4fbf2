/* Stored bodies say what the columns of their event say; what is in order stays as it was sent. */

#include "worker/event.hpp"

#include <gtest/gtest.h>

#include "worker/json.hpp"

using namespace errtrack;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t received = 1'675'278'725 * second;   /* 2023-02-01T19:12:05Z */

std::string stored(std::string_view members, std::optional<std::int64_t> sent_at = {},
                   const std::string &agent = {}, const std::string &client = {})
{
    EventContext context;
    context.agent = agent;
    context.client = client;
    context.received_at = received;
    context.client_address = "192.0.2.7";
    context.sent_at = sent_at;
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event && Json().parse(event->payload)) << members;
    return event->payload.substr(1, event->payload.size() - 2);
}

TEST(Normalize, what_is_in_order_stays)
{
    for (std::string_view members : {
             R"( "level" : "error" ,"platform":"python","release":"1.0","dist":"a-1","environment":"e")",
             R"("tags":{"a":"b"},"user":{"id":"7","ip_address":"2001:db8::1"})",
             R"("tags":[["a","b"],["c","d"]],"timestamp":1675278725.25)",
             R"("request":{"method":"GET","headers":[["A","b"]],"query_string":"a=b","cookies":"[Filtered]"})",
             R"("contexts":{"os":{"name":"Linux","type":"os"}},"breadcrumbs":{"values":[{"data":{"a":1}}]})",
             R"("exception":[{"type":"E","value":null,"mechanism":{"type":"generic"}}],"novelty":{"a":[1]})",
             R"("sdk":{"name":"x","packages":[]},"extra":{"a":null},"modules":{"a":"1"},"level":"info")",
             R"("user":null,"tags":null,"timestamp":null,"request":null,"contexts":null)"}) {
        EXPECT_EQ(stored(members), members);
    }
}

TEST(Normalize, contexts_of_the_user_agent)
{
    const std::string agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:120.0) Gecko/20100101 Firefox/120.0";
    const std::string browser = R"("browser":{"name":"Firefox","version":"120.0","type":"browser"})";
    const std::string os = R"({"name":"Mac OS X","version":"10.15","type":"os"})";
    const std::string device = R"("device":{"family":"Mac","model":"Mac","brand":"Apple","type":"device"})";
    const std::string request = R"("request":{"headers":{"user-agent":")" + agent + "\"}}";
    EXPECT_EQ(stored(request), R"("contexts":{)" + browser + R"(,"client_os":)" + os + "," + device + "}," + request)
        << "where the program runs on a server";
    EXPECT_EQ(stored(request + R"(,"platform":"javascript")"),
              R"("contexts":{)" + browser + R"(,"os":)" + os + "," + device + "}," + request + R"(,"platform":"javascript")");
    std::string some = R"("platform":"javascript","contexts":{"browser":{"name":"mine"},"os":null,"a":{"b":1}})";
    EXPECT_EQ(stored(request + "," + some), request + R"(,"platform":"javascript","contexts":{"os":)" + os + "," + device
                                                + R"(,"browser":{"name":"mine"},"a":{"b":1}})");
    std::string all = R"("contexts":{"browser":{},"client_os":{},"device":{}},)" + request;
    EXPECT_EQ(stored(all), all) << "what the client says stands";
    for (const char *none : {R"("contexts":null,)", R"("contexts":[1],)", ""}) {
        EXPECT_EQ(stored(none + request), R"("contexts":{)" + browser + R"(,"client_os":)" + os + "," + device + "}," + request);
    }

    EXPECT_EQ(stored(R"("platform":"javascript")", {}, agent),
              R"("contexts":{)" + browser + R"(,"os":)" + os + "," + device + R"(},"platform":"javascript")")
        << "a browser sends for itself";
    EXPECT_EQ(stored(R"("platform":"python")", {}, agent), R"("platform":"python")");
    EXPECT_EQ(stored(R"("platform":"javascript","request":{"headers":[["User-Agent","curl/8"]]})", {}, agent),
              R"("platform":"javascript","request":{"headers":[["User-Agent","curl/8"]]})");
}

TEST(Normalize, sdk_of_the_client)
{
    EXPECT_EQ(stored(R"("a":1)", {}, {}, "sentry.go/0.20.0"), R"("sdk":{"name":"sentry.go","version":"0.20.0"},"a":1)");
    EXPECT_EQ(stored(R"("sdk":null)", {}, {}, "raven"), R"("sdk":{"name":"raven"})");
    EXPECT_EQ(stored(R"("sdk":"x","a":1)", {}, {}, "a/b/1"), R"("sdk":{"name":"a/b","version":"1"},"a":1)");
    EXPECT_EQ(stored(R"("sdk":{})", {}, {}, "raven/1"), R"("sdk":{})");
    EXPECT_EQ(stored(R"("a":1)", {}, {}, "/1"), R"("a":1)");
    EXPECT_EQ(stored(R"("a":1)", {}, {}, "token=x/1"), R"("sdk":{"name":"token=[Filtered]"},"a":1)");
}

TEST(Normalize, columns)
{
    EXPECT_EQ(stored(R"("level":"bogus")"), R"("level":"error")");
    EXPECT_EQ(stored(R"("level":30)"), R"("level":"warning")");
    EXPECT_EQ(stored(R"("level":null)"), R"("level":"error")");
    EXPECT_EQ(stored(R"("platform":"Klingon!")"), R"("platform":"other")");
    EXPECT_EQ(stored(R"("logger":"a\nb","transaction":" /x ")"), R"("transaction":"/x")");
    EXPECT_EQ(stored(R"("release":" 1.0 ","a":1)"), R"("release":"1.0","a":1)");
    EXPECT_EQ(stored(R"("release":1.7)"), R"("release":"1")");
    for (std::string_view member : {R"("release":"a/b")", R"("release":"latest")", R"("release":[])",
                                    R"("environment":"none")", R"("environment":"a/b")",
                                    R"("dist":"ä b")", R"("dist":{})", R"("server_name":[])",
                                    R"("tags":"x")", R"("tags":[])", R"("user":"bob")",
                                    R"("request":5)", R"("contexts":[])", R"("breadcrumbs":"x")",
                                    R"("sdk":"x")", R"("extra":"x")", R"("modules":[1])",
                                    R"("debug_meta":7)", R"("exception":"x")", R"("timestamp":"yesterday")",
                                    R"("timestamp":1e30)", R"("timestamp":[])"}) {
        EXPECT_EQ(stored(member), "") << member;
    }
    EXPECT_EQ(stored(R"("dist":7,"server_name":5)"), R"("dist":"7","server_name":"5")");
}

TEST(Normalize, tags)
{
    EXPECT_EQ(stored(R"("tags":[["a","b"],["a","c"],["x"],null,"y"])"), R"("tags":[["a","b"]])");
    EXPECT_EQ(stored(R"("tags":{"f":1.9,"b":true," c d ":" x "})"),
              R"("tags":[["f","1"],["b","True"],["c-d","x"]])");
    EXPECT_EQ(stored(R"("tags":{"release":"x","environment":"e"})"), R"("environment":"e")");
    EXPECT_EQ(stored(R"("tags":{"environment":"e","a":"b"},"environment":"p")"),
              R"("tags":[["a","b"]],"environment":"p")");
    for (std::string value : {"\"" + std::string(300, 'v') + "\"", std::string(R"("a\nb")"),
                              std::string("{}"), std::string("[1]"), std::string("null"),
                              std::string("\"\"")}) {
        EXPECT_EQ(stored("\"tags\":{\"k\":" + value + ",\"a\":\"b\"}"), R"("tags":[["a","b"]])") << value;
    }
    EXPECT_EQ(stored("\"tags\":{\"" + std::string(300, 'k') + "\":\"v\"}"), "");
}

TEST(Normalize, times_of_a_clock_that_is_wrong)
{
    std::string_view members =
        R"("timestamp":"2023-02-01T17:12:04Z","start_timestamp":1675271523,"breadcrumbs":[{"timestamp":1675271522.5},{"timestamp":"x"}])";
    EXPECT_EQ(stored(members, received - 2 * hour),
              R"("_errtrack":{"time":"clock_drift"},"timestamp":"2023-02-01T19:12:04.000000Z",)"
              R"("start_timestamp":"2023-02-01T19:12:03.000000Z",)"
              R"("breadcrumbs":[{"timestamp":"2023-02-01T19:12:02.500000Z"},{}])");
    EXPECT_EQ(stored(R"("timestamp":"2023-02-01T17:12:04Z")", received - hour / 2),
              R"("timestamp":"2023-02-01T17:12:04Z")");
    EXPECT_EQ(stored(R"("timestamp":1675282325,"breadcrumbs":[{"timestamp":1675282324}])"),
              R"("_errtrack":{"time":"future_timestamp"},"timestamp":"2023-02-01T19:12:05.000000Z",)"
              R"("breadcrumbs":[{"timestamp":"2023-02-01T19:12:04.000000Z"}])");
    EXPECT_EQ(stored(R"("timestamp":5)"),
              R"("_errtrack":{"time":"past_timestamp"},"timestamp":"2023-02-01T19:12:05.000000Z")");
}

TEST(Normalize, user)
{
    EXPECT_EQ(stored(R"("user":{"id":7,"username":true,"email":[1]})"),
              R"("user":{"id":"7","username":"True"})");
    EXPECT_EQ(stored(R"("user":{"ip_address":"999.1.1.1","id":"x"})"), R"("user":{"id":"x"})");
    EXPECT_EQ(stored(R"("user":{"ip_address":"{{auto}}"})"), R"("user":{"ip_address":"192.0.2.7"})");
}

TEST(Normalize, request)
{
    auto request = [](std::string_view members) {
        std::string text = stored("\"request\":{" + std::string(members) + "}");
        return text.substr(11, text.size() - 12);
    };
    EXPECT_EQ(request(R"("headers":{"a":["b","c"],"d":{},"e":"f"})"), R"("headers":{"a":"b,c","e":"f"})");
    EXPECT_EQ(request(R"("headers":[["a",["b","c"]],["d",{}]])"), R"("headers":[["a","b,c"]])");
    EXPECT_EQ(request(R"("query_string":"?a=b")"), R"("query_string":"a=b")");
    EXPECT_EQ(request(R"("query_string":[["a",null],["b","c"]])"), R"("query_string":[["a",""],["b","c"]])");
    EXPECT_EQ(request(R"("method":"teapot!")"), "");
    EXPECT_EQ(request(R"("method":"get")"), R"("method":"GET")");
    EXPECT_EQ(request(R"("url":5,"env":"x","headers":1,"cookies":true,"query_string":true)"), "");
}

TEST(Normalize, lists)
{
    EXPECT_EQ(stored(R"("contexts":{"os":"Linux","x":null,"y":[1],"device":{"type":5}})"),
              R"("contexts":{"device":{"type":"device"}})");
    EXPECT_EQ(stored(R"("breadcrumbs":[{"message":"m"},{"data":"s"},null,1])"),
              R"("breadcrumbs":[{"message":"m"},{}])");
    EXPECT_EQ(stored(R"("breadcrumbs":{"values":"x"})"), R"("breadcrumbs":{})");
    EXPECT_EQ(stored(R"("sdk":{"name":5,"packages":{"a":1}})"), R"("sdk":{"name":"5"})");
}

TEST(Normalize, exceptions)
{
    auto exception = [](std::string_view members) {
        std::string text = stored("\"exception\":[{\"type\":\"E\"," + std::string(members) + "}]");
        return text.substr(25, text.size() - 27);
    };
    EXPECT_EQ(exception(R"("value":{"b":1,"a":[2]})"), R"x("value":"{\"a\":[2],\"b\":1}")x");
    EXPECT_EQ(exception(R"("value":4.5)"), R"("value":"4.5")");
    EXPECT_EQ(exception(R"("mechanism":{"type":5})"), R"("mechanism":{"type":"generic"})");
    EXPECT_EQ(stored(R"("exception":[{"type":"E","mechanism":{}}])"), R"("exception":[{"type":"E"}])");
    EXPECT_EQ(stored(R"("exception":[{"type":"E","mechanism":"x"}])"), R"("exception":[{"type":"E"}])");
    EXPECT_EQ(stored(R"("exception":[{"type":7,"value":"v"}])"), R"("exception":[{"value":"v"}])");
}

}
