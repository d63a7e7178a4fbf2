/* Times in all forms, and what is made of them. */

#include "worker/timestamp.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t received = 1'675'278'725 * second;

TEST(Timestamp, is_read_as_it_is_written)
{
    for (std::int64_t time : {received, received + 123456, std::int64_t(0), -1 * second, -1 * hour * 24 * 365 * 1000}) {
        EXPECT_EQ(parse_timestamp(format_timestamp(time)), time) << format_timestamp(time);
    }
    EXPECT_EQ(format_timestamp(received + 500), "2023-02-01T19:12:05.000500Z");
}

void expect_corrected(std::optional<std::int64_t> time, std::optional<std::int64_t> sent_at,
                      std::int64_t wanted, std::int64_t shift, std::string_view why)
{
    CorrectedTime corrected = correct_time(time, received, sent_at);
    EXPECT_EQ(corrected.time, wanted);
    EXPECT_EQ(corrected.shift, shift);
    EXPECT_EQ(corrected.why, why);
}

TEST(Timestamp, drift_of_the_clock)
{
    expect_corrected(received - hour, {}, received - hour, 0, "");
    expect_corrected(received - hour, received - hour + 6 * 60 * second, received - hour, 0, "");
    expect_corrected(received - hour, received - 55 * 60 * second, received - 5 * 60 * second,
                     55 * 60 * second, "clock_drift");
    expect_corrected(received + 3 * hour, received + 3 * hour, received, -3 * hour, "clock_drift");
    expect_corrected({}, received - 3 * hour, received, 3 * hour, "clock_drift");
    expect_corrected({}, {}, received, 0, "");
}

TEST(Timestamp, that_cannot_be)
{
    expect_corrected(received + 60 * second, {}, received + 60 * second, 0, "");
    expect_corrected(received + 61 * second, {}, received, -61 * second, "future_timestamp");
    expect_corrected(received - 30 * 24 * hour, {}, received - 30 * 24 * hour, 0, "");
    expect_corrected(received - 30 * 24 * hour - 1, {}, received, 30 * 24 * hour + 1, "past_timestamp");
}

}
