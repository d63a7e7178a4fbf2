/*
 * Five passes over a text, in the order of the reference: lists of SQL, values that
 * have a name, patterns and the words between them, lists of equal placeholders.
 */

#include "worker/parameterize.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "worker/parameterize_patterns.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

/* ---- A: lists of SQL ---- */

std::size_t skip_blanks(std::string_view text, std::size_t at)
{
    while (at < text.size() && is_white(text[at])) {
        at++;
    }
    return at;
}

/* The end of the quoted string that begins there; nothing when it does not end. A quote
 * inside is doubled or has a backslash. */
std::size_t string_end(std::string_view text, std::size_t at)
{
    char quote = text[at];
    for (at++; at < text.size(); at++) {
        bool doubled = text[at] == quote && text.substr(at + 1, 1) == std::string_view(&quote, 1);
        if (text[at] == '\\' || doubled) {
            at++;
        } else if (text[at] == quote) {
            return at + 1;
        }
    }
    return text.npos;
}

std::size_t name_length(std::string_view text)
{
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_name)
                                    - text.begin());
}

/* The end of one literal or placeholder; the place itself when there is none. */
std::size_t literal_end(std::string_view text, std::size_t at)
{
    char c = at < text.size() ? text[at] : '\0';
    std::string_view rest = text.substr(std::min(at + 1, text.size()));
    if (c == '\'' || c == '"') {
        std::size_t end = string_end(text, at);
        return end == text.npos ? at : end;
    }
    if (c == '?') {
        return at + 1;
    }
    if (c == '%' && rest.starts_with('s')) {
        return at + 2;
    }
    if (c == '$' || c == ':' || c == '@') {
        std::size_t name = name_length(rest);
        return name == 0 ? at : at + 1 + name;
    }
    if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && is_digit(rest.empty() ? '\0' : rest[0]))) {
        at++;
        while (at < text.size() && (is_digit(text[at]) || text[at] == '.')) {
            at++;
        }
        return at;
    }
    std::string_view word = text.substr(std::min(at, text.size()));
    word = word.substr(0, std::min<std::size_t>(name_length(word.substr(0, 8)), 8));
    for (std::string_view known : {"null", "default", "true", "false"}) {
        if (word.size() == known.size() && lower(word) == known) {
            return at + word.size();
        }
    }
    return at;
}

/* Reads "(literal, literal)" from there. Good: at is behind it; else at is as far as it
 * went, and nothing that it went over can begin a list. */
bool read_tuple(std::string_view text, std::size_t &at)
{
    at++;
    while (true) {
        at = skip_blanks(text, at);
        std::size_t end = literal_end(text, at);
        if (end == at) {
            return false;
        }
        at = skip_blanks(text, end);
        if (at < text.size() && text[at] == ')') {
            at++;
            return true;
        }
        if (at >= text.size() || text[at] != ',') {
            return false;
        }
        at++;
    }
}

std::string without_sql_lists(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    std::size_t copied = 0;
    for (std::size_t open = text.find('('); open != text.npos; open = text.find('(', open)) {
        std::size_t word_end = open;
        while (word_end > copied && is_white(text[word_end - 1]) && open - word_end < 8) {
            word_end--;
        }
        std::string_view before = text.substr(copied, word_end - copied);
        auto ends_with_word = [&](std::string_view word) {
            return before.size() >= word.size()
                   && lower(before.substr(before.size() - word.size())) == word
                   && (before.size() == word.size() || !is_name(before[before.size() - word.size() - 1]));
        };
        bool values = ends_with_word("values");
        bool in = ends_with_word("in");
        std::size_t at = open;
        if ((!values && !in) || !read_tuple(text, at)) {
            open = std::max(at, open + 1);
            continue;
        }
        std::size_t end = at;
        while (values) {
            at = skip_blanks(text, end);
            if (at >= text.size() || text[at] != ',') {
                break;
            }
            at = skip_blanks(text, at + 1);
            if (at >= text.size() || text[at] != '(' || !read_tuple(text, at)) {
                break;
            }
            end = at;
        }
        out.append(before.substr(0, before.size() - (values ? 6 : 2)));
        out.append(values ? "VALUES <list>" : "IN <list>");
        copied = open = end;
    }
    out.append(text.substr(copied));
    return out;
}

/* ---- B: values that have a name ---- */

/* Members that name the error. */
bool names_the_error(std::string_view name)
{
    constexpr std::string_view names[] = {
        "error", "err", "code", "error_code", "type", "error_type", "reason", "status", "message",
        "msg", "title", "detail", "details", "error_description", "exception", "name", "level",
        "op", "operation", "method", "column", "table", "constraint", "relation", "field", "key",
        "route"};
    return name.size() <= 20
           && std::find(std::begin(names), std::end(names), lower(name)) != std::end(names);
}

/* The end of a string with escapes, on one line or many. */
std::size_t value_end(std::string_view text, std::size_t at)
{
    char quote = text[at];
    for (at++; at < text.size(); at++) {
        if (text[at] == '\\') {
            at++;
        } else if (text[at] == quote) {
            return at + 1;
        }
    }
    return text.npos;
}

