/*
 * The counters of the edge on plain memory: no count is lost or published twice, whoever
 * adds and publishes at the same time, and the metrics say what was counted.
 */

#include "ngx_module/counter_table.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace errtrack {
namespace {

using Table = std::unique_ptr<LedgerTable>;

Table new_table()
{
    return Table(new LedgerTable{});
}

/* What a Redis would hold, field by field. Fails when a field becomes smaller. */
struct Published {
    std::map<std::tuple<std::uint64_t, std::uint64_t, std::size_t>, std::uint64_t> fields;

    void take(const LedgerTable::Batch &batch)
    {
        for (const LedgerTable::Field &field : batch.fields) {
            std::uint64_t &value = fields[{field.hour, field.project, field.reason}];
            EXPECT_GE(field.value, value) << "hour " << field.hour << " project " << field.project;
            value = field.value;
        }
    }

    std::uint64_t of(std::uint64_t hour, std::uint64_t project, std::string_view reason) const
    {
        auto found = fields.find({hour, project, reason_index(reason)});
        return found == fields.end() ? 0 : found->second;
    }

    std::uint64_t total() const
    {
        std::uint64_t sum = 0;
        for (const auto &[field, value] : fields) {
            sum += value;
        }
        return sum;
    }
};

void publish(LedgerTable &table, std::uint64_t hour, Published &redis)
{
    LedgerTable::Batch batch = table.collect(hour);
    redis.take(batch);
    table.published(batch, hour);
}

TEST(Reasons, HaveEveryWordThatARequestMayBeRefusedWith)
{
    // The sources are where the compiler found them, or the tests run in their folder.
    std::string path = __FILE__;
    path.replace(path.rfind("t/unit/"), std::string::npos, "worker/outcome.hpp");
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    std::string all = text.str();
    std::size_t from = all.find("namespace reason {");
    ASSERT_NE(from, std::string::npos) << path;
    all = all.substr(from, all.find("\n}", from) - from);
    std::regex word("= \"([a-z_]*)\"");
    std::size_t words = 0;
    for (std::sregex_iterator it(all.begin(), all.end(), word), end; it != end; ++it, words++) {
        std::string reason = (*it)[1];
        EXPECT_EQ(reason_words[reason_index(reason)], reason);
    }
    EXPECT_EQ(words + 1, reasons) << "a word more, or one that outcome.hpp does not have";
}

TEST(Reasons, AreDifferent)
{
    std::set<std::string_view> different(reason_words.begin(), reason_words.end());
    EXPECT_EQ(different.size(), reasons);
    EXPECT_EQ(reason_index(""), 0u);
    EXPECT_EQ(reason_words[reason_index("no such word")], "other");
}

TEST(EdgeName, IsFitForAKey)
{
    EXPECT_EQ(edge_name("edge-1.example.com"), "edge-1.example.com");
    EXPECT_EQ(edge_name("a b:c\n{d}"), "a-b-c--d-");
    EXPECT_EQ(edge_name(""), "edge");
    EXPECT_EQ(edge_name(std::string(300, 'x')), std::string(64, 'x'));
}

TEST(Ledger, PublishesWhatHasChanged)
{
    Table table = new_table();
    EXPECT_TRUE(table->collect(100).fields.empty());
    table->add(100, 7, 0);
    table->add(100, 7, 0);
    table->add(100, 7, reason_index("too_large"));
    table->add(100, 0, reason_index("auth_missing"));
    Published redis;
    publish(*table, 100, redis);
    EXPECT_EQ(redis.fields.size(), 3u);
    EXPECT_EQ(redis.of(100, 7, ""), 2u);
    EXPECT_EQ(redis.of(100, 7, "too_large"), 1u);
    EXPECT_EQ(redis.of(100, 0, "auth_missing"), 1u);
    EXPECT_TRUE(table->collect(100).fields.empty());

    table->add(101, 7, 0);
    table->add(100, 7, 0);
    LedgerTable::Batch batch = table->collect(101);
    ASSERT_EQ(batch.fields.size(), 2u);
    EXPECT_EQ(batch.fields[0].hour, 100u);
    EXPECT_EQ(batch.fields[0].value, 3u);
    EXPECT_EQ(batch.fields[1].hour, 101u);
    EXPECT_EQ(batch.fields[1].value, 1u);
}

TEST(Ledger, RepeatsWhatWasNotAcknowledged)
{
    Table table = new_table();
    table->add(100, 7, 0);
    LedgerTable::Batch lost = table->collect(100);
    EXPECT_EQ(lost.fields.size(), 1u);
    table->add(100, 7, 0);
    LedgerTable::Batch batch = table->collect(100);
    ASSERT_EQ(batch.fields.size(), 1u);
    EXPECT_EQ(batch.fields[0].value, 2u);

    // What came after it was collected is still to be published.
    table->add(100, 7, 0);
    table->published(batch, 100);
    batch = table->collect(100);
    ASSERT_EQ(batch.fields.size(), 1u);
    EXPECT_EQ(batch.fields[0].value, 3u);
    table->published(batch, 100);

    table->forget_published();
    batch = table->collect(100);
    ASSERT_EQ(batch.fields.size(), 1u);
    EXPECT_EQ(batch.fields[0].value, 3u);
}

TEST(Ledger, PublishesAnHourThatIsOverOnceMoreAndForgetsIt)
{
    Table table = new_table();
    Published redis;
    table->add(100, 7, 0);
    table->add(100, 8, 0);
    publish(*table, 100, redis);
    EXPECT_TRUE(table->collect(100 + LedgerTable::kept_hours).fields.empty());
    std::uint64_t later = 101 + LedgerTable::kept_hours;
    LedgerTable::Batch batch = table->collect(later);
    EXPECT_EQ(batch.fields.size(), 2u);

    // Refused by Redis: it comes again.
    batch = table->collect(later);
    EXPECT_EQ(batch.fields.size(), 2u);
    table->published(batch, later);
    EXPECT_TRUE(table->collect(later).fields.empty());
    table->forget_published();
    EXPECT_TRUE(table->collect(later).fields.empty());
}

TEST(Ledger, CountsWhatComesTooLateUnderALaterHour)
{
    Table table = new_table();
    Published redis;
    table->add(100, 7, 0);
    publish(*table, 100, redis);
    std::uint64_t later = 105;
    LedgerTable::Batch batch = table->collect(later);
    redis.take(batch);
    table->add(100, 7, 0);              // after it was collected for the last time
    table->add(100, 9, 0);              // the same, in a slot of its own
    table->published(batch, later);
    table->add(100, 7, 0);              // after it was closed
    publish(*table, later, redis);
    publish(*table, later, redis);
    EXPECT_EQ(redis.of(100, 7, ""), 1u);
    EXPECT_EQ(redis.total(), 4u);
    publish(*table, later + 10, redis);
    publish(*table, later + 20, redis);
    EXPECT_EQ(redis.total(), 4u);
}

TEST(Ledger, OutlivesAClockThatIsSetAndSetBack)
{
    Table table = new_table();
    Published redis;
    std::uint64_t added = 0;
    for (std::uint64_t hour : {100u, 5000u, 100u, 90u, 101u, 102u, 103u, 110u, 5001u, 5010u}) {
        table->add(hour, 7, 0);
        added++;
        publish(*table, hour, redis);
        EXPECT_EQ(redis.total(), added) << "hour " << hour;
    }
    publish(*table, 6000, redis);
    publish(*table, 7000, redis);
    EXPECT_EQ(redis.total(), added);
    EXPECT_TRUE(table->collect(7000).fields.empty());
}

TEST(Ledger, CountsUnderNoProjectWhenItIsFull)
{
    Table table = new_table();
    Published redis;
    std::uint64_t added = 0;
    for (std::uint64_t project = 1; project <= 3 * LedgerTable::project_slots; project++) {
        table->add(100, project, project % 2 == 0 ? 0 : reason_index("rate_limited"));
        added++;
    }
    publish(*table, 100, redis);
    EXPECT_EQ(redis.total(), added);
    EXPECT_GT(redis.of(100, 0, ""), 0u);
    EXPECT_GT(redis.of(100, 0, "rate_limited"), 0u);
    EXPECT_EQ(redis.of(100, 0, "too_large"), 0u);

    // Nothing is left of it after some hours.
    publish(*table, 110, redis);
    for (std::uint64_t project = 1; project <= 1000; project++) {
        table->add(110, project, 0);
        added++;
    }
    publish(*table, 110, redis);
    EXPECT_EQ(redis.total(), added);
    EXPECT_EQ(redis.of(110, 0, ""), 0u);
}

/* Redis has been away for days: even the slots of project 0 are taken. */
TEST(Ledger, KeepsTheTotalWhenNothingIsFree)
{
    Table table = new_table();
    Published redis;
    std::uint64_t added = 0;
    constexpr std::uint64_t hours = 2000;
    for (std::uint64_t hour = 100; hour < 100 + hours; hour++) {
        for (std::string_view reason : {"", "rate_limited", "auth_missing"}) {
            table->add(hour, 0, reason_index(reason));
            table->add(hour, hour, reason_index(reason));
            added += 2;
        }
    }
    std::uint64_t now = 100 + hours;
    for (int i = 0; i < 4; i++, now += 4) {
        publish(*table, now, redis);
    }
    EXPECT_EQ(redis.total(), added);
    EXPECT_EQ(redis.of(100, 0, ""), 1u);
}

/*
 * Adders that run all the time, some of them with a clock that is late, and a publisher
 * whose hours pass quickly and whose Redis refuses every other batch.
 */
TEST(Ledger, LosesNothingWhileManyAddAndOnePublishes)
{
    Table table = new_table();
    Published redis;
    std::atomic<std::uint64_t> hour{100};
    std::atomic<std::uint64_t> added{0};
    std::atomic<int> running{0};
    constexpr int adders = 4;
    constexpr unsigned projects = 3000;
    std::vector<std::thread> threads;
    for (int i = 0; i < adders; i++) {
        running++;
        threads.emplace_back([&, i] {
            std::mt19937 random(static_cast<unsigned>(i));
            std::uint64_t mine = 0;
            std::uint64_t slow = 100;
            for (int n = 0; n < 200000; n++) {
                std::uint64_t now = hour.load();
                if (random() % 1000 == 0) {
                    slow = now;
                }
                // Few of them often, and all of them now and then.
                std::uint64_t project = random() % (random() % 4 == 0 ? projects : 3);
                table->add(random() % 8 == 0 ? slow : now, project, random() % reasons);
                mine++;
            }
            added += mine;
            running--;
        });
    }
    std::mt19937 random(99);
    while (running > 0) {
        LedgerTable::Batch batch = table->collect(hour);
        if (random() % 2 == 0) {
            redis.take(batch);
            if (random() % 4 != 0) {
                table->published(batch, hour);
            }
        }
        if (random() % 16 == 0) {
            table->forget_published();
        }
        hour += random() % 2;
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (int i = 0; i < 4; i++) {
        publish(*table, hour, redis);
        hour += 4;
    }
    EXPECT_EQ(redis.total(), added.load());
    EXPECT_TRUE(table->collect(hour).fields.empty());
}

/* ---- the text ------------------------------------------------------------------ */

std::unique_ptr<CounterTable> new_counters()
{
    return std::unique_ptr<CounterTable>(new CounterTable{});
}

bool has_line(const std::string &text, const std::string &line)
{
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

EndpointCounters &of(CounterTable &table, Endpoint endpoint)
{
    return table.by_endpoint[static_cast<std::size_t>(endpoint)];
}

TEST(Metrics, ShowWhatWasCounted)
{
    auto table = new_counters();
    of(*table, Endpoint::envelope).requests[0] = 5;
    of(*table, Endpoint::envelope).filtered = 2;
    of(*table, Endpoint::envelope).bytes = 1234;
    of(*table, Endpoint::store).requests[reason_index("too_large")] = 3;
    table->spooled = 4;
    table->leases_granted = 6;
    EdgeFigures edge;
    edge.boot = "0123456789abcdef0123456789abcdef";
    edge.generation = "a\"b\\c\nd";
    edge.keys = 17;
    edge.keys_age = 1250;
    edge.backlog_entries = 8;
    edge.spool_bytes = -5;
    edge.spool_oldest_age = 90061;
    std::string text = format_metrics(*table, edge, 1000000);
    for (const char *line : {
             "# TYPE errtrack_requests_total counter",
             "errtrack_requests_total{endpoint=\"envelope\",outcome=\"accepted\",reason=\"\"} 5",
             "errtrack_requests_total{endpoint=\"envelope\",outcome=\"filtered\",reason=\"\"} 2",
             "errtrack_requests_total{endpoint=\"store\",outcome=\"accepted\",reason=\"\"} 0",
             "errtrack_requests_total{endpoint=\"store\",outcome=\"refused\",reason=\"too_large\"} 3",
             "errtrack_request_bytes_total{endpoint=\"envelope\"} 1234",
             "errtrack_spooled_total 4",
             "errtrack_quota_leases_total{result=\"granted\"} 6",
             "errtrack_quota_leases_total{result=\"refused\"} 0",
             "errtrack_spool_bytes 0",
             "errtrack_spool_oldest_age_seconds 90.061",
             "errtrack_backlog_entries 8",
             "errtrack_keys 17",
             "errtrack_keys_age_seconds 1.250",
             "errtrack_keys_generation_info{generation=\"a\\\"b\\\\c\\nd\"} 1",
             "errtrack_boot_info{boot=\"0123456789abcdef0123456789abcdef\"} 1"})
    {
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    }
    EXPECT_EQ(text.find("reason=\"no_data\""), std::string::npos);
    EXPECT_EQ(text.find("errtrack_request_bytes_total{endpoint=\"store\"}"), std::string::npos);
}

TEST(Metrics, LeaveOutWhatIsNotKnown)
{
    auto table = new_counters();
    std::string text = format_metrics(*table, EdgeFigures(), 1000000);
    EXPECT_EQ(text.find("\nerrtrack_keys_age_seconds"), std::string::npos);
    EXPECT_EQ(text.find("\nerrtrack_keys_generation_info"), std::string::npos);
    EXPECT_EQ(text.find("process="), std::string::npos);
}

TEST(Metrics, ShowTheProcessesThatAreThere)
{
    auto table = new_counters();
    table->gauges[0].updated_at = 999000;
    table->gauges[0].redis_state = 2;
    table->gauges[0].redis_latency_us = 1500;
    table->gauges[0].redis_in_flight = 77;
    table->gauges[0].held_bytes = 88;
    table->gauges[3].updated_at = 1000001;      // its clock is a tick ahead
    table->gauges[3].redis_state = 1;
    table->gauges[5].updated_at = 994999;       // gone
    std::string text = format_metrics(*table, EdgeFigures(), 1000000);
    for (const char *line : {
             "errtrack_redis_up{process=\"0\"} 1", "errtrack_redis_up{process=\"3\"} 0",
             "errtrack_redis_state{process=\"0\"} 2", "errtrack_redis_state{process=\"3\"} 1",
             "errtrack_redis_latency_seconds{process=\"0\"} 0.001500",
             "errtrack_redis_in_flight_bytes{process=\"0\"} 77",
             "errtrack_held_bytes{process=\"0\"} 88"})
    {
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    }
    EXPECT_EQ(text.find("process=\"5\""), std::string::npos);
}

/* Every sample has a family that was announced, and no line is of another form. */
TEST(Metrics, AreWellFormed)
{
    auto table = new_counters();
    for (std::size_t i = 0; i < endpoints; i++) {
        for (Counter &counter : table->by_endpoint[i].requests) {
            counter = 1;
        }
        table->by_endpoint[i].filtered = 1;
        table->by_endpoint[i].bytes = 1;
    }
    for (GaugeSlot &slot : table->gauges) {
        slot.updated_at = 1;
    }
    EdgeFigures edge;
    edge.generation = "1";
    edge.keys_age = 1;
    std::istringstream lines(format_metrics(*table, edge, 1));
    std::regex sample("([a-z_]+)(\\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\\})? [0-9.]+");
    std::regex announced("# (HELP|TYPE) ([a-z_]+) .+");
    std::set<std::string> seen;
    std::string family;
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_match(line, match, announced)) {
            family = match[2];
            continue;
        }
        ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
        EXPECT_EQ(match[1], family);
        EXPECT_TRUE(seen.insert(std::string(match[1]) + std::string(match[2])).second) << line;
    }
    // A line for each reason, filtered, bytes; spooled; leases; gauges; the edge.
    EXPECT_EQ(seen.size(), endpoints * (reasons + 2) + 1 + 2 + 6 * CounterTable::processes + 10);
}

}
}
