/* Messages: headers that values cannot break out of, and text that arrives as it is. */

#include "worker/mail_message.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace errtrack {
namespace {

MailMessage plain()
{
    MailMessage message;
    message.from = "errors@example.com";
    message.to = {"ann@example.com"};
    message.subject = "TypeError in checkout";
    message.date = 1'675'278'725;
    message.message_id = "issue-7.new@errors.example.com";
    message.text = "It happened.\n";
    return message;
}

/* The lines of its headers, which have to end in CR LF and be short, and its body. */
std::vector<std::string> lines(const std::string &text)
{
    std::vector<std::string> found;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = text.find("\r\n", at);
        EXPECT_NE(end, text.npos) << text.substr(at);
        found.push_back(text.substr(at, end - at));
        EXPECT_EQ(found.back().find_first_of(std::string_view("\r\n\0", 3)), std::string::npos) << found.back();
        at = end + 2;
    }
    return found;
}

std::string header(const MailMessage &message, const std::string &name)
{
    std::string value;
    bool inside = false;
    for (const std::string &line : lines(compose_mail(message))) {
        EXPECT_LE(line.size(), 78U) << line;
        if (line.empty()) {
            return value;
        }
        bool continued = line.front() == ' ';
        EXPECT_NE(line.find_first_not_of(' '), line.npos);
        inside = continued ? inside : line.starts_with(name + ":");
        if (inside) {
            value += value.empty() ? line : "|" + line;
        }
    }
    ADD_FAILURE() << "no empty line";
    return value;
}

std::string body(const std::string &text)
{
    MailMessage message = plain();
    message.text = text;
    std::string composed = compose_mail(message);
    std::string found = composed.substr(composed.find("\r\n\r\n") + 4);
    for (const std::string &line : lines(found)) {
        EXPECT_LE(line.size(), 76U) << line;
    }
    return found;
}

