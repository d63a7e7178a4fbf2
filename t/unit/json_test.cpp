/* Documents: what is accepted, and what look-ups answer. */

#include "worker/json.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

bool accepted(std::string_view text)
{
    return Json().parse(text);
}

TEST(Json, accepts_every_kind_of_value)
{
    for (std::string_view text : {
             "{}", "[]", " { } ", "[[],{}]", R"({"a":{"b":[1,2,{"c":null}]},"d":true})",
             "[0,-0,1.5,-1e5,1E+2,2e-3,1e400,123456789012345678901234567890]",
             R"(["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00",""])", "[true,false,null]",
             "{\"\":1}", "[1]\n"}) {
        EXPECT_TRUE(accepted(text)) << text;
    }
}

TEST(Json, refuses_what_is_no_document)
{
    for (std::string_view text : {
             "", " ", "1", "\"a\"", "null", "{", "[", "}", "[1", "{\"a\"", "{\"a\":", "{\"a\":1",
             "[1,]", "[,1]", "[1 2]", "{,}", "{\"a\":1,}", "{\"a\" 1}", "{1:2}", "{a:1}", "[1}",
             "{\"a\":1]", "[]]", "{}{}", "{} x", "[] 1", "[\"a\"\"b\"]", "[\"a\"b]",
             "[\"a\":1]", "{\"a\":\"b\":1}", "{\"a\"}", "{\"a\",\"b\"}", "[:]", "[{]}",
             "[1,[\"a\":\"b\"}],\"\"]", "[[\"a\":}],1]", "{\"a\":\"b\":[null,{}]}}",
             "{\"a\":{\"b\":\"c\":[1]}}}", "[[1:2}]"}) {
        EXPECT_FALSE(accepted(text)) << text;
    }
}

TEST(Json, refuses_bad_tokens)
{
    for (std::string_view text : {
             "[01]", "[+1]", "[1.]", "[.5]", "[1e]", "[1e+]", "[-]", "[--1]", "[0x1]", "[1_0]",
             "[NaN]", "[Infinity]", "[True]", "[tru]", "[truex]", "[nul]", "[nullnull]",
             "[falsey]", "['a']", "[\"a]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]",
             "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\u0041\"]", "[\"\\u0000\"]",
             "[\"\n\"]", "[\"\x01\"]", "{\"\\x\":1}", "{\"\n\":1}", "[\"\xff\"]", "{\"\xc3\":1}",
             "[\"a\\\"]", "[1\f]"}) {
        EXPECT_FALSE(accepted(text)) << text;
    }
}

