/*
 * Records: the lines of the edge, and that every item which the edge counted is booked
 * once, whatever becomes of it.
 */

#include "t/unit/edge_agreement.hpp"

#include <gtest/gtest.h>

#include <map>

namespace errtrack {
namespace {

using Booked = std::map<std::string, int>;

/* "category outcome reason" -> how often; what is to be stored counts as that. */
Booked booked(const Record &record, std::size_t attachment_bytes = attachment_bytes_default,
              const EventSettings &settings = EventSettings())
{
    Content content = read_content(record, attachment_bytes, settings);
    Booked found;
    for (std::size_t i = 0; i < content.attachments.size(); i++) {
        found["attachment stored"]++;
    }
    for (std::size_t i = 0; i < content.events.size(); i++) {
        found["error stored"]++;
    }
    for (const Item &item : content.items) {
        found[item.category + " stored"]++;
    }
    for (const ItemOutcome &item : content.outcomes) {
        found[item.category + " " + std::string(item.outcome) + " " + item.reason]++;
    }
    return found;
}

const std::string envelope =
    "{}\n{\"type\":\"event\"}\n{\"message\":\"m\"}\n{\"type\":\"event\"}\n{\"message\":\"n\"}\n"
    "{\"type\":\"attachment\",\"length\":1}\nx\n{\"type\":\"session\"}\n{}\n{\"type\":\"client_report\"}\n{}\n"
    "{\"type\":\"new_thing\"}\n{}\n{\"type\":\"feedback\"}\n{}\n";
const std::string envelope_items =
    "attachment:1,client_report:1,event:2,feedback:1,new_thing:1,session:1";

TEST(Record, ReadsTheLinesOfTheEdge)
{
    Record record = make_record(Endpoint::envelope, "{}", "event:1,attachment:2", "text/plain; a=b",
                                "drop error,attachment,bogus\nenc gzip\naddr 192.0.2.1\npub abc\nnew thing\n");
    EXPECT_EQ(record.items, "event:1,attachment:2");
    EXPECT_EQ(record.content_type, "text/plain; a=b");
    EXPECT_EQ(record.dropped, 1u << 1 | 1u << 4);
    EXPECT_EQ(record.encoding, "gzip");
    EXPECT_EQ(record.address, "192.0.2.1");
    EXPECT_EQ(record.public_key, "abc");
    EXPECT_EQ(record.filter, "");
    EXPECT_EQ(record.plain_bytes, 2u);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

/* The fields of each part of an entry. */
std::vector<Fields> parts(const Fields &fields)
{
    std::vector<Fields> found;
    for (QueueEntry &part : parts_of({"stream", "1-2", 3, fields})) {
        EXPECT_EQ(part.stream, "stream");
        EXPECT_EQ(part.id, "1-2");
        EXPECT_EQ(part.deliveries, 3);
        EXPECT_LE(count_records(part), 1u);
        found.push_back(std::move(part.fields));
    }
    return found;
}

TEST(Record, AnEntryIsTakenApartIntoOnesOfOneRecord)
{
    EXPECT_EQ(parts({{"m", "1"}, {"b", "2"}, {"m", "3"}, {"b", "4"}}),
              (std::vector<Fields>{{{"m", "1"}, {"b", "2"}}, {{"m", "3"}, {"b", "4"}}}));
    EXPECT_EQ(parts({{"m", "1"}, {"b", "2"}}), (std::vector<Fields>{{{"m", "1"}, {"b", "2"}}}));
    EXPECT_EQ(parts({{"x", "0"}, {"m", "1"}, {"m", "2"}, {"b", "3"}, {"x", "4"}}),
              (std::vector<Fields>{{{"x", "0"}, {"m", "1"}}, {{"m", "2"}, {"b", "3"}, {"x", "4"}}}));
    EXPECT_EQ(parts({{"b", "1"}}), (std::vector<Fields>{{{"b", "1"}}}));
    EXPECT_EQ(parts({}), std::vector<Fields>());
}

TEST(Record, AFilterIsAWord)
{
    auto filter = [](std::string name) {
        return make_record(Endpoint::envelope, "", "", "", "filter " + name + "\n").filter;
    };
    EXPECT_EQ(filter("web-crawlers"), "web-crawlers");
    EXPECT_EQ(filter(std::string(40, 'a')), std::string(40, 'a'));
    EXPECT_EQ(filter(std::string(41, 'a')), "other");
    EXPECT_EQ(filter("Web Crawlers"), "other");
}

TEST(Record, ReadsWhatTheEdgeSaysOfTheClient)
{
    Record record = make_record(Endpoint::store, "{}", "event:1", "", "agent curl/8\nsdk sentry.go/1\nquery a=b\nrid 7\n");
    EXPECT_EQ(record.agent, "curl/8");
    EXPECT_EQ(record.client, "sentry.go/1");
    EXPECT_EQ(record.query, "a=b");
    EXPECT_EQ(record.request_id, "7");
}

/* What is wrong with an entry of one record with this metadata; empty: nothing. */
std::string fault(const std::string &meta, Fields more = {{"b", "{}"}})
{
    QueueEntry entry;
    entry.fields = {{"m", meta}};
    entry.fields.insert(entry.fields.end(), more.begin(), more.end());
    try {
        records_of(entry, 1700000000000000);
    } catch (const UnknownVersion &error) {
        return std::string("newer: ") + error.what();
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
    return {};
}

TEST(Record, IsRefusedWhenItCannotBeRead)
{
    const std::string good = "v 1\nid 0123456789abcdef0123456789abcdef\nat 1700000000000000\nproject 1\n";
    EXPECT_EQ(fault(good), "");
    EXPECT_EQ(fault("v 99\n"), "newer: format version \"99\" is not known");
    EXPECT_EQ(fault("v 1\nid x\nat 1700000000000000\nproject 1\n"), "the metadata lacks v, id, at or project");
    EXPECT_EQ(fault(good + "project -1\n"), "the metadata lacks v, id, at or project");
    for (std::string_view number : {"1x", "", "99999999999999999999", "0x1"}) {
        EXPECT_EQ(fault(good + "project " + std::string(number) + "\n"), "a number in the metadata cannot be read") << number;
    }
    EXPECT_EQ(fault(good, {}), "an entry without a record");
    EXPECT_EQ(fault(good, {{"m", good}, {"b", "{}"}}), "a record without a body");
}

TEST(Record, HasATimeThatPartitionsReach)
{
    constexpr std::int64_t now = 1700000000000000;
    auto at = [](std::string_view time) {
        return make_record(Endpoint::store, "{}", "", "", "at " + std::string(time) + "\n").received_at;
    };
    constexpr std::int64_t hour = 3'600'000'000;
    EXPECT_EQ(at("1"), (now - 7 * 24 * hour) / hour * hour) << "of a clock that stands";
    EXPECT_EQ(at("1800000000000000"), (now + 300'000'000) / hour * hour) << "of a clock that is ahead";
    EXPECT_EQ(at("1700000000000001"), 1700000000000001);
}

TEST(Record, FilteredItemsAreBookedByTheSummary)
{
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "", "attachment:2,event:1,weird:3", "", "filter ip-address\n")),
              (Booked{{"attachment filtered ip-address", 2}, {"error filtered ip-address", 1},
                      {"default filtered ip-address", 3}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "", "", "", "filter ip-address\n")), Booked());
    for (std::string broken : {",", ":", "a", "a:", "a:-1", ":1,,", "a:99999999999999999999"}) {
        EXPECT_LE(booked(make_record(Endpoint::envelope, "", broken, "", "filter x\n")).size(), 1u) << broken;
    }
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "", "event:4000000000,attachment:1", "", "filter x\n")),
              (Booked{{"error filtered x", 10000}}));
}

