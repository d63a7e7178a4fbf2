/* What is data in a message, and what is meaning: the tables of the grouping reference. */

#include "worker/parameterize.hpp"

#include <utility>

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

using Row = std::pair<std::string_view, std::string_view>;

template <std::size_t Count>
void expect_rows(const Row (&rows)[Count])
{
    for (const auto &[text, expected] : rows) {
        EXPECT_EQ(parameterize(text), expected) << text;
    }
}

template <std::size_t Count>
void expect_unchanged(const std::string_view (&texts)[Count])
{
    for (std::string_view text : texts) {
        EXPECT_EQ(parameterize(text), text);
    }
}

TEST(Parameterize, reference_results)
{
    expect_rows({
        {"utf-8 codec can't decode byte 0xff in position 4150908",
         "utf-8 codec can't decode byte <n> in position <n>"},
        {"user 4,150,908 not found", "user <n> not found"},
        {"maisey-908", "maisey-<n>"},
        {"Connection to 10.0.0.5:5432 refused", "Connection to <ip>:<n> refused"},
        {"[2001:db8::1]:443 down", "[<ip>]:<n> down"},
        {"took 1.2s", "took <dur>"},
        {"took 950ms", "took <dur>"},
        {"commit a1b2c3d", "commit <n>"},
        {"pod api-7d9f8b6c5d-x2x9z died", "pod api-<n>-<n> died"},
        {"SELECT * FROM t WHERE id IN (1, 2, 3)", "SELECT * FROM t WHERE id IN <list>"},
        {"id in (?, ?, ?)", "id IN <list>"},
        {"img_k9Mtd2gDcgG.jpg missing", "img_<n>.jpg missing"},
        {R"({"error":"not_found","id":"abc1","ok":true})",
         R"({"error":"not_found","id":<str>,"ok":<bool>})"},
        {R"(level="info" user="bob" err="boom 7")", R"(level="info" user=<str> err="boom <n>")"},
        {"index out of range [5] with length 3", "index out of range [<n>] with length <n>"},
        {"list [1, 2, 3]", "list [<n>]"},
        {"job_48291 failed step_1", "job_<n> failed step_1"},
        {"Order ORD-10293 failed TS2345", "Order ORD-<n> failed TS2345"},
        {"zip code 90210", "zip code <n>"},
    });
    expect_unchanged({"Request failed with status code 404", "ORA-00942: table or view does not exist",
                      "deadbee ok", "error in (module A)", "HTTP/1.1 500"});
}

TEST(Parameterize, numbers_that_are_meaning)
{
    expect_unchanged({
        "status 500", "status: 404", "status=404", "http_status=404", "exit status 137", "errorCode=2",
        "error code 5", "return_code: 1", "result-code 12", "exited with 1", "exited with code 2",
        "signal 11", "signal: 11", "errno 104", "[Errno 2] No such file", "HRESULT: 0x80070005",
        "NTSTATUS 0xc0000005", "SQLSTATE[23505]", "SQLSTATE 42P01", "failed (code 5)", "failed (404)",
        "HTTP/2", "HTTP 503", "E11000 duplicate key", "RFC-7231", "CVE-2021-44228", "response code (301)"});
    expect_rows({{"status code 123456", "status code <n>"},
                 {"(404) in the middle", "(<n>) in the middle"},
                 {"HRESULT 0x12345678", "HRESULT <n>"},
                 {"ORD-10293", "ORD-<n>"},
                 {"mystatus1234", "mystatus<n>"}});
}

TEST(Parameterize, addresses_and_ids)
{
    expect_rows({
        {"mail to bob.smith+x@mail.example.com now", "mail to <email> now"},
        {"redis://u:p@h:6379/0 is away", "<url> is away"},
        {"see https://x.example/a?b=1.", "see <url>."},
        {"at \"http://[::1]:80/a\"", "at \"<url>\""},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "<traceparent>"},
        {"550E8400-e29b-41d4-a716-446655440000", "<uuid>"},
        {"img_550e8400-e29b-41d4-a716-446655440000.png", "img_<uuid>.png"},
        {"from fe80::1%eth0 and 2001:db8:0:0:0:0:2:1", "from <ip>%eth0 and <ip>"},
        {"00:1b:44:11:3a:b7 00-1B-44-11-3A-B7", "<mac> <mac>"},
        {"10.0.0.256", "<n>.<n>.<n>.<n>"},
        {"1.2.3.4.5", "<n>.<n>.<n>.<n>.<n>"},
        {"db-3.eu.internal is down", "<host> is down"},
        {"<Foo object at 0x7f00>", "<Foo object at <n>>"},
        {"Order@beefface gone", "Order@<n> gone"},
    });
    expect_unchanged({"Fee::add() failed", "setup.py", "main.rs", "this.list.at(", "java.io.IOException", "e@x"});
}

