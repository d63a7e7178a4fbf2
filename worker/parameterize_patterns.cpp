/*
 * Hand-made recognizers without backtracking: each reads forward and looks at a bounded
 * number of bytes, but for names and addresses, which are as long as they are.
 * Order of the file: characters, numbers that are meaning, ids and addresses,
 * quantities, and at the end match(), which is the order of precedence.
 */

#include "worker/parameterize_patterns.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <arpa/inet.h>

#include "worker/parameterize_cursor.hpp"
#include "worker/repair.hpp"

namespace errtrack {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_name(char c)
{
    return is_digit(c) || is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

namespace {

constexpr std::size_t longest_scheme = 32;
constexpr std::size_t longest_host = 253;
constexpr std::size_t most_groups = 8;

bool begins_name(std::string_view text, std::size_t at)
{
    return at == 0 || !is_name(text[at - 1]);
}

/* ---- meaning ---- */

/* Up to five digits, or a result code of Windows. */
bool take_code(Cursor &cursor)
{
    Cursor next = cursor;
    if (next.take('0') && next.take_any("xX") && next.take_any("89cC") && next.take_hex(7)
        && ends_name(next)) {
        cursor = next;
        return true;
    }
    next = cursor;
    next.take('-');
    if (next.take_number(1, 5) < 0 || !ends_name(next)) {
        return false;
    }
    cursor = next;
    return true;
}

bool take_code_words(Cursor &cursor)
{
    auto take_gap = [](Cursor &at) { at.take_any(" _-"); };
    for (std::string_view word : {"error", "exit", "return", "response", "result", "reason"}) {
        Cursor next = cursor;
        if (next.take_word(word)) {
            take_gap(next);
            if (next.take_word("code") || (word == "exit" && next.take_word("status"))) {
                cursor = next;
                return true;
            }
        }
    }
    if (cursor.take_word("status")) {
        Cursor next = cursor;
        take_gap(next);
        if (next.take_word("code")) {
            cursor = next;
        }
        return true;
    }
    if (cursor.take_word("exited with")) {
        Cursor next = cursor;
        if (next.take(' ') && (next.take_word("code") || next.take_word("status"))) {
            cursor = next;
        }
        return true;
    }
    for (std::string_view word : {"errno", "signal", "hresult", "ntstatus"}) {
        if (cursor.take_word(word)) {
            return true;
        }
    }
    return false;
}

/* The version in HTTP/1.1 is meaning by itself, and so is a status behind it. */
std::size_t http_words(Cursor cursor)
{
    std::size_t start = cursor.at;
    if (!cursor.take_word("http")) {
        return 0;
    }
    std::size_t kept = 0;
    Cursor version = cursor;
    if (version.take('/') && is_digit(version.peek())) {
        version.at++;
        Cursor minor = version;
        if (minor.take('.') && is_digit(minor.peek())) {
            minor.at++;
            version = minor;
        }
        if (ends_name(version)) {
            cursor = version;
            kept = cursor.at - start;
        }
    }
    bool gap = false;
    while (cursor.take_any(" :=#")) {
        gap = true;
    }
    return gap && take_code(cursor) ? cursor.at - start : kept;
}

std::size_t meaningful_number(std::string_view text, std::size_t at)
{
    char before = at > 0 ? text[at - 1] : '\0';
    if (is_name(before) && before != '_') {
        return 0;
    }
    Cursor cursor{text, at};
    if (std::size_t length = http_words(cursor)) {
        return length;
    }
    if (cursor.take_word("sqlstate")) {
        std::size_t gap = cursor.at;
        while (cursor.at - gap < 3 && cursor.take_any(" :=#[")) {
        }
        std::size_t word = 0;
        while (word < 6 && (is_digit(cursor.peek(word)) || is_upper(cursor.peek(word)))) {
            word++;
        }
        cursor.at += word;
        return cursor.at > gap + word && word == 5 && ends_name(cursor) ? cursor.at - at : 0;
    }
    if (!take_code_words(cursor)) {
        return 0;
    }
    cursor.take('"');
    std::size_t gap = cursor.at;
    while (cursor.at - gap < 3 && cursor.take_any(" :=#")) {
    }
    bool parted = cursor.at > gap;
    parted = cursor.take('(') || parted;
    return parted && take_code(cursor) ? cursor.at - at : 0;
}

/* (code 5), and (404) at the end. */
std::size_t number_in_brackets(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at + 1};
    bool named = cursor.take_word("code");
    if (named && !cursor.take_any(" :=#")) {
        return 0;
    }
    if (named) {
        cursor.take(' ');
    }
    bool closed = take_code(cursor) && cursor.take(')');
    return closed && (named || cursor.done()) ? cursor.at - at : 0;
}

/* TS2345, E11000, ORA-00942, CVE-2021-44228. */
std::size_t error_code(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    std::size_t capitals = 0;
    while (capitals < 6 && is_upper(cursor.peek(capitals))) {
        capitals++;
    }
    if (capitals < 1 || capitals > 5 || (at > 0 && text[at - 1] == '-')) {
        return 0;
    }
    std::string_view word = text.substr(at, capitals);
    cursor.at += capitals;
    if (cursor.take('-')) {
        if (word == "CVE") {
            bool good = cursor.take_number(4, 4) >= 0 && cursor.take('-')
                        && cursor.take_number(4, 7) >= 0 && ends_name(cursor);
            return good ? cursor.at - at : 0;
        }
        constexpr std::string_view hyphened[] = {"ORA", "PLS", "TNS", "RFC", "ISO"};
        if (std::find(std::begin(hyphened), std::end(hyphened), word) == std::end(hyphened)) {
            return 0;
        }
    }
    bool good = cursor.take_number(3, 5) >= 0 && ends_name(cursor)
                && !(cursor.peek() == '-' && is_name(cursor.peek(1)));
    return good ? cursor.at - at : 0;
}

/* ---- ids and addresses ---- */

std::size_t traceparent(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    bool good = cursor.take('0') && cursor.take('0') && cursor.take('-') && cursor.take_hex(32)
                && cursor.take('-') && cursor.take_hex(16) && cursor.take('-')
                && cursor.take_hex(2) && ends_name(cursor);
    return good ? cursor.at - at : 0;
}

std::size_t uuid(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    bool good = cursor.take_hex(8);
    for (std::size_t count : {4, 4, 4, 12}) {
        good = good && cursor.take('-') && cursor.take_hex(count);
    }
    return good && (ends_name(cursor) || cursor.peek() == '_') ? cursor.at - at : 0;
}

std::size_t ipv6(std::string_view text, std::size_t at)
{
    constexpr std::size_t longest = 45;
    std::size_t length = 0;
    std::size_t colons = 0;
    bool digit = false;
    Cursor cursor{text, at};
    for (char c = cursor.peek(); length <= longest && (is_hex(c) || c == ':' || c == '.');
         c = cursor.peek(++length)) {
        colons += c == ':';
        digit = digit || is_digit(c);
    }
    if (length > longest || colons < 2 || !digit) {
        return 0;
    }
    cursor.at += length;
    bool ends = cursor.done()
                || std::string_view(" )]}>,/%'\"").find(cursor.peek()) != std::string_view::npos;
    char address[longest + 1];
    *std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at), length, address) = '\0';
    in6_addr parsed;
    return ends && inet_pton(AF_INET6, address, &parsed) == 1 ? length : 0;
}