TEST(Record, ItemsOfAnEnvelope)
{
    EXPECT_EQ(booked(make_record(Endpoint::envelope, envelope, envelope_items)),
              (Booked{{"error stored", 1}, {"error discarded duplicate_item", 1},
                      {"attachment stored", 1}, {"session invalid release", 1},
                      {"internal stored", 1}, {"default discarded type:other", 1},
                      {"feedback invalid invalid_feedback", 1}}));
}

TEST(Record, ASecondEventTakesNoPlace)
{
    EventSettings settings;
    settings.filters.messages = {"noise*"};
    auto of = [&](const char *first, const char *second) {
        return booked(make_record(Endpoint::envelope, std::string("{}\n{\"type\":\"event\"}\n") + first
                                                          + "\n{\"type\":\"event\"}\n" + second
                                                          + "\n{\"type\":\"attachment\",\"length\":1}\nx\n",
                                  "attachment:1,event:2"),
                      attachment_bytes_default, settings);
    };
    const char *good = R"({"message":"m"})";
    const char *unwanted = R"({"message":"noise of a fan"})";
    EXPECT_EQ(of(good, good), (Booked{{"error stored", 1}, {"attachment stored", 1}, {"error discarded duplicate_item", 1}}));
    EXPECT_EQ(of(good, unwanted), of(good, good));
    EXPECT_EQ(of(unwanted, good), (Booked{{"error filtered error-message", 1}, {"attachment filtered error-message", 1},
                                          {"error discarded duplicate_item", 1}}));
    EXPECT_EQ(of("nonsense", good), (Booked{{"error invalid invalid_json", 1}, {"attachment stored", 1},
                                            {"error discarded duplicate_item", 1}}));
}

