#include "worker/mail_message.hpp"

#include "worker/repair.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace errtrack {
namespace {

constexpr std::size_t most_line = 76;           /* of a header and of the text, without CR LF */
constexpr std::size_t most_token = 900;         /* a line must never have more than 998 */
constexpr std::size_t most_address = 254;
constexpr std::size_t most_local = 64;
constexpr std::size_t most_subject = 300;       /* characters */

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Those that a message makes by itself. */
constexpr std::string_view own_headers[] = {"bcc", "cc", "content-transfer-encoding", "content-type", "date", "from",
                                            "in-reply-to", "message-id", "mime-version", "references", "sender",
                                            "subject", "to"};

bool consists_of(std::string_view text, std::string_view others)
{
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return letters.find(c) != letters.npos || digits.find(c) != digits.npos || others.find(c) != others.npos;
    });
}

/* Names with dots between them. */
bool is_dotted(std::string_view text, std::string_view others)
{
    return !text.empty() && text.front() != '.' && text.back() != '.' && text.find("..") == text.npos
           && consists_of(text, others);
}

[[noreturn]] void refuse(const std::string &what)
{
    throw MailMessageError("the message cannot be sent: " + what);
}

std::string hex(char c)
{
    constexpr std::string_view figures = "0123456789ABCDEF";
    auto byte = static_cast<unsigned char>(c);
    return {'=', figures[byte >> 4], figures[byte & 15]};
}

/* Valid UTF-8 without control characters but those that are kept. */
std::string cleaned(std::string_view text, std::string_view kept)
{
    std::string clean;
    while (!text.empty()) {
        std::size_t invalid = 1;
        std::size_t length = utf8_sequence(text, invalid);
        bool control = length == 1 && (text[0] < ' ' || text[0] == '\x7f') && kept.find(text[0]) == kept.npos;
        if (length == 0 || control) {
            clean += "\xef\xbf\xbd";
            length = std::max<std::size_t>(length, invalid);
        } else {
            clean += text.substr(0, length);
        }
        text.remove_prefix(std::min(length, text.size()));
    }
    return clean;
}

/* Words with one blank between them, whatever white space there was. */
std::vector<std::string> words_of(std::string_view text)
{
    std::vector<std::string> words;
    while (!(text = trim(text)).empty()) {
        auto end = std::find_if(text.begin(), text.end(), is_white);
        words.emplace_back(text.begin(), end);
        text.remove_prefix(words.back().size());
    }
    return words;
}

/* A header whose lines are broken before words. The name and the first word stay together:
 * a line of nothing but blanks is none. */
std::string folded(const std::string &name, const std::vector<std::string> &words)
{
    std::string header = name + ":";
    std::size_t column = header.size();
    for (std::size_t at = 0; at < words.size(); at++) {
        if (at > 0 && column + 1 + words[at].size() > most_line) {
            header += "\r\n";
            column = 0;
        }
        header += " " + words[at];
        column += 1 + words[at].size();
    }
    return header + "\r\n";
}

/* Encoded words (RFC 2047), each of whole characters. Blanks between them are not shown. */
std::vector<std::string> encoded_words(std::string_view text, std::size_t first_column)
{
    constexpr std::string_view begin = "=?UTF-8?Q?";
    constexpr std::string_view end = "?=";
    std::vector<std::string> words;
    std::string word(begin);
    std::size_t column = first_column + 1;
    while (!text.empty()) {
        std::size_t invalid = 1;
        std::size_t length = std::max<std::size_t>(utf8_sequence(text, invalid), 1);
        std::string code;
        for (char c : text.substr(0, length)) {
            // The set that may stand in a name, too.
            code += c == ' ' ? "_" : consists_of({&c, 1}, "!*+-/") ? std::string(1, c) : hex(c);
        }
        if (column + word.size() + code.size() + end.size() > most_line) {
            words.push_back(word.append(end));
            word = begin;
            column = 1;
        }
        word += code;
        text.remove_prefix(length);
    }
    words.push_back(word.append(end));
    return words;
}

/* Any text. What is no plain ASCII, or looks as if it were encoded, is encoded as a whole. */
std::string text_header(const std::string &name, std::string_view text)
{
    std::vector<std::string> words = words_of(text);
    bool plain = std::all_of(words.begin(), words.end(), [](const std::string &word) {
        return word.size() + 1 < most_line && word.find("=?") == word.npos
               && std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c <= '~'; });
    });
    if (plain) {
        return folded(name, words);
    }
    std::string line;
    for (const std::string &word : words) {
        line += (line.empty() ? "" : " ") + word;
    }
    return folded(name, encoded_words(line, name.size() + 1));
}

std::string from_header(const MailMessage &message)
{
    std::vector<std::string> words = words_of(cleaned(cut_characters(message.from_name, most_subject), "\t\r\n"));
    std::string name;
    for (const std::string &word : words) {
        name += (name.empty() ? "" : " ") + word;
    }
    if (name.empty()) {
        return folded("From", {message.from});
    }
    words.clear();
    if (name.size() < most_line - 10 && consists_of(name, " !#$%&'()*+,-./:;<>@[]^_`{|}~") ) {
        words.push_back('"' + name + '"');
    } else {
        words = encoded_words(name, 5);
    }
    words.push_back('<' + message.from + '>');
    return folded("From", words);
}