std::size_t mac_address(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    bool good = cursor.take_hex(2);
    char mark = cursor.peek();
    good = good && (mark == ':' || mark == '-');
    for (int pair = 1; pair < 6; pair++) {
        good = good && cursor.take(mark) && cursor.take_hex(2);
    }
    return good && ends_name(cursor) && cursor.peek() != mark ? cursor.at - at : 0;
}

std::size_t ipv4(std::string_view text, std::size_t at)
{
    if (at > 0 && text[at - 1] == '.') {
        return 0;
    }
    Cursor cursor{text, at};
    for (int part = 0; part < 4; part++) {
        if ((part > 0 && !cursor.take('.')) || !cursor.take_number_between(1, 3, 0, 255)) {
            return 0;
        }
    }
    bool longer = cursor.peek() == '.' && is_digit(cursor.peek(1));
    return ends_name(cursor) && !longer ? cursor.at - at : 0;
}

std::size_t hex_number(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    if (!cursor.take('0') || !cursor.take_any("xX") || !is_hex(cursor.peek())) {
        return 0;
    }
    while (is_hex(cursor.peek())) {
        cursor.at++;
    }
    return ends_name(cursor) ? cursor.at - at : 0;
}

/* Order@beefface: what Java calls an object that has no better name. */
std::size_t identity_hash(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at + 1};
    std::size_t length = 0;
    while (length < 9 && is_hex(cursor.peek(length))) {
        length++;
    }
    cursor.at += length;
    bool behind_word = at > 0 && is_name(text[at - 1]);
    return behind_word && length >= 4 && length <= 8 && ends_name(cursor) ? length + 1 : 0;
}

