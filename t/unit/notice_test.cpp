/* Notices: read from what the database prepares, and told to people in words. */

#include "worker/notice.hpp"
#include "worker/notice_text.hpp"

#include "t/unit/notice_samples.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

constexpr std::string_view base = "https://errors.example.com";

NoticeText told(const std::string &json)
{
    return text_of(read_notice(json), base);
}

std::string happened(const std::string &kind, const std::string &reason, const std::string &issue = sample_issue())
{
    return told(sample(kind, issue + (issue.empty() ? "" : ", ") + "\"reason\": " + reason)).happened;
}

TEST(Notice, IsReadWithAllItHas)
{
    Notice notice = read_notice(samples[1]);
    EXPECT_EQ(notice.kind, NoticeKind::regression);
    EXPECT_EQ(notice.at, "2026-01-31T12:00:00.000Z");
    EXPECT_FALSE(notice.rule);
    EXPECT_EQ(notice.project.id, 7);
    EXPECT_EQ(notice.project.organization, "acme");
    ASSERT_TRUE(notice.issue);
    EXPECT_EQ(notice.issue->id, 42);
    EXPECT_EQ(notice.issue->events, 1234);
    EXPECT_EQ(notice.issue->first_release, "1.2.0");
    EXPECT_EQ(notice.issue->last_release, "") << "null";
    ASSERT_TRUE(notice.event);
    EXPECT_EQ(notice.event->environment, "production");
    EXPECT_EQ(notice.reason.resolved_by, "jo@example.com");
    EXPECT_FALSE(notice.reason.events);
    EXPECT_FALSE(notice.digest);
    EXPECT_EQ(read_notice(samples[0]).rule->name, "All that is new");
    EXPECT_EQ(read_notice(samples[7]).digest->by_kind.at(1).second, 5);
}

TEST(Notice, NamesEachKindAsItIsWritten)
{
    for (const char *kind : {"new_issue", "regression", "unignored", "frequency", "spike", "quota_reached", "behind", "digest",
                             "test", "create", "close", "reopen"})
    {
        EXPECT_EQ(word_of(read_notice(sample(kind, "")).kind), kind);
    }
}

TEST(Notice, IsRefusedWhenItIsNone)
{
    for (const std::string &json : {std::string(), std::string("[]"), std::string("{"), std::string("{}"), sample("party", ""),
                                    std::string(R"({"kind": "test"})"), sample("test", R"("issue": {"title": "no id"})"),
                                    std::string(R"({"kind": "test", "project": {"id": -1, "slug": "a", "organization": "b"}})"),
                                    std::string(R"({"kind": "test", "project": {"id": 1, "slug": "a"}})"),
                                    sample("digest", R"("digest": {"by_kind": {"party": 1}})")})
    {
        EXPECT_THROW(read_notice(json), NoticeError) << json;
    }
    try {
        read_notice(sample("party", ""));
        FAIL();
    } catch (const NoticeError &error) {
        EXPECT_STREQ(error.what(), "a notice is of an unknown kind, \"party\": errtrack-worker and the database are not of the "
                                   "same version, migrate the database and restart the workers");
    }
}

TEST(Notice, KeepsTheBeginningOfTextsThatAreTooLong)
{
    std::string sign = "\xe2\x82\xac";
    std::string title;
    while (title.size() < 1'000'000) {
        title += sign;
    }
    Notice notice = read_notice(sample("new_issue", sample_issue(title) + ", " + sample_event));
    EXPECT_LE(notice.issue->title.size(), most_notice_text);
    EXPECT_GE(notice.issue->title.size(), most_notice_text - 3);
    EXPECT_EQ(notice.issue->title.size() % 3, 0u) << "no half of a character";
    EXPECT_EQ(notice.issue->culprit, "shop.cart in total") << "what stands behind it";
    EXPECT_LT(notice.json.size(), most_notice_text + 2000);
    EXPECT_EQ(read_notice(notice.json).issue->title, notice.issue->title);
}

TEST(Notice, TakesBytesThatAreNoCharacters)
{
    Notice notice = read_notice(R"({"kind": "test", "project": {"id": 7, "slug": "shop", "organization": "acme", "name": "a)"
                                "\xff\xc3" R"(b\u0000c\ud800d"}})");
    EXPECT_EQ(notice.project.name, "a\xef\xbf\xbd\xef\xbf\xbd" "b\xef\xbf\xbd" "c\xef\xbf\xbd" "d");
}

TEST(NoticeText, IsWhatAPersonReads)
{
    NoticeText regression = told(samples[1]);
    EXPECT_EQ(regression.subject, "[shop] SHOP-1A Back: ValueError: invalid literal");
    EXPECT_EQ(plain_text(regression),
              "Back after it was resolved in 1.2.0 by jo@example.com on 2026-01-20 10:00 UTC\n"
              "\n"
              "SHOP-1A ValueError: invalid literal\n"
              "shop.cart in total\n"
              "\n"
              "Project:     Shop\n"
              "Environment: production\n"
              "Release:     1.3.0\n"
              "Events:      1,234\n"
              "Users:       1\n"
              "First seen:  2026-01-30 08:15 UTC in 1.2.0\n"
              "Last seen:   2026-01-31 11:59 UTC\n"
              "\n"
              "https://errors.example.com/acme/shop/issues/42/\n");

    NoticeText digest = told(samples[7]);
    EXPECT_EQ(digest.subject, "[shop] 415 messages more, in one");
    EXPECT_EQ(plain_text(digest),
              "415 messages more, in one\n"
              "\n"
              "410 new errors\n"
              "5 errors back after they were resolved\n"
              "3 muted\n"
              "SHOP-1A ValueError: invalid literal\n"
              "SHOP-1B <b>KeyError</b>\n"
              "\n"
              "Project:     Shop\n"
              "\n"
              "https://errors.example.com/acme/shop/issues/?query=firstSeen%3A%3E%3D2026-01-31T11%3A00Z\n");
    EXPECT_EQ(told(sample("digest", R"("digest": {"beyond": 1, "by_kind": {"behind": 1}, "query": null})")).link, "");

    EXPECT_EQ(plain_text(text_of(read_notice(samples[0]), "")),
              "New error\n"
              "\n"
              "SHOP-1A ValueError: invalid literal\n"
              "shop.cart in total\n"
              "\n"
              "Project:     Shop\n"
              "Environment: production\n"
              "Release:     1.3.0\n"
              "Events:      1,234\n"
              "Users:       1\n"
              "First seen:  2026-01-30 08:15 UTC in 1.2.0\n"
              "Last seen:   2026-01-31 11:59 UTC\n"
              "Rule:        All that is new\n")
        << "without the address of the pages";
}

