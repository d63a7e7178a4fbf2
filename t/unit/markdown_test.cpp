/* Texts of the public as code in Markdown: whatever they hold, they stay texts. */

#include "worker/markdown.hpp"

#include "t/unit/hostile_markdown.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

using namespace errtrack;

namespace {

TEST(Markdown, spans)
{
    const std::vector<std::pair<std::string, std::string>> table = {
        {"shop.cart in total", "`shop.cart in total`"},
        {"a`b", "``a`b``"},
        {"`a`", "`` `a` ``"},
        {"``` a `", "```` ``` a ` ````"},
        {"`", "`` ` ``"},
        {"a\n/close\n", "`a /close`"},
        {"\n \u2029", ""},
    };
    for (const auto &[text, span] : table) {
        EXPECT_EQ(markdown_span(text, 200), span) << text;
    }
    EXPECT_EQ(markdown_span(std::string(500, '`'), 200),
              std::string(200, '`') + ' ' + std::string(199, '`') + "\u2026 " + std::string(200, '`'));
}

/* The run that opens a span is the only other of its length, so it ends at the last one. */
TEST(Markdown, no_span_ends_early)
{
    for (const std::string &text : hostile_markdown) {
        std::string span = markdown_span(text, 200);
        ASSERT_FALSE(span.empty()) << text;
        EXPECT_EQ(span.find('\n'), span.npos) << text;
        std::size_t ticks = span.find_first_not_of('`');
        std::vector<std::size_t> runs;
        for (std::size_t at = span.find('`'); at != span.npos;) {
            std::size_t end = std::min(span.find_first_not_of('`', at), span.size());
            runs.push_back(end - at);
            at = span.find('`', end);
        }
        EXPECT_EQ(std::count(runs.begin(), runs.end(), ticks), 2) << span;
        EXPECT_EQ(runs.back(), ticks) << span;
    }
}

TEST(Markdown, blocks)
{
    EXPECT_EQ(markdown_block("select 1 form t\n         ^\r\n\n  b\n", 100, 10), "    select 1 form t\n             ^\n\n      b\n");
    EXPECT_EQ(markdown_block("\n \n/close\n \n", 100, 10), "    /close\n");
    EXPECT_EQ(markdown_block("a\n/close\nb", 5, 2), "    a\n    /clo\u2026\n    ...\n");
    EXPECT_EQ(markdown_block("a\nb\n", 5, 2), "    a\n    b\n");
    EXPECT_EQ(markdown_block("\n\u2028 ", 100, 10), "");
    EXPECT_EQ(markdown_block("", 100, 10), "");
    EXPECT_EQ(markdown_block(std::string(100'000, ' ') + "x", 100, 10).size(), 4u + 200 + 1 + 1);
}

TEST(Markdown, no_line_of_a_block_begins_with_what_it_holds)
{
    for (const std::string &text : hostile_markdown) {
        std::istringstream block(markdown_block(text, 1000, 20));
        std::size_t lines = 0;
        for (std::string line; std::getline(block, line); lines++) {
            EXPECT_TRUE(line.empty() || line.starts_with("    ")) << text;
            EXPECT_EQ(line.find_first_of(std::string_view("\t\r\v\f\0", 5)), line.npos) << text;
            EXPECT_EQ(line.find("\u2028"), line.npos) << text;
            EXPECT_EQ(line.find("\u0085"), line.npos) << text;
        }
        EXPECT_GT(lines, 0u) << text;
    }
}

}
