/*
 * compile_rules is strict, so that what lies in shared memory is well formed and the
 * matching of each request can be plain. Origins are compiled in lower case.
 */

#include "ngx_module/rules.hpp"

#include "worker/browser.hpp"

#include <jansson.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include <arpa/inet.h>
#include <strings.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::size_t longest_rule = 300;
constexpr std::size_t longest_agent = 512;      /* what is looked at of a User-Agent */

constexpr std::string_view crawlers = "crawlers";
constexpr std::string_view legacy_browsers = "legacy-browsers";

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

bool is_letter(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool same(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool ends_with(std::string_view text, std::string_view end) noexcept
{
    return text.size() >= end.size() && same(text.substr(text.size() - end.size()), end);
}

bool contains(std::string_view text, std::string_view part) noexcept
{
    return text.find(part) != std::string_view::npos;
}

/* Whether each character is a letter, a digit or one of more. */
bool consists(std::string_view text, std::string_view more) noexcept
{
    return std::all_of(text.begin(), text.end(), [more](char c) {
        return is_letter(c) || is_digit(c) || contains(more, {&c, 1});
    });
}

/* Reads digits at the front of text; what does not fit counts as very many. */
std::uint32_t take_number(std::string_view &text) noexcept
{
    std::uint64_t number = 0;
    while (!text.empty() && is_digit(text.front())) {
        number = number * 10 + static_cast<unsigned>(text.front() - '0');
        number = std::min<std::uint64_t>(number, UINT32_MAX);
        text.remove_prefix(1);
    }
    return static_cast<std::uint32_t>(number);
}

/* ---- addresses ---- */

/* IPv4 lies in the addresses ::ffff:0:0/96, so both kinds are compared alike. */
struct Address {
    std::array<unsigned char, 16> bytes = {};
    bool v4 = false;
};
constexpr unsigned mapped_bits = 96;

std::optional<Address> read_address(std::string_view text) noexcept
{
    constexpr std::array<unsigned char, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof(terminated)) {
        return std::nullopt;
    }
    *std::copy(text.begin(), text.end(), terminated) = '\0';
    Address address;
    if (contains(text, ":")) {
        if (inet_pton(AF_INET6, terminated, address.bytes.data()) != 1) {
            return std::nullopt;
        }
        address.v4 = std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
        return address;
    }
    std::copy(mapped.begin(), mapped.end(), address.bytes.begin());
    address.v4 = true;
    if (inet_pton(AF_INET, terminated, address.bytes.data() + mapped.size()) != 1) {
        return std::nullopt;
    }
    return address;
}

struct Network {
    Address first;
    unsigned bits = 0;      /* of 128 */
};

std::optional<Network> read_network(std::string_view text) noexcept
{
    std::size_t slash = text.find('/');
    bool short_form = !contains(text, ":");
    unsigned most = short_form ? 32 : 128;
    auto first = read_address(text.substr(0, slash));
    if (!first) {
        return std::nullopt;
    }
    std::uint32_t bits = most;
    if (slash != std::string_view::npos) {
        std::string_view number = text.substr(slash + 1);
        bool empty = number.empty();
        bits = take_number(number);
        if (empty || !number.empty() || bits > most) {
            return std::nullopt;
        }
    }
    return Network{*first, bits + (short_form ? mapped_bits : 0)};
}

bool holds(const Network &network, const Address &address) noexcept
{
    // All of IPv6 is not all of IPv4.
    if (address.v4 && network.bits < mapped_bits) {
        return false;
    }
    unsigned whole = network.bits / 8;
    unsigned rest = network.bits % 8;
    const auto &a = network.first.bytes;
    const auto &b = address.bytes;
    return std::equal(a.begin(), a.begin() + whole, b.begin())
           && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

std::optional<std::string> read_address_rule(std::string_view text)
{
    return read_network(text) ? std::optional<std::string>(text) : std::nullopt;
}

/* ---- origins ---- */

/* Parts of an origin, of a page's address or of a pattern; each may be empty. */
struct Place {
    std::string_view scheme;
    std::string_view host;      /* IPv6 with its brackets */
    std::string_view port;
    bool has_port = false;      /* it stands there, and does not come of the scheme */
};

/* Browsers read a backslash as a slash. */
Place split_place(std::string_view text) noexcept
{
    constexpr std::string_view ends = "/\\?#";
    Place place;
    std::size_t scheme = text.find("://");
    if (scheme != std::string_view::npos && text.find_first_of(ends) == scheme + 1) {
        place.scheme = text.substr(0, scheme);
        text.remove_prefix(scheme + 3);
    }
    text = text.substr(0, text.find_first_of(ends));
    std::size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
        text.remove_prefix(at + 1);
    }
    std::size_t bracket = text.empty() || text.front() != '[' ? std::string_view::npos
                                                              : text.find(']');
    std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    place.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
        place.port = text.substr(colon + 1);
        place.has_port = true;
    } else if (same(place.scheme, "https")) {
        place.port = "443";
    } else if (same(place.scheme, "http")) {
        place.port = "80";
    }
    return place;
}

