/*
 * What may be brought with unknown keys: so much by one address, so much by all.
 */

#include "ngx_module/unverified.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

int spent(UnverifiedBudget &budget, std::uint64_t address, std::size_t bytes, std::time_t now)
{
    int times = 0;
    while (budget.spend(address, bytes, now)) {
        times++;
    }
    return times;
}

TEST(Unverified, AnAddressHasAMegabyteAMinute)
{
    UnverifiedBudget budget;
    EXPECT_EQ(spent(budget, 1, mebibyte / 4, 60), 4);
    EXPECT_EQ(spent(budget, 2, mebibyte / 4, 119), 4);
    EXPECT_EQ(spent(budget, 1, mebibyte / 4, 119), 0);
    EXPECT_EQ(spent(budget, 1, mebibyte / 4, 120), 4);
}

TEST(Unverified, AllOfThemHaveSixteen)
{
    UnverifiedBudget budget;
    int times = 0;
    for (std::uint64_t address = 0; address < 40; address++) {
        times += spent(budget, address, mebibyte, 60);
    }
    EXPECT_EQ(times, 16);
}

TEST(Unverified, ASmallReportIsAQuestionToo)
{
    UnverifiedBudget budget;
    EXPECT_EQ(spent(budget, 1, 1, 60), 256);
    EXPECT_EQ(spent(budget, 2, 4097, 60), 255);
}

}
}