/* Where the value of that place's name begins, and which name it is: behind name= or
 * "name":. Nothing when it is no such place. */
std::size_t named_value(std::string_view text, std::size_t at, std::string_view &name)
{
    constexpr std::size_t longest_name = 64;
    std::size_t first = at - std::min(at, longest_name);
    if (text[at] == '=') {
        std::size_t begin = at;
        while (begin > first && (is_name(text[begin - 1]) || text[begin - 1] == '-')) {
            begin--;
        }
        name = text.substr(begin, at - begin);
        return name.empty() ? text.npos : at + 1;
    }
    if (text[at] != ':' || at < 2 || text[at - 1] != '"') {
        return text.npos;
    }
    std::size_t quote = text.substr(first, at - 1 - first).rfind('"');
    if (quote == text.npos) {
        return text.npos;
    }
    name = text.substr(first + quote + 1, at - 2 - first - quote);
    at++;
    return at + (text.substr(at, 1) == " ");
}

std::string without_named_values(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    std::size_t copied = 0;
    std::size_t unclosed[2] = {text.size(), text.size()};
    for (std::size_t at = text.find_first_of("=:"); at != text.npos;
         at = text.find_first_of("=:", at)) {
        std::string_view name;
        std::size_t value = named_value(text, at, name);
        at++;
        if (value == text.npos || value >= text.size()) {
            continue;
        }
        char c = text[value];
        std::string_view word;
        std::size_t end = text.npos;
        if (c == '"' || (c == '\'' && text[at - 1] == '=')) {
            // From where a quote was not closed none of its kind is.
            std::size_t &limit = unclosed[c == '"'];
            end = value < limit ? value_end(text, value) : text.npos;
            limit = end == text.npos ? std::min(limit, value) : limit;
            word = "<str>";
        } else {
            std::string_view rest = text.substr(value, 6);
            std::size_t length = rest.starts_with("true") ? 4 : rest.starts_with("false") ? 5 : 0;
            bool whole = length > 0 && (rest.size() == length || !is_name(rest[length]));
            end = whole ? value + length : text.npos;
            word = "<bool>";
        }
        if (end != text.npos) {
            if (word != "<str>" || !names_the_error(name)) {
                out.append(text.substr(copied, value - copied)).append(word);
                copied = end;
            }
            at = word == "<str>" && names_the_error(name) ? at : end;
        }
    }
    out.append(text.substr(copied));
    return out;
}

/* ---- C and D: patterns, and the words between them ---- */

/* Words with digits that mean something. Sorted. */
constexpr std::string_view kept_words[] = {
    "aarch64", "amd64", "arm64", "armv7", "base32", "base58", "base64", "cp1252", "crc32", "d3",
    "ec2", "es5", "es6", "float16", "float32", "float64", "gpt-4", "h264", "h265", "http2",
    "http3", "i18n", "i386", "i686", "int128", "int16", "int32", "int64", "int8", "ipv4", "ipv6",
    "iso-8859-1", "iso-8859-15", "k8s", "l10n", "log4j", "log4j2", "md5", "mp3", "mp4", "neo4j",
    "oauth2", "p12", "pkcs12", "s3", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512", "sha1",
    "sha224", "sha256", "sha384", "sha512", "tls1", "uint16", "uint32", "uint64", "uint8",
    "utf-16", "utf-32", "utf-8", "utf16", "utf8", "utf8mb4", "v8", "web3", "win32", "win64",
    "windows-1252", "x264", "x265", "x509", "x64", "x86", "x86-64", "x86_64"};
static_assert(std::is_sorted(std::begin(kept_words), std::end(kept_words)));

bool is_kept_word(std::string_view word)
{
    constexpr std::size_t longest = 12;
    return word.size() <= longest
           && std::binary_search(std::begin(kept_words), std::end(kept_words),
                                 std::string_view(lower(word)));
}

/* What a piece of a word becomes: a part of it that stays, and whether <n> follows. */
std::pair<std::string_view, bool> reduced_piece(std::string_view piece, char before)
{
    std::size_t digits = 0;
    std::size_t small = 0;
    std::size_t capital = 0;
    std::size_t changes = 0;
    bool hex = true;
    for (std::size_t i = 0; i < piece.size(); i++) {
        bool digit = is_digit(piece[i]);
        digits += digit;
        small += piece[i] >= 'a' && piece[i] <= 'z';
        capital += piece[i] >= 'A' && piece[i] <= 'Z';
        hex = hex && is_hex(piece[i]);
        changes += i > 0 && digit != is_digit(piece[i - 1]);
    }
    if (digits == 0) {
        return {piece, false};
    }
    if (digits == piece.size()) {
        bool step = before == '_' && digits <= 2;
        return {step ? piece : std::string_view(), !step};
    }
    bool number = (piece.size() >= 7 && hex && (small == 0 || capital == 0))
                  || (piece.size() >= 5 && changes >= 3)
                  || (piece.size() >= 10 && capital > 0 && small > 0);
    if (number) {
        return {{}, true};
    }
    bool counted = digits >= 3 && changes == 1 && small + digits == piece.size()
                   && !is_digit(piece.front());
    return {piece.substr(0, counted ? small : piece.size()), counted};
}

