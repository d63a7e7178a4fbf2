#include "worker/address_guard.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace errtrack {
namespace {

struct Special {
    std::string_view network;
    std::string_view what;
};

/* What IANA lists as not for everybody to reach (RFC 6890 and later), and multicast. Addresses
 * of IPv6 outside 2000::/3 are refused anyway; here is what some of them are. */
constexpr Special special[] = {
    {"0.0.0.0/8", "this host"},
    {"10.0.0.0/8", "a private network"},
    {"100.64.0.0/10", "the network of a carrier"},
    {"127.0.0.0/8", "this host"},
    {"169.254.0.0/16", "the local link"},
    {"172.16.0.0/12", "a private network"},
    {"192.0.0.0/24", "set aside for protocols"},
    {"192.0.2.0/24", "set aside for documents"},
    {"192.88.99.0/24", "a relay into IPv6"},
    {"192.168.0.0/16", "a private network"},
    {"198.18.0.0/15", "set aside for benchmarks"},
    {"198.51.100.0/24", "set aside for documents"},
    {"203.0.113.0/24", "set aside for documents"},
    {"224.0.0.0/4", "multicast"},
    {"255.255.255.255/32", "broadcast"},
    {"240.0.0.0/4", "reserved"},
    {"::/128", "this host"},
    {"::1/128", "this host"},
    {"::/96", "IPv4 in a form that is not used any more"},
    {"64:ff9b:1::/48", "a translator into IPv4 of the site"},
    {"100::/64", "for what is to be dropped"},
    {"2001::/32", "a tunnel into IPv4"},
    {"2001:db8::/32", "set aside for documents"},
    {"2001::/23", "set aside for protocols"},
    {"2002::/16", "a tunnel into IPv4"},
    {"3fff::/20", "set aside for documents"},
    {"fc00::/7", "a private network"},
    {"fe80::/10", "the local link"},
    {"fec0::/10", "a private network"},
    {"ff00::/8", "multicast"},
};

/* All of IPv6 that is given out to the Internet, and the translator into IPv4 that every site
 * may have: with that one the address within counts. */
constexpr std::string_view given_out = "2000::/3";
constexpr std::string_view translated = "64:ff9b::/96";
constexpr std::string_view mapped = "::ffff:0:0/96";

constexpr unsigned ipv4_at = 12;                /* of the bytes */

std::optional<unsigned> number_of(std::string_view digits, unsigned most)
{
    unsigned number = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    bool whole = error == std::errc() && end == digits.data() + digits.size();
    return whole && number <= most ? std::optional(number) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view text, const std::string &why)
{
    throw AddressGuardError("\"" + std::string(text) + "\" is no network: " + why);
}

template <class Bytes>
Bytes masked(Bytes bytes, unsigned bits)
{
    for (unsigned bit = bits; bit < bytes.size() * 8; bit++) {
        bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
    }
    return bytes;
}

template <class Bytes>
std::string text_of(const Bytes &bytes, bool ipv4)
{
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes.data() + (ipv4 ? ipv4_at : 0), text, sizeof(text));
    return text;
}

}

