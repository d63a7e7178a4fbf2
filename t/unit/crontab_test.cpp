/*
 * Schedules as crontab(5) has them, and texts that are none.
 */

#include "worker/crontab.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

/* The numbers of a field: "0,15,30". */
std::string numbers(const Crontab::Field &field)
{
    std::string text;
    for (std::size_t i = 0; i < field.size(); i++) {
        text += field[i] ? (text.empty() ? "" : ",") + std::to_string(i) : "";
    }
    return text;
}

TEST(Crontab, Fields)
{
    auto tab = parse_crontab("*/15 0,6-8 1-10/3 JAN,mar 1-5");
    ASSERT_TRUE(tab);
    EXPECT_EQ(numbers(tab->minutes), "0,15,30,45");
    EXPECT_EQ(numbers(tab->hours), "0,6,7,8");
    EXPECT_EQ(numbers(tab->days), "1,4,7,10");
    EXPECT_EQ(numbers(tab->months), "1,3");
    EXPECT_EQ(numbers(tab->weekdays), "1,2,3,4,5");
    EXPECT_TRUE(tab->either);
    EXPECT_EQ(numbers(parse_crontab("50/5 * * * *")->minutes), "50,55");
    EXPECT_EQ(numbers(parse_crontab("0 0 * * sun-tue")->weekdays), "0,1,2");
    EXPECT_EQ(numbers(parse_crontab("0 0 * * 5-7")->weekdays), "0,5,6");
}

TEST(Crontab, OneOfTwoDaysWillDoOnlyWhenBothAreRestricted)
{
    EXPECT_TRUE(parse_crontab("0 0 1 * 1")->either);
    EXPECT_FALSE(parse_crontab("0 0 * * 1")->either);
    EXPECT_FALSE(parse_crontab("0 0 1 * *")->either);
    EXPECT_FALSE(parse_crontab("0 0 */2 * 1")->either);
}

TEST(Crontab, Words)
{
    EXPECT_EQ(numbers(parse_crontab("@hourly")->minutes), "0");
    EXPECT_EQ(numbers(parse_crontab(" @Weekly ")->weekdays), "0");
    EXPECT_EQ(numbers(parse_crontab("@yearly")->months), "1");
}

TEST(Crontab, WhatIsNone)
{
    for (std::string none : {"", "* * * *", "* * * * * *", "99 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
                             "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "1, * * * *", ",1 * * * *", "a * * * *", "* * * an *",
                             "-1 * * * *", "1- * * * *", "/ * * * *", "@reboot", "0 0 31 2 *", "0 0 31 4,6 *"}) {
        EXPECT_FALSE(parse_crontab(none)) << none;
    }
    EXPECT_FALSE(parse_crontab("0" + std::string(300, ' ') + " * * * *"));
    EXPECT_TRUE(parse_crontab("0 0 29 2 *"));
    EXPECT_TRUE(parse_crontab("0 0 31 2 1")) << "Mondays will do";
}

}
}
