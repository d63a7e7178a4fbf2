/* What rules would do to events: which issues lose some, and where these go. */

#include "worker/rule_trial.hpp"

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/grouping_rules.hpp"

using namespace errtrack;

namespace {

ProjectGrouping by(std::string_view fingerprint_rule)
{
    auto rules = std::make_shared<GroupingRules>();
    if (!fingerprint_rule.empty()) {
        EXPECT_EQ(rules->add_fingerprint_rule(fingerprint_rule), "");
    }
    ProjectGrouping grouping;
    grouping.rules = rules;
    return grouping;
}

std::string error(std::string_view type)
{
    return R"({"exception":{"type":")" + std::string(type) + R"(","value":"x"}})";
}

/* The hash that the event of a type would have under a rule. */
std::string hash_of(std::string_view rule, std::string_view type)
{
    EventContext context;
    context.grouping = by(rule);
    return to_hex(parse_event(error(type), context)->hashes.front().hash);
}

constexpr std::string_view joins = "type:Timeout* -> slow";

TEST(RuleTrial, tells_of_nothing_where_nothing_changes)
{
    RuleTrial trial(by(""), by("type:None -> none"));
    trial.look_at("e1", 1, error("TimeoutA"));
    EXPECT_TRUE(trial.changed_hashes().empty());
    EXPECT_EQ(trial.result({}, true), R"({"events":1,"changed":0,"complete":true,"issues":[],"moves":[]})");
}

TEST(RuleTrial, follows_events_into_a_new_issue)
{
    RuleTrial trial(by(""), by(joins));
    trial.look_at("e4", 1, error("TimeoutA"));
    trial.look_at("e3", 2, error("TimeoutB"));
    trial.look_at("e2", 1, error("TimeoutA"));
    trial.look_at("e1", 1, error("Other"));
    EXPECT_EQ(trial.changed_hashes(), std::vector<std::string>{hash_of(joins, "TimeoutA")});
    std::string slow = hash_of(joins, "TimeoutB");
    EXPECT_EQ(trial.result({}, true),
              R"({"events":4,"changed":3,"complete":true,"issues":[{"id":1,"events":3},{"id":2,"events":1}],"moves":[)"
              R"({"from":1,"to":null,"group":")" + slow + R"(","events":2,"example":"e4"},)"
              R"({"from":2,"to":null,"group":")" + slow + R"(","events":1,"example":"e3"}]})");
}

TEST(RuleTrial, follows_events_into_issues_that_there_are)
{
    RuleTrial trial(by(""), by(joins));
    trial.look_at("e2", 1, error("TimeoutA"));
    trial.look_at("e1", 2, error("TimeoutB"));
    EXPECT_EQ(trial.result({{hash_of(joins, "TimeoutA"), 2}}, false),
              R"({"events":2,"changed":2,"complete":false,"issues":[{"id":1,"events":1}],)"
              R"("moves":[{"from":1,"to":2,"group":null,"events":1,"example":"e2"}]})");
}

TEST(RuleTrial, tells_issues_apart_that_rules_have_held_together)
{
    RuleTrial trial(by(joins), by(""));
    trial.look_at("e2", 1, error("TimeoutA"));
    trial.look_at("e1", 1, error("TimeoutB"));
    std::string told = trial.result({}, true);
    EXPECT_NE(told.find(hash_of("", "TimeoutA")), told.npos) << told;
    EXPECT_NE(told.find(hash_of("", "TimeoutB")), told.npos) << told;
}

TEST(RuleTrial, passes_over_bodies_that_are_none)
{
    RuleTrial trial(by(""), by(joins));
    trial.look_at("e1", 1, "");
    trial.look_at("e2", 1, "[]");
    EXPECT_EQ(trial.result({}, true), R"({"events":0,"changed":0,"complete":true,"issues":[],"moves":[]})");
}

TEST(RuleTrial, keeps_the_greatest_moves)
{
    RuleTrial trial(by(""), by("type:T* -> {{ type }}"));
    for (std::size_t i = 0; i < RuleTrial::max_moves + 5; i++) {
        trial.look_at("e", static_cast<std::int64_t>(i + 1), error("T" + std::string(i % 26 + 1, 'a')));
    }
    std::string told = trial.result({}, true);
    EXPECT_NE(told.find("\"complete\":false"), told.npos);
}

}
