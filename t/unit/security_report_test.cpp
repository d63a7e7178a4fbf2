/*
 * Reports of browsers as events: what they are called, what identifies them, and which of
 * them are none.
 */

#include "worker/event.hpp"
#include "worker/json.hpp"
#include "worker/outcome.hpp"
#include "worker/security_report.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>

namespace errtrack {
namespace {

struct Reported {
    std::string fault;
    std::string culprit;
    Json json;

    JsonValue operator[](std::string_view key) { return json.root()[key]; }
    std::string message() { return json.root()["logentry"]["formatted"].text(); }
    std::string tag(std::string_view key) { return json.root()["tags"][key].text(); }
};

void read(std::string_view report, Reported &reported, const ReportContext &context = {})
{
    Json document;
    ASSERT_TRUE(document.parse(report)) << report;
    SecurityEvent event;
    reported.fault = security_event(document.root(), context, event);
    reported.culprit = event.culprit;
    ASSERT_TRUE(!reported.fault.empty() || reported.json.parse(event.json)) << event.json;
}

std::string message(std::string_view directive, std::string_view blocked)
{
    Reported reported;
    read("{\"csp-report\":{\"violated-directive\":\"" + std::string(directive) + "\",\"blocked-uri\":\""
             + std::string(blocked) + "\"}}",
         reported);
    return reported.fault.empty() ? reported.message() : reported.fault;
}

TEST(SecurityReport, LocalMessages)
{
    EXPECT_EQ(message("child-src", "self"), "Blocked inline 'child'");
    EXPECT_EQ(message("img-src https:", "'self'"), "Blocked inline 'image'");
    EXPECT_EQ(message("style-src", ""), "Blocked inline 'style'");
    EXPECT_EQ(message("base-uri", ""), "Blocked inline 'base-uri'");
    EXPECT_EQ(message("script-src 'unsafe-inline'", ""), "Blocked unsafe inline 'script'");
    EXPECT_EQ(message("script-src 'unsafe-eval'", ""), "Blocked unsafe eval() 'script'");
    EXPECT_EQ(message("script-src", ""), "Blocked unsafe (eval() or inline) 'script'");
    EXPECT_EQ(message("script-src-elem", ""), "Blocked inline script attribute");
    EXPECT_EQ(message("script-src-attr", ""), "Blocked unsafe 'script' element");
    EXPECT_EQ(message("style-src-elem", ""), "Blocked 'style' or 'link' element");
    EXPECT_EQ(message("style-src-attr", ""), "Blocked style attribute");
}

TEST(SecurityReport, RemoteMessages)
{
    EXPECT_EQ(message("img-src", "https://Evil.Example:8443/a.png?b"), "Blocked 'image' from 'evil.example:8443'");
    EXPECT_EQ(message("img-src", "https://ann:secret@evil.example/"), "Blocked 'image' from 'evil.example'");
    EXPECT_EQ(message("font-src", "data"), "Blocked 'font' from 'data:'");
    EXPECT_EQ(message("font-src", "data:font/woff2"), "Blocked 'font' from 'data:'");
    EXPECT_EQ(message("connect-src", "wss://evil.example/x"), "Blocked 'connect' from 'wss://evil.example'");
    EXPECT_EQ(message("frame-src", "chrome-extension"), "Blocked 'frame-src' from 'chrome-extension://'");
    EXPECT_EQ(message("form-action", "https://evil.example/"), "Blocked 'form' action to 'evil.example'");
    EXPECT_EQ(message("script-src-attr", "https://evil.example/"), "Blocked inline script attribute from 'evil.example'");
    EXPECT_EQ(message("style-src-attr", "https://evil.example/"), "Blocked style attribute from 'evil.example'");
    EXPECT_EQ(message("script-src-elem", "inline"), "Blocked 'script' from 'inline'");
}

TEST(SecurityReport, WhatIdentifiesAViolation)
{
    Reported reported;
    read(R"({"csp-report":{"document-uri":"https://shop.example/cart","effective-directive":"IMG-SRC",
        "violated-directive":"img-src  https://a.example/b 'self'","blocked-uri":"https://evil.example/a.png",
        "referrer":"https://shop.example/","status-code":200,"line-number":"12","column-number":"x",
        "script-sample":"alert","original-policy":"default-src 'none'","disposition":"report"}})",
         reported, {"a=b&sentry_release=shop%401.0&sentry_environment=a+b", "Browser/1", "192.0.2.7"});
    EXPECT_EQ(reported.fault, "");
    EXPECT_EQ(reported.culprit, "img-src a.example 'self'");
    EXPECT_EQ(reported["logger"].text(), "csp");
    EXPECT_EQ(reported["release"].text(), "shop@1.0");
    EXPECT_EQ(reported["environment"].text(), "a b");
    EXPECT_EQ(reported["user"]["ip_address"].text(), "192.0.2.7");
    EXPECT_EQ(reported["request"].canonical(),
              R"({"headers":{"Referer":"https://shop.example/","User-Agent":"Browser/1"},"url":"https://shop.example/cart"})");
    EXPECT_EQ(reported.tag("effective-directive"), "img-src");
    EXPECT_EQ(reported.tag("blocked-uri"), "https://evil.example/a.png");
    EXPECT_EQ(reported["csp"].canonical(),
              R"({"blocked_uri":"https://evil.example/a.png","disposition":"report","document_uri":"https://shop.example/cart",)"
              R"("effective_directive":"img-src","line_number":12,"original_policy":"default-src 'none'",)"
              R"("referrer":"https://shop.example/","script_sample":"alert","status_code":200,)"
              R"("violated_directive":"img-src  https://a.example/b 'self'"})");
}

TEST(SecurityReport, SpellingsOfOtherBrowsers)
{
    Reported reported;
    read(R"({"type":"csp-violation","age":1,"body":{"effectiveDirective":"font-src","blockedURL":"https://evil.example/",
        "documentURL":"https://shop.example/","sourceFile":"a.js","lineNumber":3,"sample":"s","statusCode":404}})",
         reported);
    EXPECT_EQ(reported.message(), "Blocked 'font' from 'evil.example'");
    EXPECT_EQ(reported["request"]["url"].text(), "https://shop.example/");
    EXPECT_EQ(reported["csp"]["line_number"].integer(), 3);
    EXPECT_EQ(reported["csp"]["script_sample"].text(), "s");
    read(R"({"type":"csp","body":{"effective_directive":"font-src","blocked_uri":"data"}})", reported);
    EXPECT_EQ(reported.message(), "Blocked 'font' from 'data:'");
}