/* Endings that are no endings of files. */
bool is_host_ending(std::string_view ending)
{
    constexpr std::string_view endings[] = {
        "com", "org", "net", "edu", "gov", "mil", "info", "biz", "io", "dev", "app", "co", "ai",
        "cloud", "tech", "xyz", "internal", "local", "lan", "corp", "svc", "uk", "de", "fr", "nl",
        "ru", "jp", "cn", "br", "au", "ca", "eu", "us", "se", "ch", "be", "at", "dk", "fi", "no",
        "es", "kr", "nz", "sg", "za", "mx"};
    return std::find(std::begin(endings), std::end(endings), lower(ending)) != std::end(endings);
}

/* ---- quantities ---- */

/* 12, 1.5, 1,234,567.8 */
bool take_decimal(Cursor &cursor)
{
    std::size_t length = cursor.digits();
    if (length == 0) {
        return false;
    }
    cursor.at += length;
    for (std::size_t groups = 0; length <= 3 && groups < most_groups; groups++) {
        Cursor group = cursor;
        if (!group.take(',') || group.take_number(3, 3) < 0) {
            break;
        }
        cursor = group;
    }
    if (cursor.peek() == '.' && is_digit(cursor.peek(1))) {
        cursor.at++;
        cursor.at += cursor.digits();
    }
    return true;
}

/* The longest unit that stands there; apart are those that may stand behind a blank. */
bool take_unit(Cursor &cursor, const std::string_view *units, std::size_t count)
{
    std::size_t longest = 0;
    for (std::size_t i = 0; i < count; i++) {
        std::string_view rest = cursor.text.substr(cursor.at);
        if (rest.starts_with(units[i]) && units[i].size() > longest) {
            longest = units[i].size();
        }
    }
    cursor.at += longest;
    return longest > 0;
}

constexpr std::string_view time_units[] = {
    "ns", "us", "\xc2\xb5s", "\xce\xbcs", "ms", "s", "sec", "min", "h", "d",
    "secs", "mins", "hr", "hrs", "msec", "msecs", "usec", "usecs", "nsec", "nsecs", "second",
    "seconds", "minute", "minutes", "hour", "hours", "day", "days", "millisecond", "milliseconds",
    "microsecond", "microseconds", "nanosecond", "nanoseconds"};
constexpr std::string_view size_units[] = {
    "B", "kB", "KB", "MB", "GB", "TB", "PB", "KiB", "kiB", "MiB", "GiB", "TiB", "PiB",
    "byte", "bytes", "Bytes"};

/* 950ms, 1.2s, 1m30s, 2h0m1.5s, 30 seconds. */
std::size_t duration(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    std::size_t parts = 0;
    bool minutes = false;
    while (true) {
        Cursor next = cursor;
        if (!take_decimal(next)) {
            break;
        }
        if (take_unit(next, time_units, std::size(time_units))) {
            cursor = next;
        } else if (next.take('m')) {
            minutes = true;
            cursor = next;
        } else {
            break;
        }
        parts++;
        if (ends_name(cursor)) {
            return parts >= 2 || !minutes ? cursor.at - at : 0;
        }
    }
    Cursor apart{text, at};
    if (parts == 0 && take_decimal(apart) && apart.take(' ')) {
        std::size_t unit = apart.at;
        bool good = take_unit(apart, time_units, std::size(time_units)) && ends_name(apart)
                    && apart.at - unit > 1;
        return good ? apart.at - at : 0;
    }
    return 0;
}

