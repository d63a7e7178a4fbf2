/* The pairs of t/grouping/cases.jsonl: which events are the same error, in both orders. And
 * t/grouping/g1.jsonl: the hashes of these events, which algorithm g1 keeps for ever. What
 * would change one of them is another algorithm. */

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/json.hpp"
#include "worker/repair.hpp"

using namespace errtrack;

namespace {

std::vector<GroupingHash> hashes(JsonValue event)
{
    EventContext context;
    context.received_at = 1'767'225'600'000'000;
    std::optional<Event> parsed = parse_event(event.raw(), context);
    EXPECT_TRUE(parsed);
    return parsed ? parsed->hashes : std::vector<GroupingHash>();
}

/* Whether an event with the other hashes joins the issue that these have made. */
bool joins(const std::vector<GroupingHash> &known, const std::vector<GroupingHash> &other)
{
    return std::any_of(other.begin(), other.end(), [&](const GroupingHash &each) {
        return std::any_of(known.begin(), known.end(),
                           [&](const GroupingHash &has) { return has.hash == each.hash; });
    });
}

TEST(GroupingCases, pairs_are_the_same_error_or_not)
{
    std::ifstream file("t/grouping/cases.jsonl");
    ASSERT_TRUE(file) << "run from the top of the tree";
    std::size_t pairs = 0;
    for (std::string line; std::getline(file, line); pairs++) {
        Json document;
        std::string buffer;
        ASSERT_TRUE(document.parse(repair(line, buffer))) << line;
        JsonValue pair = document.root();
        std::vector<GroupingHash> a = hashes(pair["a"]);
        std::vector<GroupingHash> b = hashes(pair["b"]);
        std::optional<bool> same = pair["same"].boolean();
        ASSERT_TRUE(same) << line;
        EXPECT_EQ(joins(a, b), *same) << pair["name"].text() << ": " << pair["why"].text();
        EXPECT_EQ(joins(b, a), *same) << pair["name"].text() << ": " << pair["why"].text();
    }
    EXPECT_EQ(pairs, 187u);
}

std::vector<std::string> texts(JsonValue list)
{
    std::vector<std::string> all;
    for (JsonValue each : list) {
        all.push_back(each.text());
    }
    return all;
}

std::vector<std::string> in_hex(const std::vector<GroupingHash> &hashes)
{
    std::vector<std::string> all;
    for (const GroupingHash &each : hashes) {
        all.push_back(to_hex(each.hash));
    }
    return all;
}

TEST(GroupingCases, hashes_of_g1_never_change)
{
    std::ifstream cases("t/grouping/cases.jsonl");
    std::ifstream fixed("t/grouping/g1.jsonl");
    std::size_t pairs = 0;
    std::string line;
    for (std::string expected; std::getline(cases, line) && std::getline(fixed, expected); pairs++) {
        Json pair;
        Json kept;
        std::string buffer;
        ASSERT_TRUE(pair.parse(repair(line, buffer)) && kept.parse(expected)) << expected;
        ASSERT_EQ(pair.root()["name"].text(), kept.root()["name"].text());
        for (std::string_view side : {"a", "b"}) {
            EXPECT_EQ(in_hex(hashes(pair.root()[side])), texts(kept.root()[side])) << expected;
        }
    }
    EXPECT_EQ(pairs, 187u);
}

}
