/* What trackers show of an issue, with texts of the public in all places that have one. */

#include "worker/tracker_text.hpp"

#include "t/unit/hostile_markdown.hpp"
#include "t/unit/tracker_case.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

using namespace errtrack;

namespace {

const std::string mark = "<!-- errtrack delivery 018f2a6e-7c11-7d20-9b7e-5a3c1e0f4b99 -->\n";

TEST(TrackerText, description)
{
    TrackerTask task = tracker_task(NoticeKind::create);
    EXPECT_EQ(tracker_description(task.notice, task.delivery),
              "Reported by errtrack as [`SHOP-1A`](https://errors.example.com/acme/shop/issues/42/).\n"
              "\n"
              "    ValueError: see #1, @all\n"
              "    /close\n"
              "    ```\n"
              "    /assign @root\n"
              "\n"
              "* Culprit: `shop.cart in total`\n"
              "* Level: `error`\n"
              "* Platform: `python`\n"
              "* Environment: `production`\n"
              "* Events: 12\n"
              "* Users: 3\n"
              "* First seen: `2026-01-30T10:00:00Z`\n"
              "* First release: `shop@1.2.0`\n"
              "* Last seen: `2026-01-31T11:59:00Z`\n"
              "* Last release: `shop@1.3.0`\n"
              "* Event: `0123456789abcdef0123456789abcdef`\n"
              "\n" + mark);
}

TEST(TrackerText, description_of_what_little_is_known)
{
    TrackerTask task = tracker_task(NoticeKind::create);
    task.delivery.base = "";
    task.notice.event.reset();
    Notice::Issue &issue = *task.notice.issue;
    issue.type = issue.value = issue.culprit = issue.platform = issue.first_release = issue.last_release = "";
    issue.title = "something";
    EXPECT_EQ(tracker_description(task.notice, task.delivery),
              "Reported by errtrack as `SHOP-1A`.\n"
              "\n"
              "    something\n"
              "\n"
              "* Level: `error`\n"
              "* Events: 12\n"
              "* Users: 3\n"
              "* First seen: `2026-01-30T10:00:00Z`\n"
              "* Last seen: `2026-01-31T11:59:00Z`\n"
              "\n" + mark);
}

TEST(TrackerText, comments)
{
    TrackerTask task = tracker_task(NoticeKind::close);
    task.notice.reason.resolved_at = "2026-01-31T12:00:00Z";
    EXPECT_EQ(tracker_comment(task.notice, task.delivery),
              "Resolved by `jo@example.com` in release `shop@1.2.1` at `2026-01-31T12:00:00Z`: "
              "[`SHOP-1A`](https://errors.example.com/acme/shop/issues/42/) of errtrack.\n\n" + mark);
    task.notice.kind = NoticeKind::reopen;
    EXPECT_EQ(tracker_comment(task.notice, task.delivery),
              "Back with event `0123456789abcdef0123456789abcdef` of release `shop@1.3.0` in `production`, "
              "after it was resolved by `jo@example.com` in release `shop@1.2.1` at `2026-01-31T12:00:00Z`: "
              "[`SHOP-1A`](https://errors.example.com/acme/shop/issues/42/) of errtrack.\n\n" + mark);
    task.notice.reason = {};
    task.notice.event.reset();
    task.delivery.base = "";
    EXPECT_EQ(tracker_comment(task.notice, task.delivery), "Back: `SHOP-1A` of errtrack.\n\n" + mark);
    task.notice.kind = NoticeKind::close;
    EXPECT_EQ(tracker_comment(task.notice, task.delivery), "Resolved: `SHOP-1A` of errtrack.\n\n" + mark);
}

TEST(TrackerText, titles)
{
    TrackerTask task = tracker_task(NoticeKind::create);
    EXPECT_EQ(tracker_title(task.notice, 255), "ValueError: see #\u200b1, @\u200ball");
    task.notice.issue->title = " \n\u202e";
    EXPECT_EQ(tracker_title(task.notice, 255), "SHOP-1A") << "no tracker takes one without a title";
    task.notice.issue->title = std::string(4000, 'x');
    EXPECT_EQ(tracker_title(task.notice, 255), std::string(254, 'x') + "\u2026");
}

/* Without the code in it and empty lines, a text is what was written for it here: no text of the
 * public is left. */
std::string without_code(const std::string &text)
{
    std::istringstream in(text);
    std::string out;
    for (std::string line; std::getline(in, line);) {
        out += line.empty() || line.starts_with("    ") ? "" : line + "\n";
    }
    // A run of ticks, up to the next run of the same length.
    return std::regex_replace(out, std::regex("(^|[^`])(`+)([^`]|[^`](?:.*?)[^`])\\2(?!`)"), "$1");
}

void fill(Notice &notice, const std::string &text)
{
    Notice::Issue &issue = *notice.issue;
    for (std::string *place : {&issue.short_id, &issue.title, &issue.culprit, &issue.level, &issue.type, &issue.value, &issue.platform,
                               &issue.first_seen, &issue.last_seen, &issue.first_release, &issue.last_release, &notice.event->id,
                               &notice.event->release, &notice.event->environment, &notice.reason.resolved_by,
                               &notice.reason.resolved_in, &notice.reason.resolved_at})
    {
        *place = text;
    }
}

TEST(TrackerText, nothing_of_the_public_is_markup)
{
    for (NoticeKind kind : {NoticeKind::create, NoticeKind::close, NoticeKind::reopen}) {
        auto written = [kind](const std::string &text) {
            TrackerTask task = tracker_task(kind);
            fill(task.notice, text);
            return kind == NoticeKind::create ? tracker_description(task.notice, task.delivery)
                                              : tracker_comment(task.notice, task.delivery);
        };
        std::string plain = without_code(written("x"));
        ASSERT_EQ(plain.find('x'), plain.find("xample")) << plain;
        for (const std::string &text : hostile_markdown) {
            EXPECT_EQ(without_code(written(text)), plain) << text;
        }
    }
}

TEST(TrackerText, is_never_too_long)
{
    for (const std::string &text : {std::string(most_notice_text, '`'), std::string(most_notice_text, '\n') + "x",
                                    std::string(most_notice_text, '\1'), std::string(most_notice_text, 'x')})
    {
        TrackerTask task = tracker_task(NoticeKind::create);
        fill(task.notice, text);
        EXPECT_LT(tracker_description(task.notice, task.delivery).size(), 65'536u / 2);
    }
}

}