TEST(NoticeText, SaysWhatHappened)
{
    EXPECT_EQ(told(samples[2]).happened, "Back after it was ignored by jo@example.com: seen 1,000 times by now");
    EXPECT_EQ(told(samples[3]).happened, "Seen 500 times by 20 users in 60 minutes");
    EXPECT_EQ(told(samples[4]).happened, "6 times as many as usual: 300 events in 10 minutes, usually 300 an hour");
    EXPECT_EQ(told(samples[5]).happened, "Quota reached: 12,345 reports refused in the hour from 2026-01-31 11:00 UTC");
    EXPECT_EQ(told(samples[6]).happened, "Reports are filed late: they wait 12 minutes");
    EXPECT_EQ(told(samples[8]).happened, "A test: messages of this project arrive here");
    EXPECT_EQ(happened("unignored", R"({"users": 1})"), "Back after it was ignored: 1 user met it by now");
    EXPECT_EQ(happened("unignored", R"({"until": "2026-02-01T00:00:00Z"})"), "Back after it was ignored until 2026-02-01 00:00 UTC");
    EXPECT_EQ(happened("frequency", R"({"users": 20, "minutes": 1440})"), "Seen by 20 users in 24 hours");
    EXPECT_EQ(happened("spike", R"({"events": 7, "minutes": 60, "usual_per_hour": 0.25})"),
              "28 times as many as usual: 7 events in 60 minutes, usually 0.3 an hour");
    EXPECT_EQ(happened("spike", R"({"events": 7, "minutes": 60, "usual_per_hour": 0})"), "More than usual: 7 events in 60 minutes");
    EXPECT_EQ(happened("spike", R"({"events": 7, "minutes": 0, "usual_per_hour": 1e308})"), "More than usual");
    EXPECT_EQ(happened("behind", R"({"seconds": 1})", ""), "Reports are filed late: they wait 1 second");
    EXPECT_EQ(happened("close", R"({"resolved_by": "jo@example.com"})"), "Resolved by jo@example.com");
    for (const auto &[level, words] : {std::pair("fatal", "New fatal error"), {"error", "New error"}, {"warning", "New warning"},
                                       {"info", "New message"}, {"debug", "New message"}, {"loud", "New error"}})
    {
        std::string issue = sample_issue();
        issue.replace(issue.find("\"error\""), 7, '"' + std::string(level) + '"');
        EXPECT_EQ(happened("new_issue", "{}", issue), words);
    }
}

TEST(NoticeText, SaysOfADigestWhatItIsOf)
{
    EXPECT_EQ(told(sample("digest", R"("digest": {"muted": 2, "by_kind": {"regression": 2}})")).subject,
              "[shop] 2 messages of muted hours, in one");
    EXPECT_EQ(told(sample("digest", R"("digest": {"beyond": 1, "by_kind": {"regression": 1}})")).subject,
              "[shop] 1 message more, in one");
}

TEST(NoticeText, LacksNothingWhenAReasonIsAbsent)
{
    for (const auto &[kind, words] : {std::pair("regression", "Back after it was resolved"), {"unignored", "Back after it was ignored"},
                                      {"frequency", "Seen often"}, {"spike", "More than usual"}, {"quota_reached", "Quota reached"},
                                      {"behind", "Reports are filed late"}, {"digest", "0 messages more, in one"}})
    {
        EXPECT_EQ(told(sample(kind, sample_issue())).happened, words);
        EXPECT_FALSE(told(sample(kind, "")).subject.empty());
    }
}

TEST(NoticeText, IsOneLineEachOfCharactersThatAreSeen)
{
    NoticeText text = told(sample("new_issue", sample_issue("\n\ta\r\n\nb\x01" "c \xe2\x80\xa8" "d\xe2\x80\xae" "e\xef\xbb\xbf" "f\xc2\x85g \x7f ")));
    EXPECT_EQ(text.title, "a b c def g");
    EXPECT_EQ(text.subject, "[shop] SHOP-1A New: a b c def g");
    EXPECT_EQ(told(sample("new_issue", sample_issue("\xd7\x90\xd7\x91 \xe2\x80\xab\xd7\x92"))).title, "\xd7\x90\xd7\x91 \xd7\x92")
        << "letters from right to left stay, marks do not";
    EXPECT_EQ(told(sample("new_issue", sample_issue(std::string(1'000'000, 'x')))).title, std::string(499, 'x') + "\xe2\x80\xa6");
}

}
}
