/* Texts of clients in markup of others: each character that means something there stays one to
 * read, and no cut leaves a half of anything. */

#include "worker/markup.hpp"
#include "worker/repair.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace errtrack {
namespace {

constexpr Markup all[] = {Markup::none, Markup::entities, Markup::mattermost, Markup::discord, Markup::commonmark, Markup::references};

/* The zero width space that severs a reference. */
#define GAP "\xe2\x80\x8b"
#define MORE "\xe2\x80\xa6"

std::string told(std::string_view text, Markup markup)
{
    return inert(text, markup, 1000);
}

TEST(Markup, LeavesWhatMeansNothing)
{
    for (Markup markup : all) {
        EXPECT_EQ(told("Grüße, Jürgen 漢字 👩‍💻", markup), "Grüße, Jürgen 漢字 👩‍💻");
        EXPECT_EQ(told("", markup), "");
        EXPECT_EQ(told(" \n ", markup), "");
    }
    EXPECT_EQ(told("a & b < c", Markup::none), "a & b < c");
}

TEST(Markup, EscapesWhatSlackAndGoogleChatLookFor)
{
    EXPECT_EQ(told("<!channel> <@U1> <users/all> a && b", Markup::entities),
              "&lt;!channel&gt; &lt;@U1&gt; &lt;users/all&gt; a &amp;&amp; b");
}

TEST(Markup, TakesTheMeaningFromMarkdown)
{
    EXPECT_EQ(told("**b** [x](http://y) `c` ~~s~~ # h", Markup::mattermost),
              "\\*\\*b\\*\\* \\[x\\]\\(http://y\\) \\`c\\` \\~\\~s\\~\\~ \\# h");
    EXPECT_EQ(told("@all and @here, a@b.c, @", Markup::mattermost), "@" GAP "all and @" GAP "here, a@" GAP "b\\.c, @");
    EXPECT_EQ(told("@everyone <@1> <#2> ||s|| :x:", Markup::discord),
              "\\@everyone \\<\\@1\\> \\<\\#2\\> \\|\\|s\\|\\| \\:x\\:");
}

TEST(Markup, SeversReferencesOfGitlabAndGithub)
{
    EXPECT_EQ(told("@all", Markup::commonmark), "\\@" GAP "all");
    EXPECT_EQ(told("a/b#1 !2 ~3", Markup::commonmark), "a\\/b\\#" GAP "1 \\!" GAP "2 \\~" GAP "3");
    EXPECT_EQ(told("/close", Markup::commonmark), "\\/close");
    EXPECT_EQ(told("https://x", Markup::commonmark), "https\\:" GAP "\\/\\/x");
    EXPECT_EQ(told("a: b", Markup::commonmark), "a\\: b");
    EXPECT_EQ(told("<b>", Markup::commonmark), "\\<b\\>");
    EXPECT_EQ(told("@all #1 !1 ![x](y) <img> http://z", Markup::references),
              "@" GAP "all #" GAP "1 !" GAP "1 !" GAP "[x]" GAP "(y) <" GAP "img> http:" GAP "//z");
    EXPECT_EQ(told("@\xe2\x80\x8f" "all :\xe2\x80\x8b//", Markup::references), "@" GAP "all :" GAP "//") << "also behind what is left out";
}

TEST(Markup, CountsAsJavascriptDoes)
{
    EXPECT_EQ(units_of("aé漢"), 3u);
    EXPECT_EQ(units_of("😀"), 2u);
    EXPECT_EQ(inert("😀😀😀", Markup::none, 6), "😀😀😀");
    EXPECT_EQ(inert("😀😀😀", Markup::none, 5), "😀😀" MORE);
    EXPECT_EQ(inert("😀😀😀", Markup::none, 4), "😀" MORE);
    EXPECT_EQ(inert("abc", Markup::none, 3), "abc");
    EXPECT_EQ(inert("abcd", Markup::none, 3), "ab" MORE);
    EXPECT_EQ(inert("abcd", Markup::none, 0), "");
}

TEST(Markup, CutsBetweenEscapes)
{
    std::string hostile = "<&>@#![]()*_`~|\\/:: http://x\xff\n\xe2\x80\xae漢😀a b";
    for (Markup markup : all) {
        std::string whole = told(hostile, markup);
        for (std::size_t most = 0; most <= units_of(whole); most++) {
            std::string cut = inert(hostile, markup, most);
            ASSERT_LE(units_of(cut), most);
            ASSERT_EQ(cut_bytes(cut, cut.size()).size(), cut.size());
            if (cut == whole) {
                continue;
            }
            ASSERT_TRUE(most == 0 || cut.ends_with(MORE)) << cut;
            std::string kept = cut.substr(0, cut.size() - (most == 0 ? 0 : 3));
            ASSERT_TRUE(whole.starts_with(kept));
            std::size_t backslashes = kept.size() - (kept.find_last_not_of('\\') + 1);
            ASSERT_TRUE(markup == Markup::none || markup == Markup::entities || markup == Markup::references || backslashes % 2 == 0)
                << kept;
            std::size_t entity = kept.rfind('&');
            ASSERT_TRUE(markup != Markup::entities || entity == kept.npos || kept.find(';', entity) != kept.npos) << kept;
        }
        ASSERT_EQ(inert(hostile, markup, units_of(whole)), whole);
    }
}

}
}
