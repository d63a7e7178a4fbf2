/*
 * Segments on a real disk: what is kept is drained by whoever comes next, once, and what
 * is refused is not.
 */

#include "ngx_module/spool_disk.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>

namespace errtrack {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t plenty = std::uint64_t{1} << 32;

class SpoolDisk : public ::testing::Test {
protected:
    ~SpoolDisk() override { fs::remove_all(folder); }

    static std::string make_folder()
    {
        std::string name = (fs::temp_directory_path() / "spool-XXXXXX").string();
        return ::mkdtemp(name.data());
    }

    static SpoolRecord record(const std::string &body)
    {
        SpoolRecord made;
        made.meta = "meta " + body.substr(0, 8);
        made.body = body;
        return made;
    }

    static std::string append(SegmentWriter &writer, std::vector<SpoolRecord> &records)
    {
        std::vector<SpoolRecord *> pointers;
        for (SpoolRecord &each : records) {
            pointers.push_back(&each);
        }
        return writer.append(pointers);
    }

    std::string keep(SegmentWriter &writer, const std::string &body)
    {
        std::vector<SpoolRecord> one = {record(body)};
        std::string why = append(writer, one);
        EXPECT_EQ(one[0].kept, why.empty());
        return why;
    }

    std::unique_ptr<SegmentReader> open()
    {
        SpoolScan scan = scan_spool(folder);
        auto reader = open_oldest(folder, scan, skipped);
        EXPECT_EQ(scan.error, "");
        return reader;
    }

    static std::vector<std::string> bodies(SegmentReader &reader)
    {
        std::vector<std::string> found;
        SegmentReader::Chunk chunk;
        do {
            reader.read(chunk);
            for (const RecordView &view : chunk.records) {
                EXPECT_EQ(view.meta, "meta " + std::string(view.body.substr(0, 8)));
                found.emplace_back(view.body);
            }
        } while (!chunk.last);
        return found;
    }

    /* Drains all there is. */
    std::vector<std::string> drain()
    {
        std::vector<std::string> all;
        while (auto reader = open()) {
            for (std::string &body : bodies(*reader)) {
                all.push_back(std::move(body));
            }
            EXPECT_EQ(reader->finish(budget), "");
        }
        return all;
    }

    std::vector<fs::path> files() const
    {
        std::vector<fs::path> all;
        for (const auto &entry : fs::directory_iterator(folder)) {
            all.push_back(entry.path());
        }
        return all;
    }

