/*
 * The bytes of a spool segment: what was kept is found, whatever happened to the end,
 * and nothing is found that was never kept.
 */

#include "ngx_module/spool_segment.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace errtrack {
namespace {

using Found = RecordScanner::Found;
using Pairs = std::vector<std::pair<std::string, std::string>>;

const Pairs records = {
    {"v 1\nid a\n", "body"}, {"", ""}, {"only meta", ""}, {"", std::string(3000, '\0')}};

std::string encode(const Pairs &pairs)
{
    std::string bytes;
    for (const auto &[meta, body] : pairs) {
        RecordHeader header = record_header(meta, body);
        bytes.append(header.data(), header.size()).append(meta).append(body);
    }
    return bytes;
}

struct Result {
    Pairs found;
    std::size_t damaged = 0;
    Found end = Found::more;
    std::size_t used = 0;
    std::size_t needed = 0;
};

Result scan(std::string_view bytes)
{
    RecordScanner scanner(bytes);
    Result result;
    for (;;) {
        RecordView record;
        switch (Found found = scanner.next(record)) {
        case Found::record:
            result.found.emplace_back(record.meta, record.body);
            break;
        case Found::damaged:
            result.damaged++;
            break;
        default:
            result.end = found;
            result.used = scanner.used();
            result.needed = scanner.needed();
            return result;
        }
    }
}

TEST(SpoolSegment, FindsWhatWasKept)
{
    std::string bytes = encode(records);
    Result result = scan(bytes);
    EXPECT_EQ(result.found, records);
    EXPECT_EQ(result.damaged, 0u);
    EXPECT_EQ(result.end, Found::more);
    EXPECT_EQ(result.used, bytes.size());
}

/* What is written on one machine is read on another, by this version and the next: CRC-32
 * as everybody computes it. */
TEST(SpoolSegment, HasTheDocumentedBytes)
{
    EXPECT_EQ(segment_header, std::string_view("errspool\1\0\0\0", 12));
    EXPECT_EQ(encode({{"m", "bb"}}), std::string("\x46\x2a\xd2\x52\1\0\0\0\2\0\0\0\x30\x88\x39\x4b" "mbb", 19));
}

TEST(SpoolSegment, IsTornAtEveryByte)
{
    std::string bytes = encode(records);
    for (std::size_t cut = 0; cut < bytes.size(); cut++) {
        Result result = scan(std::string_view(bytes).substr(0, cut));
        Pairs whole;
        std::size_t end = 0;
        for (const auto &[meta, body] : records) {
            if (end + record_size(meta, body) > cut) {
                break;
            }
            end += record_size(meta, body);
            whole.emplace_back(meta, body);
        }
        ASSERT_EQ(result.found, whole) << cut;
        ASSERT_EQ(result.damaged, 0u) << cut;
        ASSERT_EQ(result.end, Found::more) << cut;
        ASSERT_EQ(result.used, end) << cut;
        ASSERT_GT(result.needed, cut - end) << cut;
        // With as many bytes as it takes there is more to know.
        Result next = scan(std::string_view(bytes).substr(end, result.needed));
        ASSERT_TRUE(next.used > 0 || next.needed > result.needed) << cut;
    }
}

TEST(SpoolSegment, NoticesEveryFlippedBit)
{
    const Pairs few = {{"first", "1"}, {"second", "22"}, {"third", "333"}};
    std::string bytes = encode(few);
    std::size_t first = record_size("first", "1");
    std::size_t second = record_size("second", "22");
    for (std::size_t bit = 0; bit < 8 * second; bit++) {
        std::string flipped = bytes;
        flipped[first + bit / 8] = static_cast<char>(flipped[first + bit / 8] ^ 1 << bit % 8);
        Result result = scan(flipped);
        bool in_lengths = bit < 8 * record_header_size;
        // Lengths that are sure lead to the record behind; others lead nowhere.
        ASSERT_EQ(result.found, in_lengths ? Pairs{few[0]} : (Pairs{few[0], few[2]})) << bit;
        ASSERT_EQ(result.damaged, in_lengths ? 0u : 1u) << bit;
        ASSERT_EQ(result.end, in_lengths ? Found::broken : Found::more) << bit;
    }
}

/* Nobody is to reserve memory for lengths that cannot be, be their checksum right or not. */
TEST(SpoolSegment, RefusesHugeLengths)
{
    std::string limit(largest_record, 'x');
    RecordHeader most = record_header({}, limit);
    Result result = scan({most.data(), most.size()});
    EXPECT_EQ(result.end, Found::more);
    EXPECT_EQ(result.needed, record_header_size + largest_record);
    limit.push_back('x');
    RecordHeader more = record_header({}, limit);
    EXPECT_EQ(scan({more.data(), more.size()}).end, Found::broken);
    more = record_header("m", std::string_view(limit).substr(1));
    EXPECT_EQ(scan({more.data(), more.size()}).end, Found::broken);
}

TEST(SpoolSegment, FindsNothingInZeros)
{
    EXPECT_EQ(scan(std::string(4096, '\0')).end, Found::broken);
}

}
}