TEST(SecurityReport, Certificates)
{
    Reported reported;
    read(R"({"expect-ct-report":{"hostname":"a.example","port":443}})", reported);
    EXPECT_EQ(reported.message(), "Expect-CT failed for 'a.example'");
    EXPECT_EQ(reported.culprit, "a.example");
    EXPECT_EQ(reported["logger"].text(), "expectct");
    EXPECT_EQ(reported.tag("port"), "443");
    read(R"({"expect-staple-report":{"hostname":"a.example","response-status":"MISSING","cert-status":"GOOD"}})", reported);
    EXPECT_EQ(reported.message(), "Expect-Staple failed for 'a.example'");
    EXPECT_EQ(reported.tag("response_status"), "MISSING");
    EXPECT_EQ(reported.tag("cert_status"), "GOOD");
    read(R"({"hostname":"a.example","port":8443,"include-subdomains":true,"known-pins":["pin-sha256=\"x\""]})", reported);
    EXPECT_EQ(reported.message(), "Public key pinning validation failed for 'a.example'");
    EXPECT_EQ(reported.tag("include-subdomains"), "true");
    EXPECT_EQ(reported["request"]["url"].text(), "https://a.example:8443/");
}

TEST(SecurityReport, NetworkErrors)
{
    Reported reported;
    read(R"({"type":"network-error","url":"https://shop.example/a","body":{"type":"tcp.refused","phase":"connection",
        "method":"GET","status_code":0,"server_ip":"192.0.2.1","elapsed_time":143}})", reported);
    EXPECT_EQ(reported.message(), "Network error 'tcp.refused' for 'shop.example'");
    EXPECT_EQ(reported.culprit, "shop.example");
    EXPECT_EQ(reported.tag("phase"), "connection");
    EXPECT_EQ(reported["nel"]["elapsed_time"].integer(), 143);
}

/* Variant and hash, by which reports are the same issue. */
std::string group(std::string_view report)
{
    Json document;
    EXPECT_TRUE(document.parse(report)) << report;
    SecurityEvent made;
    EXPECT_EQ(security_event(document.root(), {}, made), reason::none) << report;
    std::optional<Event> event = parse_event(made.json, {});
    return event && event->hashes.size() == 1 ? event->hashes[0].variant + " " + to_hex(event->hashes[0].hash) : "";
}

TEST(SecurityReport, CertificatesAreOneIssueForEachKindAndHost)
{
    auto staple = [](std::string members) { return group("{\"expect-staple-report\":{" + members + "}}"); };
    auto ct = [](std::string members) { return group("{\"expect-ct-report\":{" + members + "}}"); };
    auto pins = [](std::string members) { return group("{" + members + ",\"known-pins\":[]}"); };
    std::set<std::string> groups;
    for (const auto &of : {std::function<std::string(std::string)>(staple), {ct}, {pins}}) {
        std::string one = of(R"("hostname":"a1.example","port":443)");
        EXPECT_EQ(one, of(R"("hostname":"A1.Example","port":8443,"response-status":"MISSING","include-subdomains":true)"));
        EXPECT_NE(one, of(R"("hostname":"a2.example","port":443)")) << "a message would not tell the numbers apart";
        EXPECT_FALSE(one.starts_with("message ")) << one;
        groups.insert(one);
    }
    EXPECT_EQ(groups.size(), 3u);
}

TEST(SecurityReport, NetworkErrorsAreOneIssueForEachTypeAndHost)
{
    auto error = [](std::string type, std::string url) {
        return group(R"({"type":"network-error","url":")" + url + R"(","body":{"phase":"connection","type":")" + type + "\"}}");
    };
    std::string one = error("tcp.refused", "https://shop.example/a?b");
    EXPECT_EQ(one, error("tcp.refused", "https://Shop.Example/c"));
    EXPECT_NE(one, error("tcp.refused", "https://desk.example/a"));
    EXPECT_NE(one, error("dns.failed", "https://shop.example/a"));
}

TEST(SecurityReport, WhatIsNone)
{
    auto fault = [](std::string_view report) {
        Reported reported;
        read(report, reported);
        return reported.fault;
    };
    for (const char *unknown : {"{}", "[]", "[{}]", R"({"csp-report":5})", R"({"type":"deprecation","body":{}})", R"({"type":5})"}) {
        EXPECT_EQ(fault(unknown), reason::security_report_type) << unknown;
    }
    for (const char *broken : {R"({"csp-report":{}})", R"({"csp-report":{"violated-directive":"novelty-src"}})",
                               R"({"csp-report":{"violated-directive":["img-src"]}})", R"({"type":"csp-violation"})",
                               R"({"expect-ct-report":{}})", R"({"known-pins":[]})", R"({"known-pins":5,"hostname":"a"})",
                               R"({"type":"network-error","body":{}})", R"({"type":"network-error","body":{"type":"ok"}})"}) {
        EXPECT_EQ(fault(broken), reason::security_report) << broken;
    }
}

}
}