/* 512 bytes, 10MB. */
std::size_t size(std::string_view text, std::size_t at)
{
    Cursor cursor{text, at};
    if (!take_decimal(cursor)) {
        return 0;
    }
    bool apart = cursor.take(' ');
    std::size_t unit = cursor.at;
    bool good = take_unit(cursor, size_units, std::size(size_units)) && ends_name(cursor)
                && (!apart || cursor.at - unit > 1);
    return good ? cursor.at - at : 0;
}

/* Numbers with thousands commas, fractions and exponents. Whole numbers without are
 * left to the words that they stand in. */
std::size_t written_number(std::string_view text, std::size_t at)
{
    if (at > 0 && (text[at - 1] == '.' || text[at - 1] == '-')) {
        bool minus = text[at - 1] == '-' && (at < 2 || !is_name(text[at - 2]));
        if (!minus) {
            return 0;
        }
    }
    Cursor cursor{text, at};
    std::size_t whole = cursor.digits();
    if (!take_decimal(cursor)) {
        return 0;
    }
    if (cursor.peek() == 'e' || cursor.peek() == 'E') {
        Cursor exponent = cursor;
        exponent.at++;
        exponent.take_any("+-");
        if (std::size_t digits = exponent.digits(5); digits >= 1 && digits <= 4) {
            exponent.at += digits;
            cursor = exponent;
        }
    }
    bool longer = cursor.peek() == '.' && is_digit(cursor.peek(1));
    return cursor.at > at + whole && ends_name(cursor) && !longer ? cursor.at - at : 0;
}

}

/* Letters, digits and what holds names together, from there to the end. */
std::size_t DataPatterns::name_end(std::size_t at)
{
    if (at >= name_end_) {
        name_end_ = at;
        while (name_end_ < text_.size()
               && (is_digit(text_[name_end_]) || is_letter(text_[name_end_])
                   || std::string_view("._%+-").find(text_[name_end_]) != std::string_view::npos)) {
            name_end_++;
        }
    }
    return name_end_;
}

std::size_t DataPatterns::email(std::size_t at)
{
    std::size_t local = name_end(at);
    if (local == at || local >= text_.size() || text_[local] != '@') {
        return 0;
    }
    Cursor cursor{text_, local + 1};
    std::size_t dot = 0;
    while (cursor.at - local < longest_host
           && (is_digit(cursor.peek()) || is_letter(cursor.peek()) || cursor.peek() == '-'
               || (cursor.peek() == '.' && is_name(cursor.peek(1))))) {
        dot = cursor.peek() == '.' ? cursor.at : dot;
        cursor.at++;
    }
    return dot > local + 1 && cursor.at - dot > 2 ? cursor.at - at : 0;
}

std::size_t DataPatterns::url(std::size_t at) const
{
    Cursor cursor{text_, at};
    std::size_t scheme = 0;
    while (scheme < longest_scheme
           && (is_digit(cursor.peek(scheme)) || is_letter(cursor.peek(scheme))
               || (scheme > 0 && std::string_view("+.-").find(cursor.peek(scheme))
                                     != std::string_view::npos))) {
        scheme++;
    }
    cursor.at += scheme;
    if (scheme == 0 || !cursor.take_word("://")) {
        return 0;
    }
    std::size_t start = cursor.at;
    constexpr std::string_view ends = " \t\r\n\"'`()[]{}<>,";
    if (cursor.peek() == '[') {
        std::size_t close = text_.substr(cursor.at, 50).find(']');
        cursor.at += close == std::string_view::npos ? 0 : close + 1;
    }
    while (!cursor.done() && ends.find(cursor.peek()) == ends.npos) {
        cursor.at++;
    }
    while (cursor.at > start && std::string_view(".:;!?").find(cursor.before())
                                    != std::string_view::npos) {
        cursor.at--;
    }
    return cursor.at > start ? cursor.at - at : 0;
}

