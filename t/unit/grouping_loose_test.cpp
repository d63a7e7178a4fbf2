/* The loose hash: of type and place alone. */

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/grouping.hpp"

using namespace errtrack;

namespace {

std::optional<Hash> loose(std::string_view members, Algorithm algorithm = newest_algorithm)
{
    EventContext context;
    context.received_at = 1'767'225'600'000'000;
    context.grouping.algorithm = algorithm;
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? event->loose_hash : std::nullopt;
}

std::string error(std::string_view frames, std::string_view type = "E", std::string_view more = "")
{
    return R"("platform":"python","exception":{"type":")" + std::string(type) + R"(","value":"v")" + std::string(more)
           + R"(,"stacktrace":{"frames":[)" + std::string(frames) + "]}}";
}

constexpr std::string_view crash = R"({"module":"shop.cart","function":"total","in_app":true,"context_line":"a","lineno":1})";

TEST(LooseHash, is_of_type_and_the_frame_nearest_to_the_crash)
{
    EXPECT_EQ(loose(error(crash)), hash_of("loose", "T1:E;L9:shop.cart;F5:total;"));
    std::string farther = R"({"module":"shop.base","function":"main","in_app":true},)" + std::string(crash);
    EXPECT_EQ(loose(error(farther)), loose(error(crash)));
    std::string library = std::string(crash) + R"(,{"module":"json","function":"loads","in_app":false})";
    EXPECT_EQ(loose(error(library)), loose(error(crash)));
    EXPECT_EQ(loose(error(R"({"module":"shop.cart","function":"total","in_app":true,"context_line":"b","lineno":9})")),
              loose(error(crash)));
    EXPECT_NE(loose(error(crash, "F")), loose(error(crash)));
    EXPECT_NE(loose(error(R"({"module":"shop.cart","function":"sum","in_app":true})")), loose(error(crash)));
}

TEST(LooseHash, takes_library_frames_where_there_are_no_others_and_never_machinery)
{
    EXPECT_EQ(loose(error(R"({"module":"json","function":"loads","in_app":false})")),
              hash_of("loose", "T1:E;L4:json;F5:loads;"));
    EXPECT_EQ(loose(R"("platform":"native","exception":{"type":"SIGABRT","mechanism":{"synthetic":true},
        "stacktrace":{"frames":[{"function":"walk","package":"/app/x"},{"function":"abort","package":"/lib/libc.so"}]}})"),
              hash_of("loose", "F4:walk;"));
}

TEST(LooseHash, is_the_same_under_every_version_and_fingerprint)
{
    EXPECT_EQ(loose(error(crash), Algorithm::g0), loose(error(crash)));
    EXPECT_EQ(loose(error(crash) + R"(,"fingerprint":["x"])"), loose(error(crash)));
}

TEST(LooseHash, is_of_the_type_where_no_frame_says_anything)
{
    EXPECT_EQ(loose(error("")), hash_of("loose", "T1:E;"));
    EXPECT_EQ(loose(error("{}")), loose(error("")));
    EXPECT_NE(loose(error("", "F")), loose(error("")));
}

TEST(LooseHash, needs_a_type_or_a_place)
{
    EXPECT_FALSE(loose(R"("message":"m")"));
    EXPECT_FALSE(loose(R"("exception":{"value":"v"})"));
    EXPECT_FALSE(loose(R"("platform":"native","exception":{"type":"SIGABRT","mechanism":{"synthetic":true}})"));
}

}