bool part_matches(std::string_view pattern, std::string_view part) noexcept
{
    return pattern.empty() || pattern == "*" || same(pattern, part);
}

bool host_matches(std::string_view pattern, std::string_view host) noexcept
{
    if (pattern.substr(0, 2) != "*.") {
        return part_matches(pattern, host);
    }
    return same(pattern.substr(2), host) || ends_with(host, pattern.substr(1));
}

/* A pattern as it is kept: without a path, and without a port that was not named. */
std::optional<std::string> read_origin(std::string_view text)
{
    Place place = split_place(text);
    std::string_view host = place.host;
    std::string_view plain = host.substr(0, 2) == "*." ? host.substr(2) : host;
    bool literal = plain.size() > 2 && plain.front() == '[' && plain.back() == ']'
                   && contains(plain, ":") && read_address(plain.substr(1, plain.size() - 2));
    bool good = (host == "*" || literal || (!plain.empty() && consists(plain, "._-")))
                && (place.scheme.empty() || place.scheme == "*" || consists(place.scheme, "+-."));
    std::string_view number = place.port;
    std::uint32_t port = take_number(number);
    if (!good || (place.has_port && place.port != "*" && (!number.empty() || port < 1 || port > 65535)))
    {
        return std::nullopt;
    }
    std::string rule;
    if (!place.scheme.empty()) {
        rule.append(place.scheme).append("://");
    }
    rule.append(host);
    if (place.has_port) {
        rule.append(":").append(place.port);
    }
    std::transform(rule.begin(), rule.end(), rule.begin(), [](char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    });
    return rule;
}

bool origin_matches(std::string_view pattern, const Place &origin) noexcept
{
    Place wanted = split_place(pattern);
    return part_matches(wanted.scheme, origin.scheme) && host_matches(wanted.host, origin.host)
           && (!wanted.has_port || part_matches(wanted.port, origin.port));
}

/* ---- user agents ---- */

std::optional<std::string> read_agents(std::string_view text)
{
    return text == crawlers || text == legacy_browsers ? std::optional<std::string>(text)
                                                       : std::nullopt;
}

/*
 * Crawlers name themselves. A word that ends in "bot" and has a version is such a name,
 * but there are also phones called CUBOT, and robots that people own.
 */
bool names_crawler(std::string_view word, char after) noexcept
{
    constexpr std::string_view names[] = {
        "googlebot",   "adsbot",      "mediapartners",       "feedfetcher",     "bingbot",
        "bingpreview", "yandexbot",   "yandeximages",        "yandexmetrika",   "duckduckbot",
        "ahrefsbot",   "semrushbot",  "facebookexternalhit", "facebookcatalog", "twitterbot",
        "slackbot",    "slurp",       "ia_archiver",         "bot"};
    if (ends_with(word, "crawler") || ends_with(word, "spider")
        || (after == '/' && ends_with(word, "bot") && !ends_with(word, "cubot")
            && !ends_with(word, "robot")))
    {
        return true;
    }
    return std::any_of(std::begin(names), std::end(names),
                       [word](std::string_view name) { return same(name, word); });
}

bool is_crawler(std::string_view agent) noexcept
{
    auto in_word = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
    for (auto from = agent.begin(); from != agent.end();) {
        from = std::find_if(from, agent.end(), in_word);
        auto to = std::find_if_not(from, agent.end(), in_word);
        std::string_view word(from, static_cast<std::size_t>(to - from));
        if (!word.empty() && names_crawler(word, to == agent.end() ? '\0' : *to)) {
            return true;
        }
        from = to;
    }
    return false;
}

/* ---- SDKs ---- */

struct SdkRule {
    std::string_view name;      /* a star at its end stands for the rest */
    std::string_view below;     /* version; empty: all */
};

SdkRule split_sdk(std::string_view rule) noexcept
{
    std::size_t less = rule.find('<');
    return {rule.substr(0, less),
            less == std::string_view::npos ? std::string_view() : rule.substr(less + 1)};
}

std::optional<std::string> read_sdk(std::string_view text)
{
    SdkRule rule = split_sdk(text);
    std::string_view plain = rule.name.substr(0, rule.name.find('*'));
    bool version = !rule.below.empty() && is_digit(rule.below.front())
                   && consists(rule.below, ".-+");
    if (rule.name.empty() || rule.name.size() - plain.size() > 1 || !consists(plain, "._-:@/+")
        || (contains(text, "<") && !version))
    {
        return std::nullopt;
    }
    return std::string(text);
}

/* By the numbers between the dots. What follows them makes a version a forerunner, but
 * for a plus sign, which names a build. */
