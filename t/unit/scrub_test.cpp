/* What is scrubbed out of documents, and that nothing else changes. */

#include "worker/scrub.hpp"

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/event_settings.hpp"

using namespace errtrack;

namespace {

std::string scrubbed(std::string_view text, const ScrubOptions &options = {})
{
    Json document;
    EXPECT_TRUE(document.parse(text)) << text;
    Scrubber(options).scrub(document);
    /* Every place still stands for what a reader of the text finds there. */
    std::string result(document.root().raw());
    Json again;
    EXPECT_TRUE(again.parse(result)) << result;
    EXPECT_EQ(document.root().canonical(), again.root().canonical());
    EXPECT_EQ(document.size(), again.size());
    return result;
}

TEST(Scrub, values_under_secret_names)
{
    EXPECT_EQ(scrubbed(R"({ "password" : "x" ,"a":1})"), R"({ "password" : "[Filtered]" ,"a":1})");
    EXPECT_EQ(scrubbed(R"({"a":{"token":12},"b":[{"Api-Key":"k"}]})"),
              R"({"a":{"token":"[Filtered]"},"b":[{"Api-Key":"[Filtered]"}]})");
    EXPECT_EQ(scrubbed(R"({"auth":{"user":"bob","ok":true,"n":null,"list":[1,"x"]}})"),
              R"({"auth":{"user":"[Filtered]","ok":true,"n":null,"list":["[Filtered]","[Filtered]"]}})");
    EXPECT_EQ(scrubbed(R"({"passw\u006frd":"x"})"), R"({"passw\u006frd":"[Filtered]"})");
    std::string name(70, 'k');
    EXPECT_EQ(scrubbed("{\"" + name + "_password\":\"x\"}"), "{\"" + name + "_password\":\"[Filtered]\"}");
    EXPECT_EQ(scrubbed(R"({"password":"","secret":"[Filtered]"})"),
              R"({"password":"","secret":"[Filtered]"})");
}

TEST(Scrub, requests)
{
    EXPECT_EQ(scrubbed(R"({"request":{"cookies":{"a":"1","b":"2"},"headers":{"Cookie":"a=1",)"
                       R"("Authorization":["Bearer x"],"Host":"h"},"query_string":"token=1&a=b",)"
                       R"("data":"{\"password\": \"p\", \"a\": \"b\"}"}})"),
              R"({"request":{"cookies":{"a":"[Filtered]","b":"[Filtered]"},"headers":)"
              R"({"Cookie":"[Filtered]","Authorization":["[Filtered]"],"Host":"h"},)"
              R"("query_string":"token=[Filtered]&a=b",)"
              R"("data":"{\"password\": \"[Filtered]\", \"a\": \"b\"}"}})");
}

TEST(Scrub, json_in_texts)
{
    EXPECT_EQ(scrubbed(R"({"a":"{\"credentials\": {\"key\": \"x\"}, \"b\": 1}"})"),
              R"({"a":"{\"credentials\": [Filtered], \"b\": 1}"})");
    EXPECT_EQ(scrubbed(R"({"a":"{\\\"password\\\": \\\"one two\\\"}"})"),
              R"({"a":"{\\\"password\\\": \\\"[Filtered]\\\"}"})");
}

TEST(Scrub, lists_of_pairs)
{
    EXPECT_EQ(scrubbed(R"({"headers":[["Cookie","a=1"],["Host","h"],["token",{"a":"x"}]]})"),
              R"({"headers":[["Cookie","[Filtered]"],["Host","h"],["token",{"a":"[Filtered]"}]]})");
    EXPECT_EQ(scrubbed(R"({"words":["token","x"],"a":[["token"],["token","x","y"]]})"),
              R"({"words":["token","x"],"a":[["token"],["token","x","y"]]})");
    EXPECT_EQ(scrubbed(R"({"cookies":[["a","1"]]})"),
              R"({"cookies":[["[Filtered]","[Filtered]"]]})");
}

