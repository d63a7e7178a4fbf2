/*
 * The arithmetic of leased quotas: case by case, and as a fleet of edges against one
 * counter, with answers that take their time and some that are lost.
 */

#include "ngx_module/lease.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <tuple>
#include <vector>

namespace errtrack {
namespace {

TEST(Lease, WindowsFollowTheClock)
{
    EXPECT_EQ(window_at(0, 10), 0);
    EXPECT_EQ(window_at(9'999, 10), 0);
    EXPECT_EQ(window_at(10'000, 10), 1);
    EXPECT_EQ(window_at(-5, 10), 0);
    EXPECT_EQ(seconds_left(10'000, 1, 10), 10u);
    EXPECT_EQ(seconds_left(10'001, 1, 10), 10u);
    EXPECT_EQ(seconds_left(19'000, 1, 10), 1u);
    EXPECT_EQ(seconds_left(19'999, 1, 10), 1u);
    EXPECT_EQ(seconds_left(20'500, 1, 10), 1u) << "never 0, nor less";
    EXPECT_EQ(seconds_left(9'000, 1, 10), 10u) << "a clock that is behind";
}

TEST(Lease, ChunksShrinkTowardsTheLimit)
{
    EXPECT_EQ(chunk_of(1, 0), 1u);
    EXPECT_EQ(chunk_of(199, 0), 1u);
    EXPECT_EQ(chunk_of(1'000, 0), 10u);
    EXPECT_EQ(chunk_of(1'000'000'000, 0), 1'000u);
    EXPECT_EQ(chunk_of(1'000, 960), 10u);
    EXPECT_EQ(chunk_of(1'000, 961), 5u);
    EXPECT_EQ(chunk_of(1'000, 999), 1u);
    EXPECT_EQ(chunk_of(1'000, 2'000), 1u);
    EXPECT_EQ(chunk_of(0, 0), 1u);
}

TEST(Lease, GrantsWhatTheCounterStillHad)
{
    for (auto [value, granted] : {std::pair{10u, 10u}, {100u, 10u}, {104u, 6u}, {110u, 0u},
                                  {500u, 0u}})
    {
        QuotaWindow window = {};
        window.enter(7);
        Lease lease = window.begin_lease(100, 10, false);
        EXPECT_EQ(lease.size, 10u);
        EXPECT_EQ(window.end_lease(100, lease, value), granted) << value;
        EXPECT_EQ(window.tokens, granted);
        EXPECT_EQ(window.drained, value >= 100);
    }
}

TEST(Lease, IsWorthlessAfterItsWindow)
{
    QuotaWindow window = {};
    window.enter(7);
    Lease lease = window.begin_lease(100, 10, false);
    window.enter(8);
    EXPECT_EQ(window.end_lease(100, lease, 10), 0u);
    EXPECT_EQ(window.spend(100, 1), Spending::missing);
    window.fail_lease(lease);
    EXPECT_EQ(window.unreported, 0u);
}

TEST(Lease, KeepsTheWindowWhenAClockIsALittleBehind)
{
    QuotaWindow window = {};
    window.enter(8);
    EXPECT_EQ(window.spend_alone(100, 60), Spending::spent);
    window.enter(7);
    EXPECT_EQ(window.spend_alone(100, 60), Spending::refused);
    window.enter(6);
    EXPECT_EQ(window.spend_alone(100, 60), Spending::spent) << "the clock was set back";
}

TEST(Lease, RefusesUntilTheWindowEnds)
{
    QuotaWindow window = {};
    window.enter(7);
    Lease lease = window.begin_lease(3, 3, true);
    EXPECT_EQ(window.end_lease(3, lease, 4), 2u);
    EXPECT_EQ(window.spend(3, 3), Spending::refused);
    EXPECT_FALSE(window.used_up(3)) << "smaller requests still get what there is";
    EXPECT_EQ(window.spend(3, 2), Spending::spent);
    EXPECT_TRUE(window.used_up(3));
    EXPECT_EQ(window.spend(3, 1), Spending::refused);
    EXPECT_EQ(window.spend_alone(3, 1), Spending::refused) << "what the counter said holds";
    window.give_back(7, 1);
    EXPECT_EQ(window.spend(3, 1), Spending::spent);
    window.enter(8);
    EXPECT_FALSE(window.used_up(3));
    EXPECT_EQ(window.spend(3, 1), Spending::missing);
}

TEST(Lease, NeverAsksForWhatCanNeverBeGranted)
{
    QuotaWindow window = {};
    window.enter(7);
    EXPECT_EQ(window.spend(10, 11), Spending::refused);
    EXPECT_EQ(window.spend(10, 10), Spending::missing);
    EXPECT_EQ(window.begin_lease(10, 500, true).size, 10u);
    EXPECT_EQ(window.spend(0, 1), Spending::refused);
    EXPECT_TRUE(window.used_up(0));
}

TEST(Lease, LeasesOnlyWhatIsMissingBesideAChunk)
{
    QuotaWindow window = {};
    window.enter(7);
    window.tokens = 4;
    EXPECT_EQ(window.begin_lease(1'000, 6, false).size, 2u);
    EXPECT_EQ(window.begin_lease(1'000, 6, true).size, 10u);
    EXPECT_EQ(window.begin_lease(1'000, 60, true).size, 56u);
    EXPECT_FALSE(window.low(1'000));
    window.tokens = 1;
    EXPECT_TRUE(window.low(1'000));
    window.drained = true;
    EXPECT_FALSE(window.low(1'000));
}

TEST(Lease, TellsTheCounterWhatWasSpentAlone)
{
    QuotaWindow window = {};
    window.enter(7);
    window.tokens = 2;
    EXPECT_EQ(window.spend_alone(100, 30), Spending::spent);
    EXPECT_EQ(window.unreported, 28u);
    Lease lease = window.begin_lease(100, 5, false);
    EXPECT_EQ(lease.reported, 28u);
    EXPECT_EQ(window.unreported, 0u) << "or another process would tell it too";
    window.fail_lease(lease);
    EXPECT_EQ(window.unreported, 28u);
    lease = window.begin_lease(100, 5, false);
    // Others have 66 of the 100: one is left.
    EXPECT_EQ(window.end_lease(100, lease, 66 + 28 + 5), 5u);
    EXPECT_EQ(window.unreported, 0u);
}

TEST(Lease, WhatIsGivenBackAloneIsStillTold)
{
    QuotaWindow window = {};
    window.enter(7);
    EXPECT_EQ(window.spend_alone(10, 6), Spending::spent);
    window.give_back(7, 6);
    EXPECT_EQ(window.used, 0u);
    EXPECT_EQ(window.tokens, 6u);
    EXPECT_EQ(window.unreported, 6u);
    window.give_back(6, 6);
    EXPECT_EQ(window.tokens, 6u) << "of another window";
}

TEST(Lease, TellsACounterThatHasForgotten)
{
    QuotaWindow window = {};
    window.enter(7);
    Lease lease = window.begin_lease(100, 40, false);
    EXPECT_EQ(window.end_lease(100, lease, 70), 40u);
    EXPECT_EQ(window.spend(100, 40), Spending::spent);
    lease = window.begin_lease(100, 1, false);
    EXPECT_EQ(window.end_lease(100, lease, 1), 1u);
    EXPECT_EQ(window.unreported, 40u) << "ours; the other 30 others tell";
    lease = window.begin_lease(100, 1, false);
    EXPECT_EQ(lease.reported, 40u);
    EXPECT_EQ(window.end_lease(100, lease, 42), 1u);
    EXPECT_EQ(window.unreported, 0u) << "now it knows";
}

/*
 * Edges against one counter. Time goes in ticks; the answer to a lease comes some ticks
 * later. Each edge has several processes, each with one lease under way at most.
 */
struct Simulation {
    struct Flight {
        int edge;
        int process;
        int due;
        Lease lease;
        std::uint64_t value;    /* of the counter */
        bool lost;              /* the answer; the counter has it */
        std::vector<std::uint64_t> waiting;
    };

    static constexpr int processes = 2;

    std::uint64_t limit;
    int ticks;                  /* in a window */
    int edges;
    std::mt19937_64 random;
    int lost_percent = 0;

    std::vector<QuotaWindow> zones = std::vector<QuotaWindow>(static_cast<std::size_t>(edges));
    std::vector<Flight> flights = {};
    std::map<std::int64_t, std::uint64_t> counters = {};
    std::map<std::int64_t, std::uint64_t> granted = {};
    std::map<std::pair<int, std::int64_t>, std::uint64_t> granted_by = {};

    Simulation(std::uint64_t limit_, int edges_, std::uint64_t seed)
        : limit(limit_), ticks(limit_ > 1'000 ? 10'000 : 1'000), edges(edges_), random(seed)
    {
    }

    std::uint64_t upto(std::uint64_t most)
    {
        return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
    }

    Flight *flight_of(int edge, int process)
    {
        auto found = std::find_if(flights.begin(), flights.end(), [&](const Flight &flight) {
            return flight.edge == edge && flight.process == process;
        });
        return found == flights.end() ? nullptr : &*found;
    }

    void lease(int tick, int edge, int process, std::uint64_t wanted,
               std::vector<std::uint64_t> waiting)
    {
        QuotaWindow &zone = zones[static_cast<std::size_t>(edge)];
        bool whole = std::none_of(flights.begin(), flights.end(), [&](const Flight &flight) {
            return flight.edge == edge;
        });
        Lease lease = zone.begin_lease(limit, wanted, whole);
        std::uint64_t value = counters[lease.window] += lease.size + lease.reported;
        flights.push_back({edge, process, tick + 1 + static_cast<int>(upto(3)), lease, value,
                           upto(99) < static_cast<std::uint64_t>(lost_percent),
                           std::move(waiting)});
    }

    void note(int edge, std::uint64_t n)
    {
        std::int64_t window = zones[static_cast<std::size_t>(edge)].number;
        granted[window] += n;
        granted_by[{edge, window}] += n;
    }

    /* True: decided at once. */
    bool request(int tick, int edge, int process, std::uint64_t n)
    {
        QuotaWindow &zone = zones[static_cast<std::size_t>(edge)];
        zone.enter(1 + tick / ticks);
        Flight *flight = flight_of(edge, process);
        switch (zone.spend(limit, n)) {
        case Spending::spent:
            note(edge, n);
            if (zone.low(limit) && flight == nullptr) {
                lease(tick, edge, process, 0, {});
            }
            return true;
        case Spending::refused:
            return true;
        case Spending::missing:
            break;
        }
        if (flight != nullptr) {
            flight->waiting.push_back(n);
        } else {
            lease(tick, edge, process, n, {n});
        }
        return false;
    }

    void arrive(int tick)
    {
        std::vector<Flight> due;
        auto split = std::stable_partition(flights.begin(), flights.end(), [&](const Flight &f) {
            return f.due > tick;
        });
        std::move(split, flights.end(), std::back_inserter(due));
        flights.erase(split, flights.end());
        for (Flight &flight : due) {
            QuotaWindow &zone = zones[static_cast<std::size_t>(flight.edge)];
            zone.enter(1 + tick / ticks);
            if (flight.lost) {
                zone.fail_lease(flight.lease);
            } else {
                zone.end_lease(limit, flight.lease, flight.value);
            }
            for (std::uint64_t n : flight.waiting) {
                if (!flight.lost) {
                    request(tick, flight.edge, flight.process, n);
                } else if (zone.spend_alone(limit, n) == Spending::spent) {
                    note(flight.edge, n);
                }
            }
        }
    }
};

class Fleet : public testing::TestWithParam<std::tuple<std::uint64_t, std::uint64_t>> {
protected:
    std::uint64_t limit = std::get<0>(GetParam());
    std::uint64_t seed = std::get<1>(GetParam());
};

/* Twenty clients that never stop: the limit to the last token. */
TEST_P(Fleet, UsesTheLimitAndNoMore)
{
    constexpr int edges = 3;
    constexpr int clients = 20;
    constexpr int windows = 3;
    Simulation fleet(limit, edges, seed);
    std::uint64_t each = 2 * limit / (static_cast<std::uint64_t>(fleet.ticks) * clients) + 1;
    for (int tick = 0; tick < windows * fleet.ticks; tick++) {
        fleet.arrive(tick);
        for (int client = 0; client < clients; client++) {
            for (std::uint64_t i = 0; i < each; i++) {
                // A client that waits does not ask again.
                if (!fleet.request(tick, static_cast<int>(fleet.upto(edges - 1)),
                                   client % Simulation::processes, 1))
                {
                    break;
                }
            }
        }
    }
    ASSERT_EQ(fleet.granted.size(), static_cast<std::size_t>(windows));
    for (auto [window, sum] : fleet.granted) {
        EXPECT_LE(sum, limit) << "window " << window;
        EXPECT_GE(sum * 100, limit * 95) << "window " << window;
    }
}

/* Edges to which nobody comes any more keep little for themselves. */
TEST_P(Fleet, UsesTheLimitWhenDemandMoves)
{
    constexpr int edges = 3;
    constexpr int windows = 3;
    Simulation fleet(limit, edges, seed);
    std::uint64_t each = limit / static_cast<std::uint64_t>(fleet.ticks) * 2 + 1;
    for (int tick = 0; tick < windows * fleet.ticks; tick++) {
        fleet.arrive(tick);
        int part = tick % fleet.ticks;
        int edge = part < fleet.ticks / 10 ? 0 : part < fleet.ticks / 5 ? 1 : 2;
        int waiting = 0;
        for (std::uint64_t i = 0; i < each && waiting < 20; i++) {
            waiting += !fleet.request(tick, edge, static_cast<int>(i) % Simulation::processes, 1);
        }
    }
    for (auto [window, sum] : fleet.granted) {
        EXPECT_LE(sum, limit) << "window " << window;
        EXPECT_GE(sum * 100, limit * 95) << "window " << window;
    }
}

/* Requests of many items, demand that comes and goes. */
TEST_P(Fleet, NeverGivesMoreWhateverIsAsked)
{
    constexpr int windows = 3;
    for (int edges : {1, 2, 7}) {
        Simulation fleet(limit, edges, seed);
        for (int tick = 0; tick < windows * fleet.ticks; tick++) {
            fleet.arrive(tick);
            std::uint64_t requests = fleet.upto(9);
            for (std::uint64_t i = 0; i < requests; i++) {
                int edge = static_cast<int>(fleet.upto(static_cast<std::uint64_t>(edges) - 1));
                std::uint64_t most = std::max<std::uint64_t>(limit / 300, 5);
                fleet.request(tick, edge, static_cast<int>(fleet.upto(1)), 1 + fleet.upto(most));
            }
        }
        EXPECT_FALSE(fleet.granted.empty());
        for (auto [window, sum] : fleet.granted) {
            EXPECT_LE(sum, limit) << edges << " edges, window " << window;
        }
    }
}

/* Answers that are lost: an edge goes on alone, with its own limit. */
TEST_P(Fleet, KeepsTheLimitOfEachEdgeWhenAnswersAreLost)
{
    constexpr int edges = 3;
    constexpr int windows = 3;
    Simulation fleet(limit, edges, seed);
    fleet.lost_percent = 30;
    for (int tick = 0; tick < windows * fleet.ticks; tick++) {
        fleet.arrive(tick);
        if (tick % fleet.ticks == fleet.ticks / 2) {
            fleet.counters.clear();     // Redis came back empty
        }
        for (int i = 0; i < 20; i++) {
            fleet.request(tick, static_cast<int>(fleet.upto(edges - 1)), i % 2,
                          1 + limit * 3 / static_cast<std::uint64_t>(fleet.ticks) / 20);
        }
    }
    for (auto [where, sum] : fleet.granted_by) {
        EXPECT_LE(sum, limit) << "edge " << where.first << ", window " << where.second;
    }
    // What a lost answer granted is counted and not spent: less than the limit, not nothing.
    for (auto [window, sum] : fleet.granted) {
        EXPECT_GE(sum * 2, limit) << "window " << window;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Lease, Fleet,
    testing::Combine(testing::Values(1, 3, 10, 99, 1'000, 1'000'000),
                     testing::Values(1, 2, 3)));

}
}
