/* Filters that look into bodies, and what becomes of what they catch. */

#include "worker/payload_filter.hpp"

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/event_settings.hpp"
#include "worker/record.hpp"

using namespace errtrack;

namespace {

std::string filter(std::string_view settings, std::string_view body)
{
    EventSettings made = read_event_settings(settings);
    EventContext context;
    context.settings = &made;
    std::optional<Event> event = parse_event(body, context);
    EXPECT_TRUE(event) << body;
    return std::string(event->filter);
}

std::string exception(std::string_view value, std::string_view source)
{
    return R"({"platform":"javascript","exception":[{"type":"Error","value":")" + std::string(value)
           + R"(","stacktrace":{"frames":[{"abs_path":"https://shop/a.js"},{"abs_path":")"
           + std::string(source) + R"("},{"abs_path":"<anonymous>"}]}}]})";
}

TEST(Filter, globs)
{
    EXPECT_TRUE(matches_glob("", ""));
    EXPECT_TRUE(matches_glob("*", ""));
    EXPECT_TRUE(matches_glob("abc", "ABC"));
    EXPECT_TRUE(matches_glob("*b*", "abc"));
    EXPECT_TRUE(matches_glob("a?c", "abc"));
    EXPECT_TRUE(matches_glob("*ab*ab", "ababab"));
    EXPECT_TRUE(matches_glob("a**", "a"));
    EXPECT_FALSE(matches_glob("abc", "abcd"));
    EXPECT_FALSE(matches_glob("b*", "abc"));
    EXPECT_FALSE(matches_glob("a?", "a"));
    EXPECT_FALSE(matches_glob("", "a"));
    std::string text(8192, 'a');
    EXPECT_FALSE(matches_glob("*a*a*a*a*a*a*a*a*b", text));
}