std::string to_header(const MailMessage &message)
{
    std::vector<std::string> words;
    for (const std::string &address : message.to) {
        words.push_back(address + (words.size() + 1 < message.to.size() ? "," : ""));
    }
    return folded("To", words);
}

/* An id of a message, in brackets. */
std::string bracketed(const char *what, const std::string &id)
{
    std::size_t at = id.find('@');
    constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~.";
    if (at == id.npos || id.size() > most_address || !is_dotted(id.substr(0, at), others)
        || !is_dotted(id.substr(at + 1), others))
    {
        refuse(std::string(what) + " is like issue-7.new@errors.example.com");
    }
    return '<' + id + '>';
}

std::string date_header(std::int64_t date)
{
    constexpr std::array<const char *, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char *, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::time_t seconds = date;
    std::tm parts = {};
    if (gmtime_r(&seconds, &parts) == nullptr || parts.tm_year < 0 || parts.tm_year > 8099) {
        refuse("its date is between 1900 and 9999");
    }
    char text[64];
    std::snprintf(text, sizeof(text), "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[parts.tm_wday],
                  parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return text;
}

std::string other_header(const std::string &name, const std::string &value)
{
    bool known = std::find(std::begin(own_headers), std::end(own_headers), lower(name)) != std::end(own_headers);
    if (name.empty() || name.size() > most_line / 2 || !consists_of(name, "-_") || known) {
        refuse("\"" + std::string(cut_bytes(cleaned(name, ""), most_line))
               + "\" is no name of another header, such as List-Id");
    }
    bool line = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    std::vector<std::string> words = words_of(value);
    bool fits = std::all_of(words.begin(), words.end(),
                            [](const std::string &word) { return word.size() <= most_token; });
    if (!line || !fits || words.empty()) {
        refuse("the value of " + name + " is a line of ASCII, with words of at most " + std::to_string(most_token)
               + " characters");
    }
    return folded(name, words);
}

/* Quoted-printable: lines of any length, a blank at the end of one too, arrive as they are. */
std::string quoted(std::string_view text)
{
    std::string out;
    std::size_t column = 0;
    for (std::size_t at = 0; at < text.size(); at++) {
        char c = text[at];
        if (c == '\r' || c == '\n') {
            at += c == '\r' && text.substr(at + 1).starts_with('\n') ? 1 : 0;
            out += "\r\n";
            column = 0;
            continue;
        }
        bool last = at + 1 == text.size() || text[at + 1] == '\r' || text[at + 1] == '\n';
        bool plain = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !last);
        std::string code = plain ? std::string(1, c) : hex(c);
        if (column + code.size() + (last ? 0 : 1) > most_line) {
            out += "=\r\n";
            column = 0;
        }
        out += code;
        column += code.size();
    }
    return out.ends_with("\r\n") || out.empty() ? out : out + "\r\n";
}

}

std::string text_of(const std::vector<MailRefusal> &refused)
{
    std::string text;
    for (const MailRefusal &each : refused) {
        text.append(text.empty() ? "" : ", ").append(each.recipient).append(" (").append(each.reply).append(")");
    }
    return text;
}

std::string mail_address_fault(std::string_view address)
{
    std::size_t at = address.rfind('@');
    if (at == address.npos || address.find('@') != at) {
        return "write it like user@example.com";
    }
    if (address.size() > most_address || at > most_local) {
        return "it is longer than " + std::to_string(most_local) + " characters before the @, or than "
               + std::to_string(most_address) + " in all";
    }
    if (!is_dotted(address.substr(0, at), "!#$%&'*+-/=?^_`{|}~.")) {
        return "before the @ stand letters and digits of ASCII, and no other signs than !#$%&'*+-/=?^_`{|}~ and single "
               "dots";
    }
    if (!is_dotted(address.substr(at + 1), "-.")) {
        return "behind the @ stands the name of a host, in letters, digits, - and single dots";
    }
    return "";
}

std::string compose_mail(const MailMessage &message)
{
    std::vector<std::string> addresses = message.to;
    addresses.push_back(message.from);
    for (const std::string &address : addresses) {
        if (std::string fault = mail_address_fault(address); !fault.empty()) {
            refuse("an address in it is none: " + fault);
        }
    }
    if (message.to.empty()) {
        refuse("it is for nobody: name one address at least");
    }
    std::string out = from_header(message) + to_header(message)
                      + text_header("Subject", cleaned(cut_with_dots(message.subject, most_subject), "\t\r\n"))
                      + date_header(message.date) + folded("Message-ID", {bracketed("its id", message.message_id)});
    if (!message.in_reply_to.empty()) {
        out += folded("In-Reply-To", {bracketed("the id of what it answers", message.in_reply_to)});
    }
    std::vector<std::string> references;
    for (const std::string &id : message.references) {
        references.push_back(bracketed("the id of a message of its thread", id));
    }
    if (!references.empty()) {
        out += folded("References", references);
    }
    for (const auto &[name, value] : message.headers) {
        out += other_header(name, value);
    }
    return out
           + "MIME-Version: 1.0\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
           + quoted(cleaned(message.text, "\t\r\n"));
}

}
