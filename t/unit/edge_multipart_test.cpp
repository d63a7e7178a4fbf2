/*
 * Multipart bodies at the edge, minidumps and attachments, each against what the worker
 * makes of it.
 */

#include "ngx_module/multipart_head.hpp"
#include "t/unit/edge_agreement.hpp"
#include "worker/minidump.hpp"
#include "worker/multipart.hpp"

#include <gtest/gtest.h>

#include <random>

namespace errtrack {
namespace {

using namespace std::string_literals;

std::string part(const std::string &disposition, const std::string &content)
{
    return "--xYz\r\nContent-Disposition: form-data; " + disposition
           + "\r\nContent-Type: application/octet-stream\r\n\r\n" + content + "\r\n";
}

std::string file(const std::string &name, const std::string &content)
{
    return part("name=\"" + name + "\"; filename=\"a.bin\"", content);
}

const std::string end = "--xYz--\r\n";
const std::string dump = file("upload_file_minidump", "MDMP\x93\xa7\0\0"s);

Scanned minidump(const std::string &body, std::size_t piece = std::string::npos)
{
    return scan_body(Endpoint::minidump, body, piece);
}

Scanned attachments(const std::string &body, std::size_t piece = std::string::npos)
{
    return scan_body(Endpoint::attachments, body, piece);
}

TEST(MultipartHead, FindsTheBoundary)
{
    EXPECT_EQ(boundary_of("multipart/form-data; boundary=abc"), "abc");
    EXPECT_EQ(boundary_of("Multipart/Form-Data;charset=x; BOUNDARY = \"a b;c\" ; d=e"), "a b;c");
    EXPECT_EQ(boundary_of("multipart/form-data; x=\"boundary=no\"; boundary=yes"), "yes");
    // As the worker sees them, control characters are blanks, and the end is cut off.
    EXPECT_EQ(boundary_of("\x01multipart/x; a=\x02\"b; boundary=no\"; boundary=yes"), "yes");
    EXPECT_EQ(boundary_of("multipart/x; boundary=b; a=" + std::string(200, 'a')), "b");
    EXPECT_EQ(boundary_of("multipart/x; a=" + std::string(200, 'a') + "; boundary=b"), "");
    for (std::string_view none : {"", "multipart/form-data", "multipart/form-data; boundary=",
                                  "multipart/form-data; boundary=\"\"", "text/plain; boundary=x",
                                  "multipart/form-data; boundary=\xc3\xa4"})
    {
        EXPECT_EQ(boundary_of(none), "") << none;
    }
}

TEST(MultipartHead, ReadsDispositions)
{
    auto found = disposition_of("CONTENT-disposition : form-data; name=\"a\\\"b\"; filename=\"C:\\x\"");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "a\"b");
    EXPECT_TRUE(found->file);
    EXPECT_TRUE(disposition_of("Content-Disposition: form-data; filename*=UTF-8''x")->file);
    EXPECT_FALSE(disposition_of("Content-Disposition: form-data; name=filename")->file);
    EXPECT_EQ(disposition_of("Content-Disposition: form-data; name=\"filename=x;\"")->file, false);
    EXPECT_FALSE(disposition_of("Content-Type: text/plain; name=x"));
}

TEST(AttachmentsScan, CountsParts)
{
    for (std::size_t piece : {std::string::npos, std::size_t(1), std::size_t(3)}) {
        EXPECT_EQ(attachments(file("a", "x") + file("b", "") + end, piece).items, "attachment:2");
        EXPECT_EQ(attachments("preamble\r\n" + file("a", "\r\n--xY\n--xyz\r\n\n--\n") + end + "epilogue", piece).items,
                  "attachment:1");
        EXPECT_EQ(attachments("--xYz\n\nx\n--xYz \t\r\n\r\n--xYz--", piece).items, "attachment:2");
        EXPECT_EQ(attachments("--xYz\r\n\r\n--xYz--", piece).items, "attachment:1");
    }
    EXPECT_EQ(attachments(file("a", "x") + end).counts[4], 1u);
    EXPECT_FALSE(attachments(file("a", "x") + end).needs_event_id);
    EXPECT_EQ(attachments(end).reason, reason::no_data);
    EXPECT_EQ(attachments("").reason, reason::no_data);
}

TEST(AttachmentsScan, RefusesWhatIsNoMultipart)
{
    for (std::size_t piece : {std::string::npos, std::size_t(1)}) {
        for (const std::string &body : {"x"s, file("a", "x"), file("a", "x") + "--xYz-", "--xYz\r\nA: b\r\n"s,
                                        "--xYzz\r\n\r\n\r\n--xYz--"s, "--xYz-x"s, "--xYz \r\r-\n\n\n--xYz--"s})
        {
            EXPECT_EQ(attachments(body, piece).reason, reason::invalid_multipart) << body;
        }
    }
    for (std::string type : {"", "text/plain", "multipart/form-data", "multipart/form-data; boundary="}) {
        EXPECT_EQ(scan_body(Endpoint::attachments, file("a", "x") + end, 9, type).reason, reason::invalid_multipart);
    }
    auto with_boundary = [](const std::string &boundary) {
        std::string body = "--" + boundary + "\n\n\n--" + boundary + "--";
        return scan_body(Endpoint::attachments, body, 9, "multipart/form-data; boundary=" + boundary);
    };
    EXPECT_EQ(with_boundary(std::string(70, 'b')).items, "attachment:1");
    EXPECT_EQ(with_boundary(std::string(71, 'b')).reason, reason::invalid_multipart);
}

TEST(AttachmentsScan, BoundsPartsAndHeaders)
{
    std::string body;
    for (int i = 0; i < 30; i++) {
        body += file("a", "x");
    }
    EXPECT_EQ(attachments(body + end).items, "attachment:30");
    EXPECT_EQ(attachments(body + file("a", "x") + end).reason, reason::too_large);
    EXPECT_EQ(attachments(file(std::string(8000, 'n'), "x") + end).reason, "");
    EXPECT_EQ(attachments(file(std::string(8192, 'n'), "x") + end).reason, reason::invalid_multipart);
    EXPECT_EQ(attachments("--xYz\r\n" + std::string(8193, 'n'), 100).reason, reason::invalid_multipart);
    EXPECT_EQ(attachments(file("a", std::string(17000, 'x')) + end).reason, reason::too_large);
    std::string fields;
    for (int i = 0; i < 100; i++) {
        fields += "--xYz\nContent-Disposition: form-data; name=a\n\n\n";
    }
    EXPECT_EQ(minidump(fields + end).detail, "missing minidump");
    EXPECT_EQ(minidump("--xYz\n\n\n" + fields + end).reason, reason::too_large);
}

TEST(MinidumpScan, NeedsADump)
{
    for (std::string magic : {"MDMP"s, "PMDM"s, "\x1f\x8b"s, "\xfd" "7zXZ\0"s, "BZh"s, "\x28\xb5\x2f\xfd"s}) {
        for (std::size_t piece : {std::string::npos, std::size_t(1)}) {
            std::string body = file("upload_file_minidump", magic + "rest") + end;
            EXPECT_EQ(minidump(body, piece).items, "attachment:1,event:1") << magic;
            EXPECT_EQ(scan_body(Endpoint::minidump, magic + "rest", piece, "application/octet-stream").items,
                      "attachment:1,event:1") << magic;
        }
    }
    EXPECT_TRUE(minidump(dump + end).needs_event_id);
    for (std::string content : {"", "M", "MDM", "XDMP....", "\xfd" "7zXY."}) {
        Scanned found = minidump(file("upload_file_minidump", content) + end, 1);
        EXPECT_EQ(found.reason, reason::invalid_minidump) << content;
        EXPECT_EQ(found.detail, "invalid minidump");
        if (!content.empty()) {
            EXPECT_EQ(scan_body(Endpoint::minidump, content, 1, "application/x-dmp").reason, reason::invalid_minidump);
        }
    }
    EXPECT_EQ(minidump(file("other", "MDMP") + end).detail, "missing minidump");
    EXPECT_EQ(minidump("MDMP").reason, reason::invalid_multipart);
    EXPECT_EQ(scan_body(Endpoint::minidump, "MDMP", 1, "multipart/form-data").reason, reason::invalid_multipart);
    EXPECT_EQ(scan_body(Endpoint::minidump, "", 1, "").reason, reason::no_data);
}

TEST(MinidumpScan, CountsFilesNotFields)
{
    Scanned found = minidump(part("name=a", "x") + file("view", "{}") + dump + part("name=\"sentry\"", "{}") + end);
    EXPECT_EQ(found.items, "attachment:2,event:1");
    EXPECT_EQ(found.counts[1], 1u);
    EXPECT_EQ(found.counts[4], 2u);
    EXPECT_EQ(minidump(dump + part("name=a", std::string(1100, 'x')) + end).reason, reason::too_large);
    EXPECT_EQ(minidump(dump + file("a", std::string(1100, 'x')) + end).reason, "");
}

TEST(MinidumpScan, TakesTheEventIdOfTheField)
{
    std::string id = "9ec79c33ec9942ab8353589fcb2e04dc";
    auto id_of = [](const std::string &field, std::size_t piece) {
        Scanned found = minidump(dump + part("name=\"sentry\"", field) + end, piece);
        EXPECT_EQ(found.reason, "") << field;
        return found.event_id;
    };
    for (std::size_t piece : {std::string::npos, std::size_t(1)}) {
        EXPECT_EQ(id_of("{\"a\":{},\"event_id\":\"" + id + "\"}", piece), id);
        for (const std::string &broken : {""s, "{\"event_id\":\"" + id + "\"", "{\"event_id\":\"xyz\"}"s, "[]"s, "x"s,
                                   "{\"a\":{\"event_id\":\"" + id + "\"}}"})
        {
            EXPECT_EQ(id_of(broken, piece), "") << broken;
        }
    }
    ScanLimits limits = {1 << 20, 1 << 20};
    auto padded = [&](std::size_t size) {
        std::string field = "{\"event_id\":\"" + id + "\",\"a\":\"" + std::string(size, 'x') + "\"}";
        return scan_body(Endpoint::minidump, dump + part("name=sentry", field) + end, 1000, test_type, limits);
    };
    EXPECT_EQ(padded(60'000).event_id, id);
    EXPECT_EQ(padded(70'000).event_id, "");
    EXPECT_EQ(padded(70'000).reason, "");
}

TEST(Multipart, WhatTheEdgeAcceptsTheWorkerReads)
{
    static const std::string parts[] = {
        "--xYz\r\n", "--xYz", "--xYz--", "\r\n", "\n", "\r", " ", "--", "x", "xYz",
        "Content-Disposition: form-data; name=\"upload_file_minidump\"; filename=\"a\"\r\n\r\n",
        "Content-Disposition: form-data; name=sentry\r\n\r\n{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}",
        "content-disposition:x;filename=\n\n", "MDMP", "MDMP\r\n", "\r\n--xYz\r\n", "\r\n--xYz--\r\n", "\n--xYz\n",
        "Content-Disposition: form-data; name=sentry__1\r\n\r\n", "{}", "\0"s};
    std::mt19937 random(6);
    unsigned accepted[2] = {};
    for (int i = 0; i < 200000; i++) {
        bool crash = random() % 2 == 0;
        std::string body = random() % 4 == 0 ? "" : "--xYz\r\n";
        if (crash && random() % 8 != 0) {
            body = dump;
            body.resize(body.size() - random() % 3);
        }
        for (unsigned n = random() % 7; n > 0; n--) {
            body += parts[random() % std::size(parts)];
        }
        body += random() % 4 == 0 ? "" : "\r\n--xYz--";
        bool good = false;
        ASSERT_EQ(disagreement(crash ? Endpoint::minidump : Endpoint::attachments, body, 1 + random() % 9, good), "")
            << body;
        accepted[crash] += good;
    }
    EXPECT_GT(accepted[0], 5000u);
    EXPECT_GT(accepted[1], 5000u);
}

std::vector<std::string> contents(std::string_view body)
{
    std::vector<MultipartPart> parts;
    EXPECT_EQ(parse_multipart(test_type, body, parts), reason::none) << body;
    std::vector<std::string> found;
    for (const MultipartPart &each : parts) {
        found.emplace_back(each.content);
    }
    return found;
}

TEST(Multipart, ContentIsWhatStandsBetween)
{
    using Contents = std::vector<std::string>;
    EXPECT_EQ(contents(file("a", "x\r\ny\r\n") + file("b", "") + file("c", "\n--xY\r\n") + end),
              (Contents{"x\r\ny\r\n", "", "\n--xY\r\n"}));
    EXPECT_EQ(contents("--xYz\n\na\0b\n--xYz--"s), Contents{"a\0b"s});
    EXPECT_EQ(contents("--xYz\r\n\r\n--xYz--"), Contents{""});
    EXPECT_EQ(contents("pre --xYz\r\n--xYz\r\n\r\nx\r\n--xYz--post"), Contents{"x"});
    std::vector<MultipartPart> parts;
    EXPECT_EQ(parse_multipart(test_type, file("a", "x"), parts), reason::invalid_multipart);
    EXPECT_TRUE(parts.empty());
    EXPECT_EQ(parse_multipart("text/plain; boundary=xYz", file("a", "x") + end, parts), reason::invalid_multipart);
    ASSERT_EQ(parse_multipart(test_type, part("name=\"n\"; filename=\"../é\"", "x") + end, parts), reason::none);
    EXPECT_EQ(parts.at(0).name, "n");
    EXPECT_EQ(parts.at(0).filename, "../é");
    EXPECT_TRUE(parts.at(0).file);
}

std::string event_of(std::string body)
{
    body += end;
    std::vector<MultipartPart> parts;
    EXPECT_EQ(parse_multipart(test_type, body, parts), reason::none);
    return minidump_event(parts);
}

TEST(MinidumpEvent, FillsInWhatIsAbsent)
{
    constexpr std::string_view bare = "{\"level\":\"fatal\",\"platform\":\"native\",\"message\":\"Minidump\"}";
    EXPECT_EQ(event_of(dump), bare);
    EXPECT_EQ(event_of(dump + part("name=sentry", "{broken")), bare);
    EXPECT_EQ(event_of(dump + part("name=sentry", "[1]")), bare);
    EXPECT_EQ(event_of(dump + file("sentry", "{\"a\":1}")), bare);
    EXPECT_EQ(event_of(dump + part("name=sentry", " {\"level\":null,\"logentry\":{\"message\":\"m\"}} ")),
              "{\"level\":null,\"logentry\":{\"message\":\"m\"},\"level\":\"fatal\",\"platform\":\"native\"}");
    EXPECT_EQ(event_of(dump + part("name=sentry", "{\"level\":\"error\",\"platform\":\"c\",\"exception\":{}}")),
              "{\"level\":\"error\",\"platform\":\"c\",\"exception\":{}}");
}

TEST(MinidumpEvent, JoinsChunks)
{
    EXPECT_EQ(event_of(part("name=sentry__2", "\"m\",\"level\":\"error\",\"platform\":\"js\"}") + dump
                       + part("name=sentry__1", "{\"message\":") + part("name=sentry__4", "x")),
              "{\"message\":\"m\",\"level\":\"error\",\"platform\":\"js\"}");
}

}
}