std::size_t DataPatterns::host(std::size_t at)
{
    if (at > 0 && std::string_view("_.@/-").find(text_[at - 1]) != std::string_view::npos) {
        return 0;
    }
    std::size_t end = name_end(at);
    if (end - at > longest_host) {
        return 0;
    }
    while (end > at && text_[end - 1] == '.') {
        end--;
    }
    std::string_view name = text_.substr(at, end - at);
    std::size_t dot = name.rfind('.');
    if (dot == 0 || dot == name.npos
        || name.find_first_of("%+") != name.npos || name.find("..") != name.npos
        || !is_host_ending(name.substr(dot + 1))) {
        return 0;
    }
    // A method that happens to be called so, and whatever else goes on.
    bool goes_on = end < text_.size()
                   && (is_name(text_[end]) || text_[end] == '@' || text_[end] == '(');
    return goes_on ? 0 : name.size();
}

DataMatch DataPatterns::match_letters(std::size_t at)
{
    if (std::size_t length = error_code(text_, at)) {
        return {length, {}};
    }
    if (std::size_t length = email(at)) {
        return {length, "<email>"};
    }
    if (std::size_t length = url(at)) {
        return {length, "<url>"};
    }
    if (std::size_t length = date_in_words(text_, at)) {
        return {length, "<date>"};
    }
    if (std::size_t length = python_date(text_, at)) {
        return {length, "<date>"};
    }
    if (std::size_t length = uuid(text_, at)) {
        return {length, "<uuid>"};
    }
    if (std::size_t length = ipv6(text_, at)) {
        return {length, "<ip>"};
    }
    if (std::size_t length = mac_address(text_, at)) {
        return {length, "<mac>"};
    }
    return {host(at), "<host>"};
}

DataMatch DataPatterns::match_digits(std::size_t at)
{
    if (std::size_t length = email(at)) {
        return {length, "<email>"};
    }
    if (std::size_t length = url(at)) {
        return {length, "<url>"};
    }
    using Pattern = std::size_t (*)(std::string_view, std::size_t);
    constexpr std::pair<Pattern, std::string_view> early[] = {
        {date_in_words, "<date>"}, {date_in_digits, "<date>"}, {clock_time, "<date>"},
        {traceparent, "<traceparent>"}, {uuid, "<uuid>"}, {ipv6, "<ip>"}, {mac_address, "<mac>"},
        {ipv4, "<ip>"}};
    for (const auto &[pattern, placeholder] : early) {
        if (std::size_t length = pattern(text_, at)) {
            return {length, placeholder};
        }
    }
    if (std::size_t length = host(at)) {
        return {length, "<host>"};
    }
    constexpr std::pair<Pattern, std::string_view> late[] = {
        {hex_number, "<n>"}, {duration, "<dur>"}, {size, "<size>"}, {written_number, "<n>"}};
    for (const auto &[pattern, placeholder] : late) {
        if (std::size_t length = pattern(text_, at)) {
            return {length, placeholder};
        }
    }
    return {};
}

DataMatch DataPatterns::match(std::size_t at)
{
    char c = text_[at];
    if (is_letter(c)) {
        if (std::size_t length = meaningful_number(text_, at)) {
            return {length, {}};
        }
    }
    if (c == '(') {
        return {number_in_brackets(text_, at), {}};
    }
    if (c == '@') {
        return {identity_hash(text_, at), "@<n>"};
    }
    if (c == ':' && begins_name(text_, at)) {
        return {ipv6(text_, at), "<ip>"};
    }
    char before = at > 0 ? text_[at - 1] : '\0';
    // Ids may be joined to a name; everything else begins one.
    if (before == '_') {
        std::size_t length = is_hex(c) ? uuid(text_, at) : 0;
        return {length, "<uuid>"};
    }
    if (is_name(before)) {
        return {};
    }
    return is_digit(c) ? match_digits(at) : is_letter(c) ? match_letters(at) : DataMatch{};
}

}