TEST(Filter, none_unless_set)
{
    EXPECT_EQ(filter("{}", exception("x", "chrome-extension://abc/x.js")), "");
    EXPECT_EQ(filter("{}", R"({"request":{"url":"http://localhost/"}})"), "");
    EXPECT_FALSE(read_event_settings("{}").filters.any());
}

TEST(Filter, browser_extensions)
{
    std::string_view on = R"({"events":["browser-extensions"]})";
    for (std::string_view source : {"chrome-extension://abc/x.js", "moz-extension://abc/x.js",
                                    "safari-web-extension://abc/x.js"}) {
        EXPECT_EQ(filter(on, exception("x", source)), "browser-extensions") << source;
    }
    EXPECT_EQ(filter(on, exception("Extension context invalidated.", "https://shop/b.js")),
              "browser-extensions");
    EXPECT_EQ(filter(on, exception("x", "https://shop/chrome-extension/b.js")), "");
    EXPECT_EQ(filter(on, R"({"message":"Extension context invalidated."})"), "");
}

TEST(Filter, legacy_browsers)
{
    std::string_view on = R"({"events":["legacy-browsers"]})";
    EXPECT_EQ(filter(on, R"x({"request":{"headers":{"User-Agent":"Mozilla/4.0 (compatible; MSIE 8.0)"}}})x"),
              "legacy-browsers");
    EXPECT_EQ(filter(on, R"({"request":{"headers":[["user-agent",["x Trident/4.0"]]]}})"),
              "legacy-browsers");
    EXPECT_EQ(filter(on, R"({"request":{"headers":{"User-Agent":"Mozilla/5.0 (X11; Linux) Firefox/128.0"}}})"), "");
    EXPECT_EQ(filter(on, R"({"request":{"headers":[[],[1],"x",null]}})"), "");
}

TEST(Filter, localhost)
{
    std::string_view on = R"({"events":["localhost"]})";
    for (std::string_view url : {"http://localhost", "https://LOCALHOST:8080/x", "http://127.0.0.1/",
                                 "http://u:p@127.1.2.3:80/", "http://[::1]:3000/", "http://shop.localhost/"}) {
        EXPECT_EQ(filter(on, "{\"request\":{\"url\":\"" + std::string(url) + "\"}}"), "localhost") << url;
    }
    for (std::string_view url : {"http://localhost.example.com/", "http://example.com/localhost",
                                 "localhost", "http://[", "http://"}) {
        EXPECT_EQ(filter(on, "{\"request\":{\"url\":\"" + std::string(url) + "\"}}"), "") << url;
    }
    EXPECT_EQ(filter(on, R"({"user":{"ip_address":"127.0.0.1"}})"), "localhost");
    EXPECT_EQ(filter(on, R"({"user":{"ip_address":"::1"}})"), "localhost");
    EXPECT_EQ(filter(on, R"({"user":{"ip_address":"192.0.2.1"}})"), "");
}

TEST(Filter, messages)
{
    std::string_view on = R"({"messages":["*ResizeObserver*","TypeError: x is *","just this"]})";
    EXPECT_EQ(filter(on, R"({"message":"a resizeobserver loop"})"), "error-message");
    EXPECT_EQ(filter(on, R"({"logentry":{"message":"just %s","params":["this"]}})"), "error-message");
    EXPECT_EQ(filter(on, R"({"exception":[{"type":"TypeError","value":"x is null"},{"type":"E"}]})"),
              "error-message");
    EXPECT_EQ(filter(on, R"({"exception":[{"value":"just this"}]})"), "error-message");
    EXPECT_EQ(filter(on, R"({"message":"just this once"})"), "");
    EXPECT_EQ(filter(on, "{}"), "");
    EXPECT_EQ(filter(R"({"messages":["*"]})", "{}"), "");
}

TEST(Filter, releases)
{
    std::string_view on = R"({"releases":["shop@1.*"]})";
    EXPECT_EQ(filter(on, R"({"release":" shop@1.4 "})"), "release-version");
    EXPECT_EQ(filter(on, R"({"release":"shop@2.1"})"), "");
    EXPECT_EQ(filter(on, "{}"), "");
}

TEST(Filter, health_checks)
{
    std::string_view on = R"({"events":["health-checks"]})";
    for (std::string_view name : {"GET /health", "/healthz/", "shop.heartbeat", "GET /api/HealthCheck",
                                  "/internal/readyz", "GET /up"}) {
        EXPECT_EQ(filter(on, "{\"type\":\"transaction\",\"transaction\":\"" + std::string(name) + "\"}"),
                  "health-checks") << name;
    }
    EXPECT_EQ(filter(on, R"({"type":"transaction","transaction":"GET /healthy-food"})"), "");
    EXPECT_EQ(filter(on, R"({"transaction":"GET /health","message":"a fault in it"})"), "");
}

/* ---- what is booked ---- */

std::string booked(Record record, std::string_view settings)
{
    record.delivery_id = record.event_id = "0123456789abcdef0123456789abcdef";
    EventSettings made = read_event_settings(settings);
    Content content = read_content(record, attachment_bytes_default, made);
    std::string text = std::to_string(content.events.size()) + " events, "
                       + std::to_string(content.attachments.size()) + " attachments";
    for (const ItemOutcome &each : content.outcomes) {
        text.append("; ").append(each.category).append(" ").append(each.outcome).append(" ").append(
            each.reason);
    }
    return text;
}

TEST(Filter, books_events_with_their_attachments)
{
    Record record;
    record.endpoint = "envelope";
    record.body = "{}\n{\"type\":\"attachment\",\"filename\":\"a\",\"length\":1}\nx\n"
                  "{\"type\":\"event\"}\n{\"message\":\"noise\"}\n"
                  "{\"type\":\"profile\"}\n{}\n";
    EXPECT_EQ(booked(record, R"({"messages":["noise"]})"),
              "0 events, 0 attachments; error filtered error-message; "
              "profile discarded type:profile; attachment filtered error-message");
    EXPECT_EQ(booked(record, "{}"), "1 events, 1 attachments; profile discarded type:profile");
}

TEST(Filter, books_transactions)
{
    std::string_view on = R"({"events":["health-checks"]})";
    Record record;
    record.endpoint = "envelope";
    record.body = "{}\n{\"type\":\"transaction\"}\n{\"transaction\":\"GET /health\"}\n"
                  "{\"type\":\"transaction\"}\n{\"transaction\":\"GET /cart\"}\n";
    EXPECT_EQ(booked(record, on), "0 events, 0 attachments; transaction filtered health-checks; "
                                  "transaction invalid invalid_transaction");
    record.endpoint = "store";
    record.body = R"({"type":"transaction","transaction":"GET /health"})";
    EXPECT_EQ(booked(record, on), "0 events, 0 attachments; transaction filtered health-checks");
    record.dropped = 1;
    EXPECT_EQ(booked(record, on), "0 events, 0 attachments; transaction rate_limited quota");
}

TEST(Filter, books_spans_that_stand_for_transactions)
{
    auto list = [](const std::string &members) {
        Record record;
        record.endpoint = "envelope";
        record.body = "{}\n{\"type\":\"span\",\"content_type\":\"application/vnd.sentry.items.span.v2+json\"}\n"
                      "{\"items\":[{\"is_segment\":true," + members + "},{\"name\":\"GET /health\"}]}\n";
        return record;
    };
    auto attribute = [&](const std::string &name, const std::string &value) {
        return list("\"attributes\":{\"" + name + "\":{\"value\":" + value + "}}");
    };
    const std::string nothing = "0 events, 0 attachments; span discarded type:span; transaction ";
    std::string_view health = R"({"events":["health-checks"]})";
    EXPECT_EQ(booked(list(R"("name":"GET /health")"), health), nothing + "filtered health-checks");
    EXPECT_EQ(booked(list(R"("name":"GET /health")"), "{}"), nothing + "invalid invalid_transaction");
    EXPECT_EQ(booked(list(R"("name":"GET /cart")"), health), nothing + "invalid invalid_transaction");
    std::string_view local = R"({"events":["localhost"]})";
    EXPECT_EQ(booked(attribute("sentry.is_localhost", "true"), local), nothing + "filtered localhost");
    EXPECT_EQ(booked(attribute("sentry.is_localhost", "false"), local), nothing + "invalid invalid_transaction");
    EXPECT_EQ(booked(attribute("url.full", R"("http://localhost:3000/")"), local), nothing + "filtered localhost");
    EXPECT_EQ(booked(attribute("user.ip_address", R"("127.0.0.1")"), local), nothing + "filtered localhost");
    EXPECT_EQ(booked(attribute("user_agent.original", "\"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)\""),
                     R"({"events":["legacy-browsers"]})"), nothing + "filtered legacy-browsers");
    std::string_view releases = R"({"releases":["shop@1.*"]})";
    EXPECT_EQ(booked(attribute("sentry.release", R"("shop@1.4")"), releases), nothing + "filtered release-version");
    EXPECT_EQ(booked(attribute("sentry.release", R"("shop@2.1")"), releases), nothing + "invalid invalid_transaction");
}

}
