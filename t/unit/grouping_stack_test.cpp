/* Recursion, noise, and groups of exceptions: what is one error whatever its depth, its
 * machine or the number of its members. And which exception names it. */

#include <string>

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"

using namespace errtrack;

namespace {

Event event_of(const std::string &members)
{
    EventContext context;
    context.received_at = 1'767'225'600'000'000;
    std::optional<Event> event = parse_event("{" + members + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? std::move(*event) : Event();
}

/* A stack of frames with one-letter functions, all of the application. */
std::string stack(std::string_view functions, std::string_view type = "E", std::string_view value = "v")
{
    std::string frames;
    for (char c : functions) {
        frames += (frames.empty() ? "" : ",") + std::string(R"({"module":"m","function":")") + c + R"(","in_app":true})";
    }
    return R"("platform":"python","exception":{"type":")" + std::string(type) + R"(","value":")" + std::string(value)
           + R"(","stacktrace":{"frames":[)" + frames + "]}}";
}

bool same(const std::string &a, const std::string &b)
{
    return event_of(a).hashes == event_of(b).hashes;
}

std::string repeated(std::string_view part, int times)
{
    std::string out;
    for (int i = 0; i < times; i++) {
        out += part;
    }
    return out;
}

TEST(Recursion, cycles_of_up_to_eight_frames_collapse)
{
    for (std::string_view cycle : {"a", "ab", "abc", "abcdefgh"}) {
        EXPECT_TRUE(same(stack("x" + repeated(cycle, 3) + "y"), stack("x" + repeated(cycle, 90) + "y"))) << cycle;
    }
    EXPECT_FALSE(same(stack("x" + repeated("abcdefghi", 3) + "y"), stack("x" + repeated("abcdefghi", 5) + "y")));
    EXPECT_FALSE(same(stack("xaby"), stack("xbay")));
}

TEST(Recursion, inner_cycles_of_varying_length_collapse_too)
{
    EXPECT_TRUE(same(stack("xabbbcabcabbcy"), stack("xabcabbcabbbbcabcy")));
}

TEST(Recursion, of_an_exhausted_stack_only_the_cycle_counts)
{
    EXPECT_TRUE(same(stack("xy" + repeated("ab", 40) + "c", "RecursionError"),
                     stack(repeated("ba", 60) + "z", "RecursionError")));
    EXPECT_FALSE(same(stack("xy" + repeated("ab", 40) + "c"), stack(repeated("ba", 60) + "z")));
    EXPECT_TRUE(same(stack("x" + repeated("a", 40), "RangeError", "Maximum call stack size exceeded"),
                     stack("y" + repeated("a", 50), "RangeError", "Maximum call stack size exceeded")));
}

TEST(Recursion, placeholders_are_not_one_function)
{
    auto hidden = [](std::string_view lines) {
        std::string frames;
        for (char line : lines) {
            frames += (frames.empty() ? "" : ",")
                      + std::string(R"({"module":"m","function":"<private>","in_app":true,"lineno":)") + line + "}";
        }
        return R"("platform":"python","exception":{"type":"E","stacktrace":{"frames":[)" + frames + "]}}";
    };
    EXPECT_FALSE(same(hidden("12"), hidden("123")));
    EXPECT_TRUE(same(hidden("12"), hidden("122")));
}

std::string native(std::string_view frames)
{
    std::string list;
    for (std::size_t at = 0; at < frames.size();) {
        std::size_t end = std::min(frames.find(' ', at), frames.size());
        list += (list.empty() ? "" : ",") + std::string(R"({"package":"/opt/app","in_app":true,"function":")")
                + std::string(frames.substr(at, end - at)) + "\"}";
        at = end + 1;
    }
    return R"("platform":"native","exception":{"type":"E","stacktrace":{"frames":[)" + list + "]}}";
}

TEST(Noise, machinery_is_left_out_with_what_lies_behind_it)
{
    EXPECT_TRUE(same(native("main work"), native("__libc_start_main main work raise gsignal abort_handler")));
    EXPECT_TRUE(same(native("work"), native("boot start_thread work")));
    EXPECT_TRUE(same(native("main work"), native("main work _sigtramp write_dump")));
    EXPECT_TRUE(same(native("main std::panicking::try work"), native("main work")));
    EXPECT_FALSE(same(native("main work"), native("main workload")));
}

TEST(Noise, soft_noise_counts_when_nothing_else_does)
{
    EXPECT_TRUE(same(native("main std::sort work"), native("main work")));
    EXPECT_FALSE(same(native("std::sort"), native("std::find")));
    EXPECT_TRUE(same(native("main malloc _int_malloc"), native("main malloc malloc_consolidate")));
    EXPECT_FALSE(same(native("main malloc"), native("main")));
}

struct Member {
    std::string_view type;
    std::string_view mechanism;
};

