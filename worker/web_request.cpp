#include "worker/web_request.hpp"

#include "worker/repair.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace errtrack {
namespace {

constexpr std::size_t most_header = 4096;
constexpr std::size_t most_host = 253;

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Of these libcurl or the connection are the owner: another value would have a server see
 * another request than the one that was sent. */
constexpr std::string_view own_headers[] = {"connection", "content-length", "expect", "host", "keep-alive", "te",
                                            "trailer", "transfer-encoding", "upgrade"};

bool is_visible(char c)
{
    return c > ' ' && c < '\x7f';
}

bool consists_of(std::string_view text, std::initializer_list<std::string_view> sets)
{
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return std::any_of(sets.begin(), sets.end(), [&](std::string_view set) { return set.find(c) != set.npos; });
    });
}

std::string port_fault(std::string_view port)
{
    unsigned number = 0;
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    bool whole = error == std::errc() && end == port.data() + port.size();
    return whole && number > 0 && number <= 65535 ? "" : "its port is none: use 1 to 65535";
}

/* Of host and port, with all that may stand before them. */
std::string authority_fault(std::string_view authority)
{
    if (authority.find('@') != authority.npos) {
        return "it names a user: leave out what stands before the @";
    }
    bool brackets = authority.starts_with('[');
    std::size_t end = brackets ? authority.find(']') : authority.find(':');
    std::string_view host = authority.substr(brackets ? 1 : 0, end - (brackets ? 1 : 0));
    std::size_t behind = brackets && end != authority.npos ? end + 1 : end;
    std::string_view rest = authority.substr(std::min(behind, authority.size()));
    in6_addr ipv6 = {};
    if (brackets && (end == authority.npos || inet_pton(AF_INET6, std::string(host).c_str(), &ipv6) != 1)) {
        return "what stands in brackets is no address of IPv6";
    }
    if (host.empty() || host.size() > most_host) {
        return "it has no host: write it like https://hooks.example.com/path";
    }
    if (!brackets && !consists_of(host, {letters, digits, ".-_"})) {
        return "its host has characters that no name has";
    }
    if (rest.empty()) {
        return "";
    }
    return rest.front() == ':' ? port_fault(rest.substr(1)) : "behind its host stands neither a port nor a path";
}

/* What both kinds of addresses have in common. Takes the scheme off. */
std::string scheme_fault(std::string_view &url, std::initializer_list<std::string_view> schemes, const char *wanted)
{
    if (url.size() > most_url) {
        return "it is longer than " + std::to_string(most_url) + " bytes";
    }
    if (!std::all_of(url.begin(), url.end(), is_visible) || url.find('\\') != url.npos) {
        return "it has blanks, control characters, backslashes or letters outside ASCII: write hosts as xn--..., "
               "and other characters as %20";
    }
    std::size_t colon = std::min(url.find("://"), url.size());
    std::string scheme = lower(url.substr(0, colon));
    if (colon == url.size() || std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) {
        return std::string("it does not begin with ") + wanted;
    }
    url.remove_prefix(colon + 3);
    return "";
}

}

std::string url_fault(std::string_view url)
{
    std::string fault = scheme_fault(url, {"http", "https"}, "http:// or https://");
    return fault.empty() ? authority_fault(url.substr(0, url.find_first_of("/?#"))) : fault;
}

std::string mail_server_fault(std::string_view url)
{
    std::string fault = scheme_fault(url, {"smtp", "smtps"}, "smtp:// or smtps://");
    if (fault.empty() && url.find_first_of("/?#") != url.npos) {
        return "behind host and port stands more: leave it out";
    }
    return fault.empty() ? authority_fault(url) : fault;
}

std::string header_fault(std::string_view line)
{
    if (line.size() > most_header) {
        return "it is longer than " + std::to_string(most_header) + " bytes";
    }
    std::string_view name = line.substr(0, line.find(':'));
    std::string_view value = line.substr(std::min(name.size() + 1, line.size()));
    if (name.empty() || !consists_of(name, {letters, digits, "!#$%&'*+-.^_`|~"}) || trim(value).empty()) {
        return "write it like \"Authorization: Bearer secret\"";
    }
    if (!std::all_of(value.begin(), value.end(), [](char c) { return is_visible(c) || c == ' ' || c == '\t'; })) {
        return "its value has line breaks, control characters or letters outside ASCII";
    }
    if (std::find(std::begin(own_headers), std::end(own_headers), lower(name)) != std::end(own_headers)) {
        return std::string(name) + " is for the connection to say: leave it out";
    }
    return "";
}

}