TEST(Record, FilteredReportsLeaveTheOthersAlone)
{
    EventSettings settings;
    settings.filters.localhost = true;
    std::string local = R"({"csp-report":{"document-uri":"http://localhost/","violated-directive":"img-src","blocked-uri":"data"}})";
    std::string good = R"({"csp-report":{"document-uri":"https://a.example/","violated-directive":"img-src b.example","blocked-uri":"data"}})";
    EXPECT_EQ(booked(make_record(Endpoint::security, local, "raw_security:1"), attachment_bytes_default, settings),
              (Booked{{"error filtered localhost", 1}}));
    Content content = read_content(make_record(Endpoint::security, "[" + good + "," + local + "]", "raw_security:2"),
                                   attachment_bytes_default, settings);
    ASSERT_EQ(content.events.size(), 1u);
    EXPECT_EQ(content.events[0].culprit, "img-src b.example");
    std::string report = "{\"type\":\"raw_security\"}\n" + local + "\n";
    std::string event = "{\"type\":\"event\"}\n{}\n";
    std::string file = "{\"type\":\"attachment\",\"length\":1}\nx\n";
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n" + event + report + file, "attachment:1,event:1,raw_security:1"),
                     attachment_bytes_default, settings),
              (Booked{{"error stored", 1}, {"error filtered localhost", 1}, {"attachment stored", 1}}));
}

