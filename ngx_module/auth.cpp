/*
 * Parsing of credentials. Everything here sees input of anybody on the network:
 * one pass over each source, no allocation, no recursion.
 */

#include "ngx_module/auth.hpp"

#include "worker/entry.hpp"

#include <strings.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

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

/* Takes one name and value of either source. A fault of the version is kept. */
void take(Credentials &found, std::string_view name, std::string_view value) noexcept
{
    if (name == "sentry_key") {
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

/* Keys have no character that needs an escape, so an escaped one is no key. */
Credentials from_query(std::string_view query) noexcept
{
    Credentials found;
    while (!query.empty()) {
        std::string_view pair = next_part(query, '&');
        std::string_view name = next_part(pair, '=');
        if (name == "sentry_key") {
            found.state = found.state == AuthState::absent ? AuthState::found : found.state;
        }
        if (name.substr(0, 7) == "sentry_") {
            take(found, name, pair);
        }
    }
    if (found.state == AuthState::absent) {
        return {};
    }
    check_key(found);
    return found;
}

}

Credentials find_credentials(std::string_view sentry_auth, std::string_view authorization,
                             std::string_view query) noexcept
{
    Credentials first;
    Credentials header = from_header(sentry_auth);
    Credentials second = from_header(authorization);
    Credentials third = from_query(query);
    for (const Credentials *source : {&header, &second, &third}) {
        if (source->state == AuthState::absent) {
            continue;
        }
        if (first.state == AuthState::absent) {
            first = *source;
        } else if (first.state == AuthState::found && source->state == AuthState::found
                   && first.key != source->key)
        {
            first.state = AuthState::ambiguous;
            return first;
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
    return number;
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
