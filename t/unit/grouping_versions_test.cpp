/* Versions of the grouping algorithm: what a project that switches gets of both. */

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/grouping.hpp"

using namespace errtrack;

namespace {

constexpr std::int64_t received_at = 1'767'225'600'000'000;

constexpr std::string_view error = R"("transaction":"/cart","exception":{"type":"E","value":"v","stacktrace":{"frames":[
    {"module":"lib","function":"g","in_app":false},{"module":"app","function":"f","in_app":true}]}})";

Event event_of(std::string_view members, const ProjectGrouping &grouping)
{
    EventContext context;
    context.received_at = received_at;
    context.grouping = grouping;
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? std::move(*event) : Event();
}

ProjectGrouping by(Algorithm algorithm)
{
    ProjectGrouping grouping;
    grouping.algorithm = algorithm;
    return grouping;
}

/* From one to the other, until so many microseconds after the event. */
ProjectGrouping switching(Algorithm from, Algorithm to, std::int64_t left)
{
    ProjectGrouping grouping = by(to);
    grouping.previous = from;
    grouping.previous_until = received_at + left;
    return grouping;
}

TEST(Versions, have_names)
{
    EXPECT_EQ(algorithm_named("g0"), Algorithm::g0);
    EXPECT_EQ(algorithm_named(to_text(newest_algorithm)), newest_algorithm);
    for (std::string_view name : {"", "g", "g9", "G1", "g1 "}) {
        EXPECT_FALSE(algorithm_named(name)) << name;
    }
}

TEST(Versions, g0_goes_by_type_and_transaction)
{
    Event event = event_of(error, by(Algorithm::g0));
    ASSERT_EQ(event.hashes.size(), 1u);
    EXPECT_EQ(event.hashes[0], (GroupingHash{hash_of("g0", "T1:E;W5:/cart;"), "type"}));
    std::string why = explain_grouping(*event.grouping);
    EXPECT_NE(why.find(R"("algo":"g0")"), why.npos) << why;
    EXPECT_NE(why.find(R"({"name":"transaction","value":"/cart","contributes":true})"), why.npos) << why;
    EXPECT_EQ(event_of(R"("message":"m")", by(Algorithm::g0)).hashes[0].hash, hash_of("g0", "G1:m;"));
}

TEST(Versions, give_checksums_and_fingerprints_the_same_hash)
{
    for (std::string_view members : {R"("checksum":"abc")", R"("fingerprint":["a"],"message":"m")",
                                     R"("platform":"javascript","exception":{"type":"ChunkLoadError"})"}) {
        EXPECT_EQ(event_of(members, by(Algorithm::g0)).hashes, event_of(members, by(Algorithm::g1)).hashes) << members;
        EXPECT_TRUE(event_of(members, switching(Algorithm::g0, Algorithm::g1, 1)).previous_hashes.empty()) << members;
    }
    constexpr std::string_view hybrid = R"("fingerprint":["{{ default }}","a"],"message":"m")";
    EXPECT_NE(event_of(hybrid, by(Algorithm::g0)).hashes, event_of(hybrid, by(Algorithm::g1)).hashes);
}

TEST(Versions, both_are_there_while_a_project_switches)
{
    for (auto [from, to] : {std::pair(Algorithm::g0, Algorithm::g1), std::pair(Algorithm::g1, Algorithm::g0)}) {
        Event event = event_of(error, switching(from, to, 1));
        EXPECT_EQ(event.hashes, event_of(error, by(to)).hashes);
        EXPECT_EQ(event.previous_hashes, event_of(error, by(from)).hashes);
        EXPECT_EQ(event.previous_algorithm, from);
    }
    EXPECT_TRUE(event_of(error, switching(Algorithm::g0, Algorithm::g1, 0)).previous_hashes.empty());
    EXPECT_TRUE(event_of(error, by(Algorithm::g1)).previous_hashes.empty());
}

TEST(Versions, explanations_tell_when_the_one_before_has_decided)
{
    Event event = event_of(error, switching(Algorithm::g0, Algorithm::g1, 1));
    std::string hash = to_hex(event.previous_hashes[0].hash);
    std::string why = explain_grouping(*event.grouping, {event.previous_algorithm, hash});
    EXPECT_NE(why.find(R"("matched_by":{"algo":"g0","hash":")" + hash + "\"}"), why.npos) << why;
    EXPECT_EQ(explain_grouping(*event.grouping).find("matched_by"), why.npos);
}

}