TEST(Parameterize, dates_and_times)
{
    expect_rows({
        {"2026-03-01", "<date>"},
        {"2026-03-01T10:11:12.123456Z", "<date>"},
        {"at 2026-03-01 10:11:12,123+01:00 it", "at <date> it"},
        {"01/03/2026", "<date>"},
        {"02 Jan 06 15:04 MST", "<date>"},
        {"Monday, 02-Jan-06 15:04:05 MST", "<date>"},
        {"Mon, 02 Jan 2006 15:04:05 -0700", "<date>"},
        {"Mon Jan  2 15:04:05 2006", "<date>"},
        {"Jan 02, 1999", "<date>"},
        {"20260301T101112Z", "<date>"},
        {"Thu Mar 05 2026 10:11:12 GMT+0100 (Central European Standard Time)", "<date>"},
        {"datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)", "<date>"},
        {"12:31:09", "<date>"},
        {"3:04PM", "<date>"},
        {"12:31:99", "<n>:<n>:<n>"},
        {"2026-13-01", "<n>-<n>-<n>"},
    });
    expect_unchanged({"Mon amour", "may fail", "Jan wrote"});
}

TEST(Parameterize, quantities)
{
    expect_rows({
        {"1m30s", "<dur>"}, {"2h0m1.5s", "<dur>"}, {"3d", "<dur>"}, {"30 seconds", "<dur>"},
        {"5\xc2\xb5s", "<dur>"}, {"512 bytes", "<size>"}, {"10MB", "<size>"}, {"1.5 GiB", "<size>"},
        {"1.5", "<n>"}, {"-5", "<n>"}, {"x = -1.5e-10", "x = <n>"}, {"5-3", "<n>-<n>"}, {"50%", "<n>%"},
        {"1,234.5 of 9", "<n> of <n>"},
    });
    expect_unchanged({"30m", "3D"});
}

TEST(Parameterize, words_with_digits)
{
    expect_rows({{"worker1207", "worker<n>"}, {"x2x9z", "<n>"}, {"k9Mtd2gDcgG", "<n>"}, {"1234567", "<n>"},
                 {"12345678", "<n>"}, {"step_123", "step_<n>"}, {"DEADBEEF1", "<n>"}});
    expect_unchanged({"node12", "abc1", "E42", "step_12", "utf-16", "iso-8859-15", "x86_64", "sha256 of base64",
                      "int64", "windows-1252", "log4j2", "my-utf-8-file", "na\xc3\xafve"});
}

TEST(Parameterize, lists_of_sql)
{
    expect_rows({{"INSERT INTO t VALUES (1, 'a'), (2, 'b''c')", "INSERT INTO t VALUES <list>"},
                 {"values (%s, $1, :a, @b, NULL, default, true)", "VALUES <list>"},
                 {"id IN (-1.5, \"x\")", "id IN <list>"},
                 {"id IN (SELECT 1)", "id IN (SELECT <n>)"},
                 {"id IN (1, 2", "id IN (<n>"},
                 {"(1, 'x'), (2, 'x')", "(<n>, 'x')"}});
}

TEST(Parameterize, values_with_names)
{
    expect_rows({{"user='bob' ok=true", "user=<str> ok=<bool>"},
                 {R"({"user": "x", "code": "E7", "n": 5})", R"({"user": <str>, "code": "E7", "n": <n>})"},
                 {"a=truely", "a=truely"},
                 {"a=\"open", "a=\"open"},
                 {R"(a="x\"y" b)", "a=<str> b"}});
    expect_unchanged({"table \"orders\" is full", "it's 'here'", "a == \"x\""});
}

/* Work is counted by what comes out: with rescans of the rest at each place these would
 * take hours, and the test would not end. */
TEST(Parameterize, hostile_texts_of_a_megabyte)
{
    constexpr std::size_t size = 1'000'000;
    for (std::string_view part : {
             "a", "1", "a.", "1.", "1,234,", "a@", "(", "((", "IN (1,", "VALUES (1),", "IN ('", "a=\"", "\"a\":\"",
             "-", "a-1-", "a_", "datetime.datetime(", "http://", "::", "1:", "f:", "12:", "x%", "$_", "<n>,", "(a),",
             "status ", "2026-01-01", "Mon, ", "\xc3", "a=\"err=", "0x", "1e1", "1 "}) {
        std::string text;
        while (text.size() < size) {
            text += part;
        }
        EXPECT_LE(parameterize(text).size(), 4 * text.size()) << part;
    }
}

}