std::string exceptions(std::initializer_list<Member> members)
{
    std::string list;
    for (const Member &each : members) {
        list += (list.empty() ? "" : ",") + std::string(R"({"type":")") + std::string(each.type)
                + R"(","mechanism":{)" + std::string(each.mechanism) + "}}";
    }
    return "\"exception\":[" + list + "]";
}

constexpr std::string_view group = R"("exception_id":0,"is_exception_group":true)";
constexpr std::string_view first = R"("exception_id":1,"parent_id":0)";
constexpr std::string_view second = R"("exception_id":2,"parent_id":0)";

TEST(ExceptionGroups, equal_members_count_once_and_name_the_error)
{
    std::string one = exceptions({{"A", first}, {"Group", group}});
    EXPECT_TRUE(same(one, exceptions({{"A", second}, {"A", first}, {"Group", group}})));
    EXPECT_TRUE(same(one, exceptions({{"A", first}})));
    EXPECT_EQ(event_of(one).title, "A");
    EXPECT_EQ(event_of(exceptions({{"B", second}, {"A", first}, {"Group", group}})).title, "Group");
}

TEST(ExceptionGroups, the_order_of_members_does_not_count)
{
    EXPECT_TRUE(same(exceptions({{"B", second}, {"A", first}, {"Group", group}}),
                     exceptions({{"A", second}, {"B", first}, {"Group", group}})));
    EXPECT_FALSE(same(exceptions({{"B", second}, {"A", first}, {"Group", group}}),
                      exceptions({{"C", second}, {"A", first}, {"Group", group}})));
}

TEST(ExceptionGroups, malformed_trees_are_chains)
{
    for (std::string_view wrong : {
             R"("exception_id":1)", R"("exception_id":1,"parent_id":1)", R"("exception_id":1,"parent_id":7)",
             R"("exception_id":0,"parent_id":0)", R"("parent_id":0)", R"("exception_id":"1","parent_id":0)"}) {
        EXPECT_EQ(event_of(exceptions({{"A", wrong}, {"Group", group}})).title, "Group") << wrong;
    }
    std::string cycle = exceptions({{"A", R"("exception_id":1,"parent_id":2)"},
                                    {"B", R"("exception_id":2,"parent_id":1)"}, {"Group", group}});
    EXPECT_EQ(event_of(cycle).title, "Group");
}

TEST(Titles, of_wrappers_are_those_of_their_cause)
{
    EXPECT_EQ(event_of(R"("exception":[{"type":"TypeError","value":"x","mechanism":{"source":"cause"}},
        {"type":"Error","value":"There was an error during concurrent rendering but React was able to recover"}])").title,
              "TypeError: x");
    EXPECT_EQ(event_of(R"("platform":"java","exception":[{"type":"Boom","value":"x"},
        {"type":"io.reactivex.exceptions.UndeliverableException","mechanism":{"type":"UncaughtExceptionHandler"}}])").title,
              "Boom: x");
    EXPECT_EQ(event_of(R"("exception":[{"type":"Cause"},{"type":"Outer","value":"y"}])").title, "Outer: y");
}

TEST(Titles, of_reports_of_browsers)
{
    EXPECT_EQ(event_of(R"("platform":"javascript","csp":{"effective_directive":"script-src","blocked_uri":
        "https://evil.example:444/a.js","document_uri":"https://shop.example/"})").title,
              "Blocked 'script-src' from 'evil.example'");
    EXPECT_EQ(event_of(R"("hpkp":{"hostname":"Shop.example"})").title, "Public key pinning failed for 'shop.example'");
}

TEST(Types, without_what_compilers_put_into_them)
{
    auto typed = [](std::string_view platform, std::string_view type) {
        return "\"platform\":\"" + std::string(platform) + R"(","exception":{"value":"v","type":")" + std::string(type) + "\"}";
    };
    EXPECT_TRUE(same(typed("javascript", "t"), typed("javascript", "Error")));
    EXPECT_FALSE(same(typed("python", "t"), typed("python", "Error")));
    EXPECT_TRUE(same(typed("csharp", "Fault`1[[A, Version=1]]"), typed("csharp", "Fault")));
    EXPECT_TRUE(same(typed("php", "X@anonymous/srv/a.php:1"), typed("php", "X@anonymous")));
}

TEST(GenericTypes, take_their_value_along)
{
    std::string go = R"("platform":"go","exception":{"type":"*errors.errorString","value":"%","stacktrace":{"frames":[
        {"module":"shop.example/report","function":"Send","in_app":true}]}})";
    auto with = [&](std::string_view value) { return std::string(go).replace(go.find('%'), 1, value); };
    EXPECT_FALSE(same(with("disk full"), with("no route")));
    EXPECT_TRUE(same(with("job 12 failed"), with("job 7 failed")));
}

}
