/* Why events are grouped as they are. */

#include <string>

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"

using namespace errtrack;

namespace {

Event event_of(std::string_view members)
{
    EventContext context;
    context.received_at = 1'767'225'600'000'000;
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? std::move(*event) : Event();
}

std::string explained(std::string_view members)
{
    return explain_grouping(*event_of(members).grouping);
}

TEST(Explanation, tells_hashes_in_the_order_of_the_event)
{
    Event event = event_of(R"("platform":"python","exception":{"type":"E","stacktrace":{"frames":[
        {"module":"lib","function":"g","in_app":false},{"module":"app","function":"f","in_app":true}]}})");
    Json document;
    ASSERT_TRUE(document.parse(explain_grouping(*event.grouping)));
    std::vector<std::string> hashes;
    for (JsonValue each : document.root()["hashes"]) {
        hashes.push_back(each["hash"].text() + " " + each["variant"].text());
    }
    ASSERT_EQ(event.hashes.size(), 2u);
    EXPECT_EQ(hashes, (std::vector<std::string>{to_hex(event.hashes[0].hash) + " app",
                                                to_hex(event.hashes[1].hash) + " system"}));
    EXPECT_EQ(document.root()["strategy"].text(), "exception");
    EXPECT_EQ(document.root()["algo"].text(), "g1");
}

TEST(Explanation, is_one_object_for_a_message)
{
    EXPECT_EQ(explained(R"("message":"user 5")"),
              R"({"algo":"g1","strategy":"message","confidence":"high","hashes":[{"hash":")"
                  + to_hex(hash_of("g1", "G8:user <n>;"))
                  + R"(","variant":"message"}],"variants":[{"name":"message","contributes":true,"components":[)"
                    R"({"name":"message","value":"user <n>","raw":"user 5","contributes":true,)"
                    R"("hint":"parameterized"}]}],"preceded":[]})");
}

TEST(Explanation, gives_reasons_as_codes)
{
    auto error = [](std::string_view frames, std::string_view more = "") {
        return R"("platform":"native","exception":{"type":"SIGSEGV","value":"v","mechanism":{"synthetic":true},
            "stacktrace":{"frames":[)" + std::string(frames) + "]}}" + std::string(more);
    };
    std::string stack = R"({"function":"main","package":"/app/x","in_app":true},
        {"function":"walk","package":"/app/x","in_app":true},{"function":"walk","package":"/app/x","in_app":true},
        {"function":"read","package":"/lib/libc.so","in_app":false},{"package":"/app/x","in_app":true},
        {"function":"abort","package":"/lib/libc.so"})";
    std::string text = explained(error(stack, R"(,"message":"m")"));
    for (std::string_view hint : {"type_synthetic", "value_ignored_stack_present", "recursion", "not_in_app",
                                  "package_only", "noise_rule"}) {
        EXPECT_NE(text.find("\"hint\":\"" + std::string(hint) + "\""), text.npos) << hint << text;
    }
    EXPECT_NE(text.find(R"("rule":"native:throwing")"), text.npos) << text;
    EXPECT_NE(text.find(R"("preceded":["message"])"), text.npos) << text;
    std::string weak = explained(error(R"({"package":"/app/x"})"));
    EXPECT_NE(weak.find(R"("confidence":"low")"), weak.npos) << weak;
}

TEST(Explanation, shows_what_a_fingerprint_resolved_to)
{
    std::string text = explained(R"("message":"user 5","fingerprint":["{{ message }}","x"])");
    EXPECT_NE(text.find(R"("fingerprint":{"sent":["{{ message }}","x"],"resolved":["user <n>","x"]})"), text.npos) << text;
    EXPECT_NE(text.find(R"("strategy":"fingerprint")"), text.npos) << text;
    EXPECT_NE(text.find(R"("hint":"precedence")"), text.npos) << text;
    text = explained(R"("platform":"javascript","exception":{"type":"ChunkLoadError"})");
    EXPECT_NE(text.find(R"("rule":"built-in: chunkloaderror")"), text.npos) << text;
}

TEST(Explanation, of_a_huge_stack_is_short)
{
    std::string frames;
    for (int i = 0; i < 1000; i++) {
        frames += std::string(i > 0 ? "," : "") + "{\"module\":\"" + std::string(900, 'm') + std::to_string(i) + "\"}";
    }
    std::string text = explained(R"("platform":"python","exception":{"type":"E","stacktrace":{"frames":[)" + frames + "]}}");
    EXPECT_LT(text.size(), 80u * 1024);
    EXPECT_NE(text.find(R"("shortened":true)"), text.npos);
    Json document;
    EXPECT_TRUE(document.parse(text));
}

}