/* What a reader makes of the text of encoded words. */
std::string decoded(const std::string &text, char blank)
{
    std::string out;
    for (std::size_t at = 0; at < text.size(); at++) {
        if (text[at] == '=' && text.compare(at, 3, "=\r\n") == 0) {
            at += 2;
        } else if (text[at] == '=') {
            out += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else {
            out += text[at] == blank ? ' ' : text[at];
        }
    }
    return out;
}

std::string shown(const std::string &header)
{
    std::istringstream words(header.substr(header.find(':') + 1));
    std::string word;
    std::string out;
    while (words >> word) {
        std::size_t end = word.find("?=", 10);
        EXPECT_TRUE(word.starts_with("=?UTF-8?Q?") && end != word.npos) << word;
        out += decoded(word.substr(10, end - 10), '_');
    }
    return out;
}

TEST(MailMessage, is_headers_an_empty_line_and_text)
{
    EXPECT_EQ(compose_mail(plain()),
              "From: errors@example.com\r\n"
              "To: ann@example.com\r\n"
              "Subject: TypeError in checkout\r\n"
              "Date: Wed, 01 Feb 2023 19:12:05 +0000\r\n"
              "Message-ID: <issue-7.new@errors.example.com>\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n"
              "\r\n"
              "It happened.\r\n");
}

TEST(MailMessage, answers_and_says_that_it_is_automatic)
{
    MailMessage message = plain();
    message.in_reply_to = "a@example.com";
    message.references = {"a@example.com", std::string(60, 'b') + "@example.com", "c@example.com"};
    message.headers = {{"Auto-Submitted", "auto-generated"}, {"List-Id", "shop <shop.errors.example.com>"}};
    EXPECT_EQ(header(message, "In-Reply-To"), "In-Reply-To: <a@example.com>");
    EXPECT_EQ(header(message, "References"),
              "References: <a@example.com>| <" + std::string(60, 'b') + "@example.com>| <c@example.com>");
    EXPECT_EQ(header(message, "Auto-Submitted"), "Auto-Submitted: auto-generated");
    EXPECT_EQ(header(message, "List-Id"), "List-Id: shop <shop.errors.example.com>");
}

TEST(MailMessage, encodes_subjects_that_are_no_plain_ascii)
{
    MailMessage message = plain();
    for (std::string subject : {"Fehler: \xc3\x9c" "berlauf im K\xc3\xa4se", "=?UTF-8?Q?forged?=",
                                "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"}) {
        message.subject = subject;
        EXPECT_EQ(shown(header(message, "Subject")), subject);
    }
    message.subject.clear();
    for (int i = 0; i < 90; i++) {
        message.subject += "\xf0\x9f\x98\x80\xc3\xa9";
    }
    std::string line = header(message, "Subject");
    EXPECT_EQ(shown(line), message.subject);
    // Each word has whole characters.
    for (std::size_t at = line.find("?Q?"); at != line.npos; at = line.find("?Q?", at + 1)) {
        std::string first = line.substr(at + 3, 3);
        EXPECT_TRUE(first == "=F0" || first == "=C3") << first;
    }
}

TEST(MailMessage, folds_long_subjects_and_cuts_endless_ones)
{
    MailMessage message = plain();
    message.subject.clear();
    for (int i = 0; i < 20; i++) {
        message.subject += "word" + std::to_string(i) + " ";
    }
    EXPECT_EQ(header(message, "Subject"), "Subject: word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10|"
                                          " word11 word12 word13 word14 word15 word16 word17 word18 word19");
    message.subject = std::string(100'000, 'x');
    EXPECT_EQ(shown(header(message, "Subject")), std::string(297, 'x') + "...");
    message.subject = "   ";
    EXPECT_EQ(header(message, "Subject"), "Subject:");
}

TEST(MailMessage, lets_no_subject_or_name_make_a_header)
{
    MailMessage message = plain();
    message.subject = "a\r\nBcc: eve@example.com\r\n\r\nbody\nb\rc";
    EXPECT_EQ(header(message, "Subject"), "Subject: a Bcc: eve@example.com body b c");
    EXPECT_EQ(header(message, "Bcc"), "");
    message.subject = std::string("a\0b\x1b[2J\xff", 8);
    EXPECT_EQ(shown(header(message, "Subject")), "a\xef\xbf\xbd" "b\xef\xbf\xbd[2J\xef\xbf\xbd");
    message.from_name = "Shop\r\nBcc: eve@example.com";
    EXPECT_EQ(header(message, "From"), "From: \"Shop Bcc: eve@example.com\" <errors@example.com>");
    message.from_name = "\" <eve@example.com>, \"";
    EXPECT_EQ(header(message, "From"), "From: =?UTF-8?Q?=22_=3Ceve=40example=2Ecom=3E=2C_=22?= <errors@example.com>");
    message.from_name = "K\xc3\xa4se\\";
    EXPECT_EQ(header(message, "From"), "From: =?UTF-8?Q?K=C3=A4se=5C?= <errors@example.com>");
}

TEST(MailMessage, names_all_it_is_for)
{
    MailMessage message = plain();
    message.to = {"ann@example.com", "bob@example.com", "carl.theodor@mail.example.com", "dora@example.com"};
    EXPECT_EQ(header(message, "To"),
              "To: ann@example.com, bob@example.com, carl.theodor@mail.example.com,| dora@example.com");
}

TEST(MailMessage, carries_any_text)
{
    EXPECT_EQ(body("a\nb\r\nc\rd"), "a\r\nb\r\nc\r\nd\r\n");
    EXPECT_EQ(body(""), "");
    EXPECT_EQ(body(".\n.."), ".\r\n..\r\n");
    EXPECT_EQ(body("1 = 2 \n\t\nx"), "1 =3D 2=20\r\n=09\r\nx\r\n");
    EXPECT_EQ(body("K\xc3\xa4se\n"), "K=C3=A4se\r\n");
    EXPECT_EQ(body(std::string("a\0b\xff\x1b", 5)), "a=EF=BF=BDb=EF=BF=BD=EF=BF=BD\r\n");
    EXPECT_EQ(body(std::string(76, 'x')), std::string(76, 'x') + "\r\n");
    EXPECT_EQ(body(std::string(77, 'x')), std::string(75, 'x') + "=\r\nxx\r\n");
    std::string text;
    for (int i = 0; i < 5000; i++) {
        text += i % 7 == 0 ? "\xc3\xa9" : i % 11 == 0 ? " " : i % 13 == 0 ? "=" : "y";
    }
    std::string quoted = body(text);
    EXPECT_EQ(decoded(quoted.substr(0, quoted.size() - 2), ' '), text);
}

/* The rest is in t/faults.jsonl; SQL has no texts with this one. */
TEST(MailMessage, takes_no_address_with_a_zero)
{
    EXPECT_NE(mail_address_fault(std::string_view("a\0@example.com", 14)), "");
}

std::string complaint(const MailMessage &message)
{
    try {
        return "none: " + compose_mail(message);
    } catch (const MailMessageError &e) {
        return e.what();
    }
}

TEST(MailMessage, refuses_parts_that_cannot_be)
{
    MailMessage message = plain();
    message.to = {};
    EXPECT_EQ(complaint(message), "the message cannot be sent: it is for nobody: name one address at least");
    message.to = {"ann@example.com\r\nBcc: eve@example.com"};
    EXPECT_NE(complaint(message).find("an address in it is none: "), std::string::npos);
    for (const char *id : {"", "x", "<a@b>", "a@b\r\nBcc: c@d", "a b@c", "a@b c", "a@b@c"}) {
        message = plain();
        message.message_id = id;
        EXPECT_EQ(complaint(message),
                  "the message cannot be sent: its id is like issue-7.new@errors.example.com") << id;
    }
    message = plain();
    message.references = {"a@b", "a@b\r\n"};
    EXPECT_NE(complaint(message).find("of its thread"), std::string::npos);
    for (const char *name : {"", "Bcc", "SUBJECT", "Content-Type", "X:", "X Y", "X\r\nBcc", "\xc3\xa4"}) {
        message = plain();
        message.headers = {{name, "x"}};
        EXPECT_NE(complaint(message).find("is no name of another header"), std::string::npos) << name;
    }
    for (std::string value : {std::string(""), std::string("a\r\nBcc: b"), std::string("a\n"),
                              std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(901, 'x')}) {
        message = plain();
        message.headers = {{"X-Errtrack", value}};
        EXPECT_NE(complaint(message).find("the value of X-Errtrack is a line of ASCII"), std::string::npos) << value;
    }
    message = plain();
    message.date = 1'000'000'000'000'000;
    EXPECT_NE(complaint(message).find("its date"), std::string::npos);
}

}
}