bool is_joint(char c)
{
    return c == '-' || c == '_';
}

void append_word(std::string &out, std::string_view word)
{
    if (is_kept_word(word) || std::none_of(word.begin(), word.end(), is_digit)) {
        out.append(word);
        return;
    }
    std::vector<std::string_view> pieces;       /* joints are pieces, too */
    for (std::size_t at = 0; at < word.size();) {
        std::size_t end = at + 1;
        while (!is_joint(word[at]) && end < word.size() && !is_joint(word[end])) {
            end++;
        }
        pieces.push_back(word.substr(at, end - at));
        at = end;
    }
    auto joined = [&](std::size_t first, std::size_t count) {
        return first + count <= pieces.size()
               && is_kept_word(std::string_view(pieces[first].data(),
                                                static_cast<std::size_t>(
                                                    pieces[first + count - 1].data()
                                                    + pieces[first + count - 1].size()
                                                    - pieces[first].data())));
    };
    char before = '\0';
    for (std::size_t i = 0; i < pieces.size(); i++) {
        std::size_t kept = joined(i, 5) ? 5 : joined(i, 3) ? 3 : joined(i, 1) ? 1 : 0;
        if (kept > 0) {
            for (std::size_t end = i + kept; i < end; i++) {
                out.append(pieces[i]);
            }
            i--;
        } else if (is_joint(pieces[i][0])) {
            out.append(pieces[i]);
        } else {
            auto [stays, number] = reduced_piece(pieces[i], before);
            out.append(stays).append(number ? "<n>" : "");
        }
        before = pieces[i].back();
    }
}

/* A minus in front of a number, not a hyphen. */
bool is_minus(std::string_view text, std::size_t at)
{
    return text[at] == '-' && at + 1 < text.size() && is_digit(text[at + 1])
           && (at == 0
               || std::string_view(" ([{<=:,").find(text[at - 1]) != std::string_view::npos);
}

/* Words are taken as a whole, unless a pattern matches inside of them: where a pattern
 * matches, the word before it ends. */
std::string without_data(std::string_view text)
{
    DataPatterns patterns(text);
    std::string out;
    out.reserve(text.size());
    std::size_t word = text.npos;
    auto end_word = [&](std::size_t at) {
        if (word != text.npos) {
            append_word(out, text.substr(word, at - word));
            word = text.npos;
        }
    };
    for (std::size_t at = 0; at < text.size();) {
        DataMatch match = patterns.match(at);
        if (match.length > 0) {
            end_word(at);
            out.append(match.placeholder.empty() ? text.substr(at, match.length)
                                                 : match.placeholder);
            at += match.length;
            continue;
        }
        char c = text[at];
        bool goes_on = word != text.npos && c == '-' && at + 1 < text.size()
                       && is_name(text[at + 1]);
        if (is_name(c) || goes_on) {
            word = word == text.npos ? at : word;
        } else {
            end_word(at);
            if (!is_minus(text, at)) {
                out.push_back(c);
            }
        }
        at++;
    }
    end_word(text.size());
    return out;
}

/* ---- E: lists of one placeholder ---- */

/* How much of a comma and a blank stands there. */
std::size_t comma(std::string_view text, std::size_t at)
{
    std::string_view rest = text.substr(at, 2);
    return rest == ", " ? 2 : rest.starts_with(',') ? 1 : 0;
}

/* How much of that text from there on is part, ",part", ", part", ... */
std::size_t repetitions(std::string_view text, std::size_t at, std::string_view part)
{
    std::size_t end = at + part.size();
    for (std::size_t gap = comma(text, end); gap > 0 && text.substr(end + gap).starts_with(part);
         gap = comma(text, end)) {
        end += gap + part.size();
    }
    return end - at;
}

std::string without_lists(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 1;
        std::size_t taken = 1;
        for (std::string_view part : {"<n>", "<uuid>", "?", "%s", "$<n>"}) {
            if (text[at] == part[0] && text.substr(at).starts_with(part)) {
                length = part.size();
                taken = repetitions(text, at, part);
            }
        }
        out.append(text.substr(at, length));
        at += taken;
    }
    return out;
}

std::string without_equal_tuples(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text[at] == '(' ? text.find_first_of("()", at + 1) : text.npos;
        bool tuple = end != text.npos && text[end] == ')';
        std::size_t length = tuple ? end + 1 - at : 1;
        out.append(text.substr(at, length));
        at += tuple ? repetitions(text, at, text.substr(at, length)) : 1;
    }
    return out;
}

}

std::string parameterize(std::string_view text)
{
    std::string reduced;
    if (text.find('(') != text.npos) {
        reduced = without_sql_lists(text);
        text = reduced;
    }
    if (text.find_first_of("=:") != text.npos) {
        reduced = without_named_values(text);
        text = reduced;
    }
    reduced = without_data(text);
    if (reduced.find(',') != std::string::npos) {
        reduced = without_equal_tuples(without_lists(reduced));
    }
    return reduced;
}

}