bool version_less(std::string_view a, std::string_view b) noexcept
{
    bool more = true;
    while (more) {
        std::uint32_t x = take_number(a);
        std::uint32_t y = take_number(b);
        if (x != y) {
            return x < y;
        }
        more = false;
        for (std::string_view *rest : {&a, &b}) {
            if (rest->size() > 1 && rest->front() == '.' && is_digit((*rest)[1])) {
                rest->remove_prefix(1);
                more = true;
            }
        }
        // The one that has ended stands at its suffix, and counts as zero from here.
    }
    auto forerunner = [](std::string_view rest) { return !rest.empty() && rest.front() != '+'; };
    return forerunner(a) && !forerunner(b);
}

bool sdk_matches(std::string_view rule, std::string_view sdk) noexcept
{
    SdkRule wanted = split_sdk(rule);
    sdk = sdk.substr(0, sdk.find_first_of(" ,;\t"));
    std::size_t slash = sdk.rfind('/');
    std::string_view name = sdk.substr(0, slash);
    std::string_view version =
        slash == std::string_view::npos ? std::string_view() : sdk.substr(slash + 1);
    if (!wanted.name.empty() && wanted.name.back() == '*') {
        wanted.name.remove_suffix(1);
        name = name.substr(0, wanted.name.size());
    }
    if (!same(wanted.name, name)) {
        return false;
    }
    return wanted.below.empty()
           || (!version.empty() && is_digit(version.front()) && version_less(version, wanted.below));
}

/* ---- lines ---- */

/* Whether match says so of any rule of this kind. */
template <class Match>
bool any_rule(std::string_view rules, char kind, Match match) noexcept
{
    while (!rules.empty()) {
        std::size_t end = rules.find('\n');
        std::string_view line = rules.substr(0, end);
        rules.remove_prefix(end == std::string_view::npos ? rules.size() : end + 1);
        if (line.size() > 2 && line.front() == kind && match(line.substr(2))) {
            return true;
        }
    }
    return false;
}

struct Kind {
    const char *name;
    char letter;
    std::optional<std::string> (*read)(std::string_view);
};

/* The last ones are left out first. */
constexpr Kind kinds[] = {{"origins", 'o', read_origin},
                          {"addresses", 'a', read_address_rule},
                          {"agents", 'u', read_agents},
                          {"sdks", 's', read_sdk}};

/* Adds the rule that a value of the list stands for. False: it stands for none, or does not fit. */
bool add_rule(const Kind &kind, const json_t *value, std::string &rules)
{
    if (!json_is_string(value)) {
        return false;
    }
    std::string_view text(json_string_value(value), json_string_length(value));
    auto rule = text.size() > longest_rule ? std::nullopt : kind.read(text);
    if (!rule || rules.size() + rule->size() + 3 > max_rules) {
        return false;
    }
    rules.append(1, kind.letter).append(" ").append(*rule).append("\n");
    return true;
}

struct Release {
    void operator()(json_t *value) const noexcept { json_decref(value); }
};

}

std::string compile_rules(std::string_view json, unsigned &bad)
{
    std::string rules;
    std::unique_ptr<json_t, Release> root(json_loadb(json.data(), json.size(), 0, nullptr));
    if (!json_is_object(root.get())) {
        bad++;
        return rules;
    }
    for (const Kind &kind : kinds) {
        const json_t *list = json_object_get(root.get(), kind.name);
        if (list != nullptr && !json_is_array(list)) {
            bad++;
        }
        for (std::size_t i = 0; i < json_array_size(list); i++) {
            bad += add_rule(kind, json_array_get(list, i), rules) ? 0 : 1;
        }
    }
    return rules;
}

bool origin_allowed(std::string_view rules, std::string_view origin) noexcept
{
    if (origin.empty()) {
        return true;
    }
    Place place = split_place(origin);
    bool restricted = false;
    bool allowed = any_rule(rules, 'o', [&](std::string_view pattern) {
        restricted = true;
        return origin_matches(pattern, place);
    });
    return allowed || !restricted;
}

std::string_view filter_of(std::string_view rules, const ClientFacts &client) noexcept
{
    if (rules.empty()) {
        return {};
    }
    auto address = read_address(client.address);
    if (address && any_rule(rules, 'a', [&](std::string_view text) {
            auto network = read_network(text);
            return network && holds(*network, *address);
        }))
    {
        return "ip-address";
    }
    auto has_agents = [rules](std::string_view agents) {
        return any_rule(rules, 'u', [agents](std::string_view text) { return text == agents; });
    };
    std::string_view agent = client.agent.substr(0, longest_agent);
    if (has_agents(crawlers) && is_crawler(agent)) {
        return "web-crawlers";
    }
    if (has_agents(legacy_browsers) && is_legacy_browser(agent)) {
        return "legacy-browsers";
    }
    if (any_rule(rules, 's', [&](std::string_view rule) { return sdk_matches(rule, client.sdk); })) {
        return "sdk-version";
    }
    return {};
}

}
