/* The pairs of t/grouping/cases.jsonl: which events are the same error, in both orders. */

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

}