TEST(Scrub, texts_and_numbers)
{
    EXPECT_EQ(scrubbed(R"({"message":"pay 4111111111111111","n":4111111111111111})"),
              R"({"message":"pay [Filtered]","n":"[Filtered]"})");
    EXPECT_EQ(scrubbed(R"({"a":"\u00fc -----BEGIN PRIVATE KEY-----\nMI\n-----END PRIVATE KEY----- \t"})"),
              "{\"a\":\"\xc3\xbc [Filtered] \\u0009\"}");
    EXPECT_EQ(scrubbed(R"({"a":"token\u003dx"})"), R"({"a":"token=[Filtered]"})");
}

TEST(Scrub, what_is_about_software)
{
    EXPECT_EQ(scrubbed(R"({"sdk":{"name":"a.b","settings":{"password":"x"},"packages":[{"name":"npm:auth"}]},)"
                       R"("debug_meta":{"images":[{"code_file":"https://h/a.js?token=x","password":"x"}]}})"),
              R"({"sdk":{"name":"a.b","settings":{"password":"[Filtered]"},"packages":[{"name":"npm:auth"}]},)"
              R"("debug_meta":{"images":[{"code_file":"https://h/a.js?token=[Filtered]","password":"[Filtered]"}]}})");
    ScrubOptions options;
    options.secrets = false;
    options.addresses = true;
    std::string text = R"({"sdk":{"settings":{"password":"x"}}})";
    EXPECT_EQ(scrubbed(text, options), text);
}

TEST(Scrub, names_of_packages_and_of_members_elsewhere_stay)
{
    std::string text = R"({"modules":{"jsonwebtoken":"8.5","auth":"1","cookie":"2"},)"
                       R"("_meta":{"request":{"cookies":{"":{"len":12,"rem":[["!config","x"]]}}}}})";
    EXPECT_EQ(scrubbed(text), text);
}

TEST(Scrub, parts_of_documents)
{
    Json document;
    ASSERT_TRUE(document.parse(R"({"sid":"1","attrs":{"b":"token=x","a":"token=y"},"n":"token=z"})"));
    JsonValue attrs = document.root()["attrs"];
    Scrubber().scrub(document, {document.root()["n"], attrs["a"], attrs["none"], JsonValue()});
    EXPECT_EQ(document.root().raw(),
              R"({"sid":"1","attrs":{"b":"token=x","a":"token=[Filtered]"},"n":"token=[Filtered]"})");
    EXPECT_EQ(attrs["a"].text(), "token=[Filtered]");

    ASSERT_TRUE(document.parse(R"({"cookies":{"a":{"b":"x"},"locale":{"c":"y"}}})"));
    JsonValue cookies = document.root()["cookies"];
    ScrubOptions options;
    options.exempt = {"locale"};
    Scrubber(options).scrub(document, {cookies["a"]["b"], cookies["locale"]["c"]});
    EXPECT_EQ(document.root().raw(), R"({"cookies":{"a":{"b":"[Filtered]"},"locale":{"c":"y"}}})");
}

TEST(Scrub, texts_that_stand_alone)
{
    EXPECT_EQ(Scrubber().scrub(std::string_view("a token=x&b")), "a token=[Filtered]&b");
    EXPECT_EQ(Scrubber().scrub(std::string_view("")), "");
    ScrubOptions options;
    options.secrets = false;
    options.addresses = true;
    EXPECT_EQ(Scrubber(options).scrub(std::string_view("token=x")), "token=x");
}

TEST(Scrub, harmless_documents_stay_byte_for_byte)
{
    std::string text = "{ \"a\" : \"\\u0041\\/\", \"tags\":[[\"a\",\"b\"]],\t\"n\":1e400 }";
    EXPECT_EQ(scrubbed(text), text);
}

TEST(Scrub, options)
{
    ScrubOptions options;
    options.keys = {"iban"};
    options.exempt = {"csrf", "locale"};
    EXPECT_EQ(scrubbed(R"({"iban":"x","csrf":"y","cookies":{"locale":"de","a":"b"}})", options),
              R"({"iban":"[Filtered]","csrf":"y","cookies":{"locale":"de","a":"[Filtered]"}})");
    EXPECT_EQ(scrubbed(R"({"cookies":[["locale","de"],["a","b"]],"m":"csrf=1 iban=2"})", options),
              R"({"cookies":[["locale","de"],["[Filtered]","[Filtered]"]],"m":"csrf=1 iban=[Filtered]"})");
    options.secrets = false;
    std::string text = R"({"iban":"x","password":"4111111111111111","user":{"ip_address":"192.0.2.1"}})";
    EXPECT_EQ(scrubbed(text, options), text);
    options.addresses = true;
    EXPECT_EQ(scrubbed(text, options),
              R"({"iban":"x","password":"4111111111111111","user":{"ip_address":"[Filtered]"}})");
}

TEST(Scrub, addresses)
{
    ScrubOptions options;
    options.addresses = true;
    EXPECT_EQ(scrubbed(R"({"user":{"ip_address":"1.2.3.4","id":5},"sdk":{"client_ip":"1.2.3.4"},)"
                       R"("request":{"env":{"REMOTE_ADDR":"1.2.3.4"},"headers":[["X-Real-IP","1.2.3.4"]]}})",
                       options),
              R"({"user":{"ip_address":"[Filtered]","id":5},"sdk":{"client_ip":"[Filtered]"},)"
              R"("request":{"env":{"REMOTE_ADDR":"[Filtered]"},"headers":[["X-Real-IP","[Filtered]"]]}})");
}

TEST(Scrub, many_edits_in_one_document)
{
    std::string text = "{\"a\":[";
    std::string wanted = text;
    for (int i = 0; i < 1000; i++) {
        std::string rest = ",\"n\":{\"x\":[1,{\"y\":\"z\"}]}}";
        text += (i > 0 ? ",{\"password\":\"" : "{\"password\":\"") + std::string(1 + i % 30, 'p')
                + "\"" + rest;
        wanted += (i > 0 ? ",{\"password\":\"[Filtered]\"" : "{\"password\":\"[Filtered]\"") + rest;
    }
    EXPECT_EQ(scrubbed(text + "]}"), wanted + "]}");
}

/* Also what an event is grouped, titled and told apart by is free of secrets. */
TEST(Scrub, comes_before_everything_else)
{
    EventContext context;
    context.client_address = "192.0.2.7";
    auto with = [&](std::string_view secret) {
        return *parse_event("{\"message\":\"no login with token=" + std::string(secret) + "\"}", context);
    };
    EXPECT_EQ(with("abc").title, "no login with token=[Filtered]");
    EXPECT_EQ(with("abc").hashes[0].hash, with("xyz").hashes[0].hash);
    EXPECT_EQ(with("abc").payload.find("abc"), std::string::npos);
}

TEST(Scrub, users_are_not_told_apart_by_addresses_that_are_removed)
{
    EventSettings settings = read_event_settings(R"({"addresses":true})");
    EventContext context;
    context.client_address = "192.0.2.7";
    context.settings = &settings;
    for (std::string_view body : {R"({"user":{"ip_address":"192.0.2.1"}})", R"({"platform":"javascript"})",
                                  R"({"user":{"ip_address":"{{auto}}"}})",
                                  R"({"request":{"env":{"REMOTE_ADDR":"192.0.2.1"}}})"}) {
        std::optional<Event> event = parse_event(body, context);
        EXPECT_FALSE(event->user) << body;
        EXPECT_EQ(event->payload.find("192.0.2"), std::string::npos) << body;
    }
    EXPECT_TRUE(parse_event(R"({"user":{"id":1,"ip_address":"192.0.2.1"}})", context)->user);
}

}
