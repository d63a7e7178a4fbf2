/*
 * Snapshots of the client keys: what was written is read, and nothing else is.
 */

#include "ngx_module/key_snapshot.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace errtrack {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string snapshot_of(const Fields &fields)
{
    std::string text = begin_snapshot("generation");
    for (const auto &[name, json] : fields) {
        append_snapshot(text, name, json);
    }
    end_snapshot(text);
    return text;
}

Fields fields_of(std::string_view text)
{
    Fields fields;
    auto lines = snapshot_lines(text);
    EXPECT_TRUE(lines);
    std::string_view name, json;
    while (lines && next_field(*lines, name, json)) {
        fields.emplace_back(name, json);
    }
    return fields;
}

class SnapshotFile : public testing::Test {
protected:
    void SetUp() override
    {
        char pattern[] = "/tmp/errtrack-snapshot-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        folder = pattern;
        path = (folder / "keys").string();
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::filesystem::path folder;
    std::string path;
};

TEST(Snapshot, HoldsFields)
{
    Fields fields = {{"0123456789abcdef", R"({"id":1,"project":2})"}, {"@2", R"({"limits":{}})"}};
    EXPECT_EQ(fields_of(snapshot_of(fields)), fields);
    EXPECT_EQ(fields_of(snapshot_of({})), Fields());
    EXPECT_EQ(fields_of(snapshot_of({{"a", "{\n}"}})), (Fields{{"a", "{ }"}}));
    EXPECT_EQ(fields_of(snapshot_of({{"a", ""}})), (Fields{{"a", ""}}));
}

TEST(Snapshot, ADamagedOneIsNone)
{
    std::string text = snapshot_of({{"0123456789abcdef", R"({"id":1,"project":2})"}});
    for (std::size_t i = 0; i < text.size(); i++) {
        std::string other = text;
        other[i] = static_cast<char>(other[i] ^ 1);
        EXPECT_FALSE(snapshot_lines(other)) << i;
        EXPECT_FALSE(snapshot_lines(text.substr(0, i))) << i;
        EXPECT_FALSE(snapshot_lines(text.substr(0, i) + text.substr(i + 1))) << i;
    }
    EXPECT_FALSE(snapshot_lines(text + "\n"));
    EXPECT_FALSE(snapshot_lines(""));
}

TEST_F(SnapshotFile, IsExchangedAsAWhole)
{
    std::string text;
    EXPECT_EQ(read_snapshot(path, 1000, text), ENOENT);
    ASSERT_EQ(write_snapshot(path, "one"), 0);
    ASSERT_EQ(write_snapshot(path, "other"), 0);
    EXPECT_EQ(read_snapshot(path, 1000, text), 0);
    EXPECT_EQ(text, "other");
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    auto files = std::filesystem::directory_iterator(folder);
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(SnapshotFile, IsNotWrittenWhereItCannotBe)
{
    EXPECT_EQ(write_snapshot(path + "/none", "text"), ENOENT);
    std::filesystem::create_directory(path);
    EXPECT_NE(write_snapshot(path, "text"), 0);
    auto files = std::filesystem::directory_iterator(folder);
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(SnapshotFile, OnlyAFileOfSensibleSizeIsRead)
{
    std::string text;
    std::ofstream(path) << "four";
    EXPECT_EQ(read_snapshot(path, 3, text), EFBIG);
    EXPECT_EQ(read_snapshot(path, 4, text), 0);
    EXPECT_EQ(text, "four");
    EXPECT_EQ(read_snapshot(folder.string(), 1000, text), EINVAL);
    std::string fifo = path + ".fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(read_snapshot(fifo, 1000, text), EINVAL);
}

}
}