TEST(Json, depth_is_limited)
{
    auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(accepted(nested(Json::max_depth)));
    EXPECT_FALSE(accepted(nested(Json::max_depth + 1)));
    EXPECT_FALSE(accepted(nested(100'000)));
    EXPECT_FALSE(accepted(std::string(100'000, '[')));
    std::string objects;
    for (int i = 0; i < 10'000; i++) {
        objects += "{\"a\":";
    }
    EXPECT_FALSE(accepted(objects + "1" + std::string(10'000, '}')));
}

TEST(Json, number_of_nodes_is_limited)
{
    auto list = [](std::size_t count) {
        std::string text = "[1";
        for (std::size_t i = 1; i < count; i++) {
            text += ",1";
        }
        return text + "]";
    };
    EXPECT_TRUE(accepted(list(Json::max_nodes - 1)));
    EXPECT_FALSE(accepted(list(Json::max_nodes)));
}

TEST(Json, a_failed_parse_leaves_no_document)
{
    Json json;
    ASSERT_TRUE(json.parse("[1]"));
    EXPECT_TRUE(json.root());
    EXPECT_FALSE(json.parse("[1"));
    EXPECT_FALSE(json.root());
    EXPECT_TRUE(json.parse("[2]"));
    EXPECT_EQ(json.root().begin()->raw(), "2");
}

TEST(Json, values_know_their_ranges)
{
    Json json;
    std::string_view text = " { \"a\" : [ 1 , { } ] , \"b\":\"x\" , \"c\" : { \"d\" : [ ] } } ";
    ASSERT_TRUE(json.parse(text));
    JsonValue root = json.root();
    EXPECT_EQ(root.raw(), text.substr(1, text.size() - 2));
    EXPECT_EQ(root["a"].raw(), "[ 1 , { } ]");
    EXPECT_EQ(root["a"].raw_member(), "\"a\" : [ 1 , { } ]");
    EXPECT_EQ(root["b"].raw(), "\"x\"");
    EXPECT_EQ(root["c"].raw(), "{ \"d\" : [ ] }");
    EXPECT_EQ(root["c"]["d"].raw(), "[ ]");
    EXPECT_EQ(root["c"]["d"].parent(), root["c"]);
    EXPECT_FALSE(root.parent());
}

TEST(Json, the_last_of_equal_keys_counts)
{
    Json json;
    ASSERT_TRUE(json.parse(R"({"a":1,"b":2,"\u0061":3})"));
    EXPECT_EQ(json.root()["a"].integer(), 3);
    EXPECT_EQ(json.root().begin()->key(), "a");
}

TEST(Json, keys_are_known_by_what_their_escapes_mean)
{
    Json document;
    ASSERT_TRUE(document.parse(R"({"plain":1,"\u0063af\u00e9":2,"\"":3,"pla\u0069n":4,"":5})"));
    JsonValue root = document.root();
    EXPECT_EQ(root["caf\xc3\xa9"].integer(), 2);
    EXPECT_EQ(root["\""].integer(), 3);
    EXPECT_EQ(root["plain"].integer(), 4);
    EXPECT_EQ(root[""].integer(), 5);
    EXPECT_FALSE(root["\\u0063af\\u00e9"]);
    EXPECT_TRUE(root["caf\xc3\xa9"].has_key("caf\xc3\xa9"));
    EXPECT_FALSE(root["caf\xc3\xa9"].has_key("cafe"));
    ASSERT_TRUE(document.parse(R"({"plain":1})"));
    EXPECT_EQ(document.root()["plain"].integer(), 1);
}

TEST(Json, nowhere_answers_like_null)
{
    Json json;
    ASSERT_TRUE(json.parse(R"({"a":null,"s":"x"})"));
    JsonValue root = json.root();
    EXPECT_TRUE(root["a"]);
    EXPECT_FALSE(root["z"]);
    EXPECT_TRUE(root["z"].is_null());
    EXPECT_FALSE(root["z"]["y"]["x"]);
    EXPECT_FALSE(root["s"]["y"]);
    EXPECT_EQ(root["z"].begin(), root["z"].end());
    EXPECT_EQ(root["s"].begin(), root["s"].end());
    EXPECT_EQ(root["z"].text(), "");
    EXPECT_FALSE(root["z"].integer());
    EXPECT_FALSE(root["z"].parent());
    EXPECT_EQ(root["z"].canonical(), "null");
}

TEST(Json, scalars)
{
    Json json;
    ASSERT_TRUE(json.parse(
        R"(["a\u00e9\n\ud83d\ude00\/",12,-3,1.5,1e400,99999999999999999999,true,false])"));
    auto at = json.root().begin();
    EXPECT_EQ(at->text(), "aé\n😀/");
    EXPECT_EQ((++at)->integer(), 12);
    EXPECT_EQ((++at)->integer(), -3);
    EXPECT_FALSE((++at)->integer());
    EXPECT_EQ(at->number(), 1.5);
    EXPECT_FALSE((++at)->number());
    EXPECT_FALSE((++at)->integer());
    EXPECT_EQ(at->number(), 1e20);
    EXPECT_EQ((++at)->boolean(), true);
    EXPECT_FALSE(at->number());
    EXPECT_EQ((++at)->boolean(), false);
}

TEST(Json, canonical_text_is_sorted_and_without_blanks)
{
    Json json;
    ASSERT_TRUE(json.parse(R"({ "b" : [ 1 , "x\u0041" , [] , {} ], "a": {"y":1,"x":2,"y":3} })"));
    EXPECT_EQ(json.root().canonical(), R"({"a":{"x":2,"y":3},"b":[1,"xA",[],{}]})");
}

TEST(Json, writes_strings_that_it_reads)
{
    std::string text = "[";
    append_json_string(text, "a\"b\\c\n\x01é");
    text += "]";
    Json json;
    ASSERT_TRUE(json.parse(text)) << text;
    EXPECT_EQ(json.root().begin()->text(), "a\"b\\c\n\x01é");
}

}
