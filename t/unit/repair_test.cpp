/* The byte repair: what is changed, what is not, and that clean text is not copied. */

#include "worker/repair.hpp"

#include <gtest/gtest.h>

using namespace errtrack;
using namespace std::string_literals;

namespace {

std::string repaired(std::string_view text)
{
    std::string buffer;
    return std::string(repair(text, buffer));
}

TEST(Repair, clean_text_is_not_copied)
{
    std::string buffer;
    std::string_view text = "{\"a\": [1, -2, \"\\u00e9 \\ud83d\\ude00 é 😀 \\\\\\\" \\/\\n\"]}";
    EXPECT_EQ(repair(text, buffer).data(), text.data());
    EXPECT_EQ(repair(text, buffer), text);
    EXPECT_TRUE(buffer.empty());
}

TEST(Repair, byte_order_mark_goes_without_a_copy)
{
    std::string buffer;
    std::string_view text = "\xef\xbb\xbf{}";
    EXPECT_EQ(repair(text, buffer).data(), text.data() + 3);
    EXPECT_EQ(repair(text, buffer), "{}");
}

TEST(Repair, words_of_other_languages_become_null)
{
    EXPECT_EQ(repaired("[NaN,Infinity,-Infinity,-1]"), "[null,null,null,-1]");
    EXPECT_EQ(repaired(R"({"NaN":"NaN -Infinity"})"), R"({"NaN":"NaN -Infinity"})");
    EXPECT_EQ(repaired("[Na"), "[Na");
}

TEST(Repair, control_bytes_outside_strings_become_blanks)
{
    EXPECT_EQ(repaired("{\x01\"a\"\0:\f1\t\r\n}"s), "{ \"a\" : 1\t\r\n}");
}

TEST(Repair, control_bytes_in_strings_are_escaped)
{
    EXPECT_EQ(repaired("[\"a\nb\tc\x1f\x7f\"]"), "[\"a\\u000ab\\u0009c\\u001f\x7f\"]");
    EXPECT_EQ(repaired("{\"k\n\":1}"), "{\"k\\u000a\":1}");
}

TEST(Repair, nul_becomes_the_replacement_character)
{
    EXPECT_EQ(repaired("[\"a\0b\"]"s), "[\"a\\ufffdb\"]");
    EXPECT_EQ(repaired(R"(["a\u0000b"])"), R"(["a\ufffdb"])");
    EXPECT_EQ(repaired(R"(["a\\u0000b"])"), R"(["a\\u0000b"])");
}

TEST(Repair, lone_surrogates_become_the_replacement_character)
{
    EXPECT_EQ(repaired(R"(["\ud800"])"), R"(["\ufffd"])");
    EXPECT_EQ(repaired(R"(["\udc00x"])"), R"(["\ufffdx"])");
    EXPECT_EQ(repaired(R"(["\ud800\ud83d\ude00"])"), R"(["\ufffd\ud83d\ude00"])");
    EXPECT_EQ(repaired(R"(["\ud83d\u0041"])"), R"(["\ufffd\u0041"])");
    EXPECT_EQ(repaired(R"(["\uD83D\uDE00"])"), R"(["\uD83D\uDE00"])");
}

TEST(Repair, backslashes_of_unknown_escapes_are_doubled)
{
    EXPECT_EQ(repaired(R"(["C:\Users\x41"])"), R"(["C:\\Users\\x41"])");
    EXPECT_EQ(repaired(R"(["\u12g4"])"), R"(["\\u12g4"])");
    EXPECT_EQ(repaired("[\"\\\n\"]"), "[\"\\\\\\u000a\"]");
    EXPECT_EQ(repaired("[\"a\\"), "[\"a\\\\");
    EXPECT_EQ(repaired("[\"\\u12"), "[\"\\\\u12");
}

TEST(Repair, invalid_utf8_becomes_the_replacement_character)
{
    EXPECT_EQ(repaired("[\"caf\xe9\"]"), "[\"caf\ufffd\"]");
    EXPECT_EQ(repaired("[\"\xc0\xaf\"]"), "[\"\ufffd\ufffd\"]");
    EXPECT_EQ(repaired("[\"\xed\xa0\x80\"]"), "[\"\ufffd\ufffd\ufffd\"]");
    EXPECT_EQ(repaired("[\"\xf4\x90\x80\x80\"]"), "[\"\ufffd\ufffd\ufffd\ufffd\"]");
    EXPECT_EQ(repaired("[\"\xf0\x9f\x98\"]"), "[\"\ufffd\"]");
    EXPECT_EQ(repaired("[\"\xe2\x82"), "[\"\ufffd");
    EXPECT_EQ(repaired("[\"\xf0\x9f\x98\x80\"]"), "[\"\xf0\x9f\x98\x80\"]");
}

TEST(Repair, is_stable)
{
    std::string once = repaired("\xef\xbb\xbf{\"\xff\\x\\ud800\n\0\":NaN\x02}"s);
    EXPECT_EQ(repaired(once), once);
}

TEST(Cuts, never_split_a_character)
{
    EXPECT_EQ(cut_bytes("aé", 2), "a");
    EXPECT_EQ(cut_bytes("aé", 3), "aé");
    EXPECT_EQ(cut_bytes("é", 1), "");
    EXPECT_EQ(cut_characters("éééé", 2), "éé");
    EXPECT_EQ(cut_characters("éé", 2), "éé");
    EXPECT_EQ(cut_characters("abc", 0), "");
    EXPECT_EQ(cut_with_dots("ééééé", 5), "ééééé");
    EXPECT_EQ(cut_with_dots("éééééé", 5), "éé...");
    EXPECT_EQ(trim(" \t a b \r\n"), "a b");
    EXPECT_EQ(trim(" \n "), "");
}

}
