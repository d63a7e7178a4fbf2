/*
 * Parsing of credentials. Everything here sees input of anybody on the network:
 * one pass over each source, no allocation, no recursion.
 */

#include "ngx_module/auth.hpp"

#include "worker/entry.hpp"

#include <functional>

#include <strings.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

using Decoded = Credentials::Decoded;

constexpr unsigned newest_version = 7;

std::string_view trim(std::string_view text) noexcept
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

/* Cuts the part up to the separator off the front of rest. */
std::string_view next_part(std::string_view &rest, char separator) noexcept
{
    std::size_t end = rest.find(separator);
    std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

bool starts_with_word(std::string_view text, std::string_view word) noexcept
{
    return text.size() > word.size() && text[word.size()] == ' '
           && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

void set_version(Credentials &found, std::string_view value) noexcept
{
    std::string_view number = value.substr(0, value.find('.'));
    unsigned version = 0;
    if (number.empty() || number.size() > 5) {
        found.state = AuthState::bad_version;
        return;
    }
    for (char c : number) {
        if (c < '0' || c > '9') {
            found.state = AuthState::bad_version;
            return;
        }
        version = version * 10 + static_cast<unsigned>(c - '0');
    }
    found.version = version;
    if (version > 65535) {
        found.state = AuthState::bad_version;
    } else if (version > newest_version) {
        found.state = AuthState::unsupported_version;
    }
}

/* Takes one name and value of either source. A fault that was found is kept. */
void take(Credentials &found, std::string_view name, std::string_view value) noexcept
{
    if (name == "sentry_key") {
        if (!found.key.empty() && found.key != value) {
            found.state = AuthState::ambiguous;
        }
        found.key = value;
    } else if (name == "sentry_client") {
        found.client = value;
    } else if (name == "sentry_version") {
        set_version(found, value);
    }
}

/* Suffix flags follow the key after a dot; one of them is known, and ignored. */
void check_key(Credentials &found) noexcept
{
    if (found.state != AuthState::found) {
        return;
    }
    if (found.key.empty()) {
        found.state = AuthState::no_key;
        return;
    }
    std::size_t dot = found.key.find('.');
    if (dot != std::string_view::npos && found.key.substr(dot) == ".no-cache") {
        found.key = found.key.substr(0, dot);
    }
    if (!is_public_key(found.key)) {
        found.state = AuthState::bad_key;
    }
}

Credentials from_header(std::string_view value) noexcept
{
    Credentials found;
    value = trim(value);
    if (!starts_with_word(value, "Sentry")) {
        return found;
    }
    found.state = AuthState::found;
    found.from_header = true;
    std::string_view rest = value.substr(sizeof("Sentry"));
    while (!rest.empty()) {
        std::string_view pair = next_part(rest, ',');
        std::string_view name = next_part(pair, '=');
        take(found, trim(name), trim(pair));
    }
    check_key(found);
    return found;
}

int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes a value of a form, as much of it as there is room for. */
std::string_view decode_form(std::string_view value, Decoded &room) noexcept
{
    std::size_t used = 0;
    for (std::size_t i = 0; i < value.size() && used < room.size(); i++) {
        char c = value[i] == '+' ? ' ' : value[i];
        if (c == '%' && i + 2 < value.size()) {
            int high = hex_digit(value[i + 1]);
            int low = hex_digit(value[i + 2]);
            if (high >= 0 && low >= 0) {
                c = static_cast<char>(high * 16 + low);
                i += 2;
            }
        }
        room[used++] = c;
    }
    return {room.data(), used};
}

/* Keys have no character that needs an escape, so an escaped one is no key; the slash
 * in the client's name is escaped by every browser. */
Credentials from_query(std::string_view query) noexcept
{
    Credentials found;
    found.state = AuthState::found;
    bool named = false;
    while (!query.empty()) {
        std::string_view pair = next_part(query, '&');
        std::string_view name = next_part(pair, '=');
        named |= name == "sentry_key";
        take(found, name, pair);
    }
    if (!named) {
        return {};
    }
    if (found.client.find_first_of("%+") != std::string_view::npos) {
        found.client = decode_form(found.client, found.decoded);
    }
    check_key(found);
    return found;
}

int base64_digit(char c) noexcept
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Basic base64(key:anything). People and proxies have names too, so one that cannot be
 * a key is not a broken key but no credentials of ours. Nothing after the colon is
 * decoded.
 */
Credentials from_basic(std::string_view value) noexcept
{
    Credentials found;
    value = trim(value);
    if (!starts_with_word(value, "Basic")) {
        return found;
    }
    std::string_view text = trim(value.substr(sizeof("Basic")));
    unsigned bits = 0;
    unsigned have = 0;
    std::size_t used = 0;
    for (char c : text.substr(0, text.find('='))) {
        int digit = base64_digit(c);
        if (digit < 0) {
            return found;
        }
        bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
        have += 6;
        if (have < 8) {
            continue;
        }
        have -= 8;
        char byte = static_cast<char>(bits >> have & 0xff);
        if (byte == ':' || used > max_key_length) {
            break;
        }
        found.decoded[used++] = byte;
    }
    std::string_view user(found.decoded.data(), used);
    if (is_public_key(user)) {
        found.state = AuthState::found;
        found.from_header = true;
        found.key = user;
    }
    return found;
}

Credentials from_path(std::string_view key) noexcept
{
    Credentials found;
    if (!key.empty()) {
        found.state = AuthState::found;
        found.key = key;
        check_key(found);
    }
    return found;
}

bool is_in(std::string_view text, const Decoded &bytes) noexcept
{
    std::less<const char *> before;
    return !text.empty() && !before(text.data(), bytes.data())
           && before(text.data(), bytes.data() + bytes.size());
}

/* Copies the decoded bytes of a view along with it. Others have none: most requests are
 * refused or accepted without a byte decoded. */
std::string_view rebase(std::string_view text, const Decoded &from, Decoded &to) noexcept
{
    if (!is_in(text, from)) {
        return text;
    }
    std::size_t at = static_cast<std::size_t>(text.data() - from.data());
    text.copy(to.data() + at, text.size());
    return {to.data() + at, text.size()};
}

}

Credentials &Credentials::operator=(const Credentials &other) noexcept
{
    if (this == &other) {
        return *this;
    }
    state = other.state;
    from_header = other.from_header;
    version = other.version;
    key = rebase(other.key, other.decoded, decoded);
    client = rebase(other.client, other.decoded, decoded);
    return *this;
}

Credentials find_credentials(std::string_view sentry_auth, std::string_view authorization,
                             std::string_view query, std::string_view path_key) noexcept
{
    struct Source {
        Credentials (*read)(std::string_view) noexcept;
        std::string_view text;
    };
    const Source sources[] = {{from_header, sentry_auth}, {from_header, authorization},
                              {from_basic, authorization}, {from_query, query},
                              {from_path, path_key}};
    Credentials first;
    for (const Source &source : sources) {
        if (source.text.empty()) {
            continue;
        }
        Credentials found = source.read(source.text);
        if (found.state == AuthState::absent) {
            continue;
        }
        if (first.state == AuthState::absent) {
            first = found;
        } else if (first.state == AuthState::found && !found.key.empty()
                   && (found.state == AuthState::ambiguous || first.key != found.key))
        {
            found.state = AuthState::ambiguous;
            return found;
        }
    }
    return first;
}

std::optional<std::uint64_t> parse_project(std::string_view text) noexcept
{
    if (text.empty() || text.size() > 40) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    for (char c : text) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        auto digit = static_cast<std::uint64_t>(c - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return std::nullopt;
        }
        number = number * 10 + digit;
    }
    return number != 0 ? std::optional(number) : std::nullopt;
}

std::optional<Dsn> parse_dsn(std::string_view dsn) noexcept
{
    std::size_t scheme = dsn.find("://");
    if (scheme == std::string_view::npos
        || (dsn.substr(0, scheme) != "http" && dsn.substr(0, scheme) != "https"))
    {
        return std::nullopt;
    }
    std::string_view rest = dsn.substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("?#"));
    std::size_t slash = rest.find('/');
    std::size_t at = rest.substr(0, slash).rfind('@');
    if (slash == std::string_view::npos || at == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view user = rest.substr(0, at);
    std::string_view path = rest.substr(slash);
    while (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }
    Dsn found;
    found.key = user.substr(0, user.find(':'));
    found.host = rest.substr(at + 1, slash - at - 1);
    std::size_t last = path.rfind('/');
    auto project = last == std::string_view::npos ? std::nullopt
                                                  : parse_project(path.substr(last + 1));
    if (!is_public_key(found.key) || !project) {
        return std::nullopt;
    }
    found.project = *project;
    return found;
}

}