TEST(Record, ReportsAreItemsToo)
{
    std::string report = "{\"type\":\"raw_security\"}\n{\"expect-ct-report\":{\"hostname\":\"a\"}}\n";
    std::string event = "{\"type\":\"event\"}\n{}\n";
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n" + report + event, "event:1,raw_security:1")),
              (Booked{{"error stored", 2}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n{\"type\":\"nel\"}\n[{}]\n" + event, "event:1,nel:1")),
              (Booked{{"error stored", 1}, {"error invalid invalid_json", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n" + report, "raw_security:1", "", "drop error\n")),
              (Booked{{"error rate_limited quota", 1}}));
}

TEST(Record, DroppedCategoriesAreRateLimited)
{
    EXPECT_EQ(booked(make_record(Endpoint::envelope, envelope, envelope_items, "", "drop error,attachment\n")),
              (Booked{{"error rate_limited quota", 2}, {"attachment rate_limited quota", 1},
                      {"session invalid release", 1}, {"internal stored", 1},
                      {"default discarded type:other", 1}, {"feedback invalid invalid_feedback", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, envelope, envelope_items, "", "drop all\n")),
              (Booked{{"error rate_limited quota", 2}, {"attachment rate_limited quota", 1},
                      {"session rate_limited quota", 1}, {"internal stored", 1},
                      {"default rate_limited quota", 1}, {"feedback rate_limited quota", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::store, "{}", "event:1", "", "drop error\n")),
              (Booked{{"error rate_limited quota", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::store, "{\"type\":\"transaction\"}", "transaction:1", "", "drop error\n")),
              (Booked{{"transaction invalid invalid_transaction", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::security, "[{},{}]", "raw_security:2", "", "drop error\n")),
              (Booked{{"error rate_limited quota", 2}}));
}

TEST(Record, WhatCannotBeReadIsBookedByTheSummary)
{
    Record broken = make_record(Endpoint::envelope, "nonsense", "attachment:2,event:1");
    EXPECT_EQ(booked(broken), (Booked{{"attachment invalid invalid_envelope", 2},
                                      {"error invalid invalid_envelope", 1}}));
    broken.items.clear();
    EXPECT_EQ(booked(broken), (Booked{{"default invalid invalid_envelope", 1}}));
    broken.encoding = "gzip";
    EXPECT_EQ(booked(broken), (Booked{{"default invalid invalid_compression", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::store, "{\"a\":nope,\"type\":\"transaction\"}", "transaction:1")),
              (Booked{{"transaction invalid invalid_json", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::store, "garbage!", "")), (Booked{{"error invalid invalid_json", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::security, "[{},nope]", "raw_security:2")),
              (Booked{{"error invalid invalid_json", 2}}));
    EXPECT_EQ(booked(make_record(Endpoint::attachments, "x", "attachment:3")),
              (Booked{{"attachment invalid invalid_multipart", 3}}));
}

TEST(Record, Reports)
{
    EXPECT_EQ(booked(make_record(Endpoint::security, "{\"csp-report\":{}}", "raw_security:1")),
              (Booked{{"error invalid security_report", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::nel, "[{},{},{}]", "nel:3")),
              (Booked{{"error discarded security_report_type", 3}}));
    std::string report = "{\"expect-ct-report\":{\"hostname\":\"a\"}}";
    std::string list = "[" + report + "," + report + ",5,{\"csp-report\":{}}]";
    EXPECT_EQ(booked(make_record(Endpoint::security, list, "raw_security:4")),
              (Booked{{"error stored", 2}, {"error invalid security_report", 1},
                      {"error discarded security_report_type", 1}}));
    Content content = read_content(make_record(Endpoint::security, list, "raw_security:4"));
    EXPECT_EQ(content.events[0].id.size(), 32u);
    EXPECT_NE(content.events[0].id, content.events[1].id);
    EXPECT_EQ(read_content(make_record(Endpoint::security, list, "raw_security:4")).events[1].id, content.events[1].id);
    EXPECT_EQ(booked(make_record(Endpoint::security, "[]", "")), Booked());
}

const std::string span_list_header =
    "{\"type\":\"span\",\"content_type\":\"application/vnd.sentry.items.span.v2+json\",\"item_count\":3}\n";
const std::string span_list_items =
    "{\"items\":[{\"is_segment\":true,\"trace_id\":\"0123456789abcdef0123456789abcdef\",\"span_id\":\"0123456789abcdef\","
    "\"start_timestamp\":1,\"end_timestamp\":2},{\"is_segment\":true},{}]}\n";

TEST(Record, EachSpanOfAListIsBooked)
{
    const std::string one = "{}\n" + span_list_header + span_list_items;
    EXPECT_EQ(booked(make_record(Endpoint::envelope, one, "span:1")),
              (Booked{{"transaction stored", 1}, {"transaction invalid invalid_transaction", 1}, {"span discarded type:span", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, one + span_list_header + span_list_items, "span:2"))["span discarded duplicate_item"], 1);
    EXPECT_EQ(booked(make_record(Endpoint::envelope, one, "span:1", "", "drop transaction\n")),
              (Booked{{"transaction rate_limited quota", 2}, {"span discarded type:span", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, one, "span:1", "", "drop all\n")),
              (Booked{{"transaction rate_limited quota", 2}, {"span rate_limited quota", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n" + span_list_header + "{\"items\":[]}\n", "span:1")),
              (Booked{{"span invalid no_data", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n" + span_list_header + "{}\n", "span:1", "", "drop all\n")),
              (Booked{{"span rate_limited quota", 1}}));
    EXPECT_EQ(booked(make_record(Endpoint::envelope, "{}\n{\"type\":\"span\"}\n" + span_list_items, "span:1")),
              (Booked{{"span discarded type:span", 1}}));
}

std::string described(const Attachment &attachment)
{
    return std::to_string(attachment.position) + " " + attachment.name + " (" + attachment.content_type + ") "
           + attachment.type + " " + attachment.bytes;
}

TEST(Record, AttachmentsOfAnEnvelope)
{
    std::string body = "{}\n{\"type\":\"attachment\",\"length\":5}\na\nb\nc\n{\"type\":\"event\"}\n{}\n"
                       "{\"type\":\"attachment\",\"filename\":\"b\",\"content_type\":\"c/d\",\"attachment_type\":\"unreal.logs\"}\n"
                       "longer\n{\"type\":\"attachment\",\"attachment_type\":\"novelty\"}\n";
    Content content = read_content(make_record(Endpoint::envelope, body, "attachment:3,event:1"), 5);
    ASSERT_EQ(content.attachments.size(), 2u);
    EXPECT_EQ(described(content.attachments[0]), "0 attachment () event.attachment a\nb\nc");
    EXPECT_EQ(described(content.attachments[1]), "2 attachment () event.attachment ");
    ASSERT_EQ(content.outcomes.size(), 1u);
    EXPECT_EQ(content.outcomes[0].reason, "too_large");
    content = read_content(make_record(Endpoint::envelope, body, "attachment:3,event:1"));
    EXPECT_EQ(described(content.attachments.at(1)), "1 b (c/d) unreal.logs longer");
}

TEST(Record, MinidumpsAndAttachments)
{
    auto part = [](std::string disposition, std::string content) {
        return "--xYz\r\nCONTENT-TYPE:  text/x \r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n"
               + content + "\r\n";
    };
    std::string body = part("name=upload_file_minidump; filename=a", "MDMP")
                       + part("name=sentry", "{\"message\":\"crashed\",\"level\":\"error\"}")
                       + part("name=log; filename=b", "x") + "--xYz--";
    EXPECT_EQ(booked(make_record(Endpoint::minidump, body, "attachment:2,event:1")),
              (Booked{{"error stored", 1}, {"attachment stored", 2}}));
    Content content = read_content(make_record(Endpoint::minidump, body, "attachment:2,event:1"));
    EXPECT_EQ(content.events.at(0).title, "crashed");
    EXPECT_EQ(content.events.at(0).level, "error");
    ASSERT_EQ(content.attachments.size(), 2u);
    EXPECT_EQ(described(content.attachments[0]), "0 a (text/x) event.minidump MDMP");
    EXPECT_EQ(described(content.attachments[1]), "1 b (text/x) event.attachment x");
    EXPECT_EQ(content.events.at(0).platform, "native");
    EXPECT_NE(content.events.at(0).payload.find("fedcba9876543210fedcba9876543210"), std::string::npos);
    EXPECT_EQ(booked(make_record(Endpoint::minidump, body, "attachment:2,event:1", test_type, "drop attachment\n")),
              (Booked{{"error stored", 1}, {"attachment rate_limited quota", 2}}));

    content = read_content(make_record(Endpoint::minidump, "MDMP", "attachment:1,event:1", "application/x-dmp"));
    EXPECT_EQ(content.outcomes.size(), 0u);
    EXPECT_EQ(described(content.attachments.at(0)), "0 minidump.dmp (application/x-dmp) event.minidump MDMP");
    EXPECT_EQ(content.events.at(0).title, "Minidump");
    EXPECT_EQ(content.events.at(0).level, "fatal");

    EXPECT_EQ(booked(make_record(Endpoint::attachments, body, "attachment:3")),
              (Booked{{"attachment stored", 3}}));
    content = read_content(make_record(Endpoint::attachments, body, "attachment:3"));
    EXPECT_EQ(content.attachments.at(0).type, "event.attachment");
    EXPECT_EQ(content.attachments.at(1).name, "sentry");
    EXPECT_EQ(booked(make_record(Endpoint::attachments, body, "attachment:3"), 4),
              (Booked{{"attachment stored", 2}, {"attachment discarded too_large", 1}}));
    Record nameless = make_record(Endpoint::attachments, body, "attachment:3");
    nameless.event_id.clear();
    EXPECT_EQ(booked(nameless), (Booked{{"attachment invalid event_id", 3}}));
    EXPECT_EQ(booked(make_record(Endpoint::attachments, body, "attachment:3", test_type, "drop attachment\n")),
              (Booked{{"attachment rate_limited quota", 3}}));
}

}
}