AddressGuard::Network AddressGuard::network_of(std::string_view text)
{
    Network network = {};
    std::string_view rest = text;
    bool brackets = rest.starts_with('[');
    std::size_t colon = brackets ? rest.find("]:") : rest.find(':');
    // More than one colon is an address of IPv6, whose port stands behind brackets.
    if (colon != rest.npos && (brackets || rest.find(':', colon + 1) == rest.npos)) {
        std::string_view digits = rest.substr(colon + (brackets ? 2 : 1));
        std::optional<unsigned> port = number_of(digits, 65535);
        if (!port || *port == 0) {
            refuse(text, "a port is 1 to 65535");
        }
        network.port = static_cast<std::uint16_t>(*port);
        rest = rest.substr(brackets ? 1 : 0, colon - (brackets ? 1 : 0));
    } else if (brackets) {
        refuse(text, "brackets are for a port, as in [fd00::/8]:443");
    }
    std::size_t slash = rest.find('/');
    std::string address(rest.substr(0, slash));
    bool ipv4 = address.find(':') == address.npos;
    unsigned most = ipv4 ? 32 : 128;
    if (ipv4) {
        std::fill_n(network.bytes.begin() + 10, 2, 0xff);
    }
    if (inet_pton(ipv4 ? AF_INET : AF_INET6, address.c_str(), network.bytes.data() + (ipv4 ? ipv4_at : 0)) != 1) {
        refuse(text, "write it like 10.1.2.3, 10.0.0.0/8, fd00::/8 or 10.0.0.0/8:443");
    }
    std::optional<unsigned> bits = slash == rest.npos ? most : number_of(rest.substr(slash + 1), most);
    if (!bits) {
        refuse(text, "behind the slash stand its bits, 0 to " + std::to_string(most));
    }
    network.bits = *bits + 128 - most;
    Bytes first = masked(network.bytes, network.bits);
    if (first != network.bytes) {
        refuse(text, "with " + std::to_string(*bits) + " bits it begins at " + text_of(first, ipv4));
    }
    return network;
}

AddressGuard::AddressGuard(const std::vector<std::string> &allowed)
{
    for (const std::string &text : allowed) {
        allowed_.push_back(network_of(text));
    }
}

bool AddressGuard::allows(const Bytes &address, std::uint16_t port) const
{
    return std::any_of(allowed_.begin(), allowed_.end(), [&](const Network &network) {
        return contains(network, address) && network.port.value_or(port) == port;
    });
}

bool AddressGuard::contains(const Network &network, const Bytes &address)
{
    static const Network all_ipv4 = network_of(mapped);
    // IPv4 is no part of ::/0, though it is kept there.
    bool inside = network.bits >= all_ipv4.bits || masked(address, all_ipv4.bits) != all_ipv4.bytes;
    return inside && masked(address, network.bits) == network.bytes;
}

std::string AddressGuard::refusal(const sockaddr *address, socklen_t length) const
{
    static const Network all_ipv4 = network_of(mapped);
    static const Network translator = network_of(translated);
    static const Network internet = network_of(given_out);
    static const std::vector<std::pair<Network, std::string_view>> refused = [] {
        std::vector<std::pair<Network, std::string_view>> networks;
        for (const Special &each : special) {
            networks.emplace_back(network_of(each.network), each.what);
        }
        return networks;
    }();

    Bytes bytes = all_ipv4.bytes;
    std::uint16_t port = 0;
    // Of other families a guard knows nothing, least of all of files.
    if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
        const auto *in = reinterpret_cast<const sockaddr_in *>(address);
        std::memcpy(bytes.data() + ipv4_at, &in->sin_addr, 4);
        port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
        const auto *in = reinterpret_cast<const sockaddr_in6 *>(address);
        std::memcpy(bytes.data(), &in->sin6_addr, bytes.size());
        port = ntohs(in->sin6_port);
    } else {
        return "its address is neither IPv4 nor IPv6";
    }
    Bytes judged = bytes;
    if (contains(translator, bytes)) {
        std::copy_n(all_ipv4.bytes.begin(), ipv4_at, judged.begin());
    }
    if (allows(bytes, port) || allows(judged, port)) {
        return "";
    }
    bool ipv4 = contains(all_ipv4, judged);
    std::string_view what = ipv4 || contains(internet, judged) ? "" : "not given out to the Internet";
    auto found = std::find_if(refused.begin(), refused.end(),
                              [&](const auto &each) { return contains(each.first, judged); });
    if (found != refused.end()) {
        what = found->second;
    }
    if (what.empty()) {
        return "";
    }
    bool short_form = contains(all_ipv4, bytes);
    std::string text = text_of(bytes, short_form);
    // No more than is needed: at other ports something else may listen.
    return "its address " + text + " is not a public one (" + std::string(what)
           + "); an operator can allow it with errtrack-worker --allow-address " + (short_form ? text : '[' + text + ']') + ':'
           + std::to_string(port);
}

}
