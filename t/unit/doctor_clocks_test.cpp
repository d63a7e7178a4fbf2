/*
 * When errtrack doctor takes a clock for wrong.
 */

#include <gtest/gtest.h>

#include "worker/admin_doctor_findings.hpp"

namespace errtrack {
namespace {

double now()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Finding of_a_clock_that_is(double seconds)
{
    Findings findings;
    compare_clocks(findings, "Redis", [&] { return now() + seconds; });
    EXPECT_EQ(findings.size(), 1u);
    return findings.at(0);
}

TEST(DoctorClocks, GoWithThisHostUpToTwoSeconds)
{
    EXPECT_EQ(of_a_clock_that_is(0).level, "ok");
    EXPECT_EQ(of_a_clock_that_is(1).level, "ok");
    EXPECT_EQ(of_a_clock_that_is(-1).level, "ok");
}

TEST(DoctorClocks, AreAheadOrBehind)
{
    Finding ahead = of_a_clock_that_is(30.5);
    EXPECT_EQ(ahead.level, "warning");
    EXPECT_EQ(ahead.what, "the clock of Redis is 30 s ahead of that of this host");
    Finding behind = of_a_clock_that_is(-100.5);
    EXPECT_EQ(behind.level, "failing");
    EXPECT_EQ(behind.what, "the clock of Redis is 100 s behind that of this host");
    EXPECT_EQ(behind.advice, "let NTP set both");
}

}
}