    std::string folder = make_folder();
    std::vector<std::string> skipped;
    std::atomic<std::int64_t> bytes{0};
    std::atomic<std::int64_t> unverified_bytes{0};
    SpoolBudget budget{bytes, unverified_bytes, plenty};
    SegmentWriter writer{folder, 0, false, budget};
};

using Bodies = std::vector<std::string>;

TEST_F(SpoolDisk, IsDrainedInOrderOnceTheWriterLetsGo)
{
    EXPECT_EQ(keep(writer, "1"), "");
    std::vector<SpoolRecord> more = {record("2"), record("3")};
    EXPECT_EQ(append(writer, more), "");
    EXPECT_TRUE(more[0].kept && more[1].kept);
    EXPECT_EQ(open(), nullptr);
    ASSERT_EQ(files().size(), 1u);
    struct stat status;
    ASSERT_EQ(::stat(files()[0].c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(bytes, status.st_size);
    writer.seal();
    EXPECT_EQ(keep(writer, "4"), "");
    EXPECT_EQ(drain(), (Bodies{"1", "2", "3"}));
    writer.seal();
    EXPECT_EQ(drain(), (Bodies{"4"}));
    EXPECT_TRUE(files().empty());
    EXPECT_EQ(bytes, 0);
}

TEST_F(SpoolDisk, OneReaderAtATime)
{
    keep(writer, "1");
    writer.seal();
    auto reader = open();
    ASSERT_NE(reader, nullptr);
    EXPECT_EQ(open(), nullptr);
    reader.reset();                 // as a process that dies
    EXPECT_EQ(drain(), (Bodies{"1"}));
}

TEST_F(SpoolDisk, SkipsWhatItIsTold)
{
    keep(writer, "1");
    writer.seal();
    skipped.push_back(files()[0].string());
    EXPECT_EQ(open(), nullptr);
}

TEST_F(SpoolDisk, MakesANewSegmentWhenOneIsFull)
{
    std::string big(largest_segment / 3, 'x');
    std::vector<SpoolRecord> four(4, record(big));
    EXPECT_EQ(append(writer, four), "");
    EXPECT_EQ(files().size(), 2u);
    EXPECT_EQ(keep(writer, std::string(largest_segment + 1, 'y')), "");
    EXPECT_EQ(files().size(), 3u);
    writer.seal();
    Bodies all = drain();
    ASSERT_EQ(all.size(), 5u);
    EXPECT_EQ(all[0], big);
    EXPECT_EQ(all[4].size(), largest_segment + 1);
    EXPECT_EQ(bytes, 0);
}

/* Pieces are of a megabyte: records lie across their ends. */
TEST_F(SpoolDisk, ReadsRecordsOfAllSizes)
{
    std::vector<SpoolRecord> records;
    Bodies expected;
    for (std::size_t i = 0; i < 3000; i++) {
        expected.emplace_back(i % 500 == 0 ? 1500 * 1024 + i : i, static_cast<char>('a' + i % 26));
        records.push_back(record(expected.back()));
    }
    EXPECT_EQ(append(writer, records), "");
    writer.seal();
    EXPECT_EQ(drain(), expected);
}

TEST_F(SpoolDisk, CutsWhatItCouldNotWriteWhole)
{
    keep(writer, "1");
    struct rlimit before;
    ::getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = before;
    small.rlim_cur = static_cast<rlim_t>(bytes + 1000);
    auto *handler = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    std::vector<SpoolRecord> two = {record("fits"), record(std::string(2000, 'x'))};
    std::int64_t used = bytes;
    EXPECT_NE(append(writer, two), "");
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_FALSE(two[0].kept || two[1].kept);
    EXPECT_EQ(bytes, used);
    EXPECT_EQ(static_cast<std::int64_t>(fs::file_size(files()[0])), used);
    EXPECT_EQ(keep(writer, "2"), "");
    EXPECT_EQ(files().size(), 1u);
    writer.seal();
    EXPECT_EQ(drain(), (Bodies{"1", "2"}));
}

TEST_F(SpoolDisk, LeavesNoEmptySegment)
{
    SegmentWriter full(folder, std::numeric_limits<std::uint64_t>::max(), false, budget);
    EXPECT_NE(keep(full, "1"), "");
    full.seal();
    EXPECT_TRUE(files().empty());
    EXPECT_EQ(bytes, 0);
    fs::remove(folder);
    EXPECT_NE(keep(writer, "1"), "");
    EXPECT_NE(scan_spool(folder).error, "");
    fs::create_directory(folder);
    EXPECT_EQ(keep(writer, "1"), "");
}

TEST_F(SpoolDisk, KeepsToItsBudget)
{
    SpoolBudget small(bytes, unverified_bytes, 10000);
    SegmentWriter verified(folder, 0, false, small);
    SegmentWriter unverified(folder, 0, true, small);
    EXPECT_FALSE(small.room_for(900, 1001));
    EXPECT_TRUE(small.room_for(10000, 0));
    EXPECT_EQ(keep(unverified, std::string(700, 'x')), "");
    EXPECT_NE(keep(unverified, std::string(700, 'x')), "");
    EXPECT_EQ(keep(verified, std::string(5000, 'x')), "");
    EXPECT_NE(keep(verified, std::string(5000, 'x')), "");
    EXPECT_FALSE(small.room_for(4300, 0));
    EXPECT_FALSE(small.room_for(std::numeric_limits<std::uint64_t>::max(), 0));
    SpoolScan scan = scan_spool(folder);
    EXPECT_EQ(scan.segments.size(), 2u);
    EXPECT_EQ(scan.bytes, bytes);
    EXPECT_EQ(scan.unverified_bytes, unverified_bytes);
    EXPECT_NEAR(static_cast<double>(scan.oldest), static_cast<double>(std::time(nullptr)), 5);
    verified.seal();
    unverified.seal();
    EXPECT_EQ(drain().size(), 2u);
    EXPECT_EQ(bytes, 0);
    EXPECT_EQ(unverified_bytes, 0);
}

class DamagedSpool : public SpoolDisk {
protected:
    /* A segment of three records, changed. */
    template <class Change>
    void damage(Change change)
    {
        for (const char *body : {"1", "2", "3"}) {
            keep(writer, body);
        }
        writer.seal();
        ASSERT_EQ(files().size(), 1u);
        std::ifstream in(files()[0], std::ios::binary);
        std::string content((std::istreambuf_iterator<char>(in)), {});
        change(content);
        std::ofstream(files()[0], std::ios::binary | std::ios::trunc) << content;
    }

    static constexpr std::size_t each = record_header_size + 7;   /* "meta 1", "1" */
    static constexpr std::size_t head = segment_header.size();
};

TEST_F(DamagedSpool, TornOffAnywhereIsNoDamage)
{
    for (std::size_t cut = 0; cut < head + 3 * each; cut++) {
        damage([&](std::string &content) { content.resize(cut); });
        EXPECT_EQ(drain().size(), cut < head ? 0 : (cut - head) / each) << cut;
        ASSERT_TRUE(files().empty()) << cut;
    }
}

TEST_F(DamagedSpool, ZerosAtTheEndAreNoDamage)
{
    for (std::size_t end : {std::size_t{0}, head, head + each}) {
        damage([&](std::string &content) {
            content.resize(end);
            content.resize(3 * 1024 * 1024);
        });
        EXPECT_EQ(drain().size(), end > head ? 1u : 0u);
        ASSERT_TRUE(files().empty()) << end;
    }
}

TEST_F(DamagedSpool, DamageInARecordCostsThatRecord)
{
    damage([](std::string &content) { content[head + 2 * each - 1] ^= 1; });
    EXPECT_EQ(drain(), (Bodies{"1", "3"}));
    ASSERT_EQ(files().size(), 1u);
    EXPECT_EQ(files()[0].extension(), ".damaged");
    // Kept for people, who want it counted and not drained again.
    EXPECT_EQ(open(), nullptr);
    EXPECT_EQ(scan_spool(folder).bytes, bytes);
}

TEST_F(DamagedSpool, DamageBetweenRecordsEndsTheSegment)
{
    damage([](std::string &content) { content[head + each + 5] ^= 1; });
    EXPECT_EQ(drain(), (Bodies{"1"}));
    ASSERT_EQ(files().size(), 1u);
    EXPECT_EQ(files()[0].extension(), ".damaged");
}

TEST_F(DamagedSpool, AnotherVersionIsLeftAlone)
{
    damage([](std::string &content) { content[8] = 2; });
    EXPECT_EQ(drain(), Bodies{});
    ASSERT_EQ(files().size(), 1u);
    EXPECT_EQ(files()[0].extension(), ".damaged");
}

TEST_F(SpoolDisk, OtherFilesAreNoneOfItsBusiness)
{
    for (const char *name : {"README", "x.v", "000660c448d24e52.v", "000660c448d24e5-1-0.v",
                             "000660C448D24E52-1-0.v", "000660c448d24e52-1-0.v.part"})
    {
        std::ofstream(folder + "/" + name) << "text";
    }
    fs::create_directory(folder + "/000660c448d24e52-1-0.v");
    fs::create_symlink("README", folder + "/000660c448d24e52-2-0.v");
    SpoolScan scan = scan_spool(folder);
    EXPECT_TRUE(scan.segments.empty());
    EXPECT_EQ(scan.bytes, 0);
    EXPECT_EQ(scan.oldest, 0);
}

}
}
