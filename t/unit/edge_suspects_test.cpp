/*
 * Who is refused after bombs, and for how long.
 */

#include "ngx_module/suspects.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

constexpr unsigned most = Suspects::most_bombs;
constexpr std::uint64_t period = Suspects::period;

TEST(EdgeSuspects, FewBombsAreNoFlood)
{
    Suspects suspects;
    for (unsigned i = 0; i + 1 < most; i++) {
        EXPECT_FALSE(suspects.refused(1, "192.0.2.1", i));
        suspects.bomb(1, "192.0.2.1", i);
    }
    EXPECT_FALSE(suspects.refused(1, "192.0.2.1", most));
}

TEST(EdgeSuspects, SeveralAreUntilTheirPeriodIsOver)
{
    Suspects suspects;
    for (unsigned i = 0; i < most; i++) {
        suspects.bomb(1, "192.0.2.1", 1'000 + i);
    }
    EXPECT_TRUE(suspects.refused(1, "192.0.2.1", 1'000 + most));
    EXPECT_TRUE(suspects.refused(1, "192.0.2.1", 1'000 + period - 1));
    EXPECT_FALSE(suspects.refused(1, "192.0.2.1", 1'000 + period));
    suspects.bomb(1, "192.0.2.1", 1'000 + period);
    EXPECT_FALSE(suspects.refused(1, "192.0.2.1", 1'000 + period)) << "they are counted anew";
}

TEST(EdgeSuspects, BombsThatComeSeldomAreNotSummed)
{
    Suspects suspects;
    for (unsigned i = 0; i < 3 * most; i++) {
        suspects.bomb(1, "192.0.2.1", i * period);
        EXPECT_FALSE(suspects.refused(1, "192.0.2.1", i * period));
    }
}

TEST(EdgeSuspects, OthersAreNotConcerned)
{
    Suspects suspects;
    for (unsigned i = 0; i < most; i++) {
        suspects.bomb(1, "192.0.2.1", i);
    }
    EXPECT_FALSE(suspects.refused(1, "192.0.2.2", most)) << "another address";
    EXPECT_FALSE(suspects.refused(2, "192.0.2.1", most)) << "another key";
}

}
