/* Which addresses the guard lets through: the ends of each network that is not for everybody
 * to reach, and what lies next to it outside. */

#include "worker/address_guard.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string>
#include <vector>

namespace errtrack {
namespace {

std::string refusal(const AddressGuard &guard, const std::string &text, std::uint16_t port = 443)
{
    sockaddr_in ipv4 = {};
    sockaddr_in6 ipv6 = {};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    if (inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr) == 1) {
        return guard.refusal(reinterpret_cast<const sockaddr *>(&ipv4), sizeof(ipv4));
    }
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr), 1) << text;
    return guard.refusal(reinterpret_cast<const sockaddr *>(&ipv6), sizeof(ipv6));
}

struct Range {
    std::string before;                 /* the last address in front of it; empty: refused, too */
    std::string first;
    std::string last;
    std::string after;
};

const Range ranges[] = {
    {"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
    {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
    {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
    {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
    {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
    {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
    {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
    {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
    {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
    {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
    {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
    {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
    {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
    {"223.255.255.255", "224.0.0.0", "239.255.255.255", ""},
    {"", "240.0.0.0", "255.255.255.255", ""},
    {"", "::", "::1", ""},
    {"", "::8.8.8.8", "::ffff:0:8.8.8.8", ""},
    {"", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "64:ff9b:0:1::", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "100::", "100::ffff:ffff:ffff:ffff", ""},
    {"", "::1:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
    {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
    {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    {"", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
};

void expect_exact(const std::string &prefix, const Range &range)
{
    AddressGuard guard;
    for (const std::string &inside : {range.first, range.last}) {
        EXPECT_NE(refusal(guard, prefix + inside), "") << prefix << inside;
    }
    for (const std::string &outside : {range.before, range.after}) {
        if (!outside.empty()) {
            EXPECT_EQ(refusal(guard, prefix + outside), "") << prefix << outside;
        }
    }
}

TEST(AddressGuard, refuses_what_is_not_public_from_the_first_address_to_the_last)
{
    for (const Range &range : ranges) {
        expect_exact("", range);
    }
    EXPECT_EQ(refusal(AddressGuard(), "2606:4700:4700::1111"), "");
    EXPECT_EQ(refusal(AddressGuard(), "8.8.8.8"), "");
}

TEST(AddressGuard, judges_the_ipv4_address_within_one_of_ipv6)
{
    for (const Range &range : ranges) {
        if (range.first.find(':') == range.first.npos) {
            expect_exact("::ffff:", range);
            expect_exact("64:ff9b::", range);
        }
    }
}

TEST(AddressGuard, says_which_address_and_what_to_do)
{
    EXPECT_EQ(refusal(AddressGuard(), "169.254.169.254"),
              "its address 169.254.169.254 is not a public one (the local link); an operator can allow it with "
              "errtrack-worker --allow-address 169.254.169.254:443");
    for (std::string address : {"10.1.2.3", "fd00::1", "64:ff9b::a01:203"}) {
        std::string hint = refusal(AddressGuard(), address, 8443);
        std::string allowed = hint.substr(hint.rfind(' ') + 1);
        EXPECT_EQ(refusal(AddressGuard({allowed}), address, 8443), "") << allowed;
        EXPECT_NE(refusal(AddressGuard({allowed}), address, 8444), "") << allowed;
    }
    std::string mapped = refusal(AddressGuard(), "::ffff:10.1.2.3");
    EXPECT_NE(mapped.find("address 10.1.2.3 is not a public one (a private network)"),
              std::string::npos);
    EXPECT_NE(refusal(AddressGuard(), "5f00::1").find("(not given out to the Internet)"), std::string::npos);
}

TEST(AddressGuard, knows_no_other_families)
{
    sockaddr_un file = {};
    file.sun_family = AF_UNIX;
    AddressGuard guard({"0.0.0.0/0", "::/0"});
    EXPECT_EQ(guard.refusal(reinterpret_cast<const sockaddr *>(&file), sizeof(file)),
              "its address is neither IPv4 nor IPv6");
    sockaddr_in ipv4 = {};
    ipv4.sin_family = AF_INET;
    EXPECT_NE(guard.refusal(reinterpret_cast<const sockaddr *>(&ipv4), sizeof(ipv4) - 1), "");
    EXPECT_EQ(guard.refusal(reinterpret_cast<const sockaddr *>(&ipv4), sizeof(ipv4)), "");
}

TEST(AddressGuard, allows_what_the_operator_names)
{
    AddressGuard guard({"10.1.2.0/23", "127.0.0.1", "192.168.0.0/16:8080", "fd00:1::/32", "[::1]:25",
                        "[fe80::/10]:80"});
    for (const char *address : {"10.1.2.0", "10.1.3.255", "::ffff:10.1.3.255", "64:ff9b::10.1.3.255", "127.0.0.1",
                                "fd00:1:ffff::1", "8.8.8.8"}) {
        EXPECT_EQ(refusal(guard, address), "") << address;
    }
    for (const char *address : {"10.1.1.255", "10.1.4.0", "127.0.0.2", "fd00:2::1", "192.168.7.7", "::1", "fe80::1"}) {
        EXPECT_NE(refusal(guard, address), "") << address;
    }
    EXPECT_EQ(refusal(guard, "192.168.7.7", 8080), "");
    EXPECT_EQ(refusal(guard, "::1", 25), "");
    EXPECT_EQ(refusal(guard, "fe80::1", 80), "");
    EXPECT_EQ(refusal(AddressGuard({"64:ff9b:1::/48"}), "64:ff9b:1::a01:203"), "");
}

TEST(AddressGuard, takes_ipv4_for_no_part_of_ipv6)
{
    EXPECT_EQ(refusal(AddressGuard({"::/0"}), "fd00::1"), "");
    EXPECT_NE(refusal(AddressGuard({"::/0"}), "10.0.0.1"), "");
    EXPECT_EQ(refusal(AddressGuard({"0.0.0.0/0"}), "10.0.0.1"), "");
    EXPECT_NE(refusal(AddressGuard({"0.0.0.0/0"}), "fd00::1"), "");
    EXPECT_EQ(refusal(AddressGuard({"::ffff:10.0.0.0/104"}), "10.255.255.255"), "");
}

std::string complaint(const std::string &network)
{
    try {
        AddressGuard guard({network});
        return "";
    } catch (const AddressGuardError &e) {
        return e.what();
    }
}

TEST(AddressGuard, tells_what_is_wrong_with_a_network)
{
    auto no_network = [](const std::string &text, const std::string &why) {
        return "\"" + text + "\" is no network: " + why;
    };
    for (const std::string text : {"", "/", "localhost", "10.0.0", "10.0.0.256", "10.0.0.0 /8", " 10.0.0.0",
                                   "1::2::3", "0x7f.0.0.1"}) {
        EXPECT_EQ(complaint(text), no_network(text, "write it like 10.1.2.3, 10.0.0.0/8, fd00::/8 or 10.0.0.0/8:443"));
    }
    for (const std::string text : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/+8",
                                   "10.0.0.0/8 "}) {
        EXPECT_EQ(complaint(text), no_network(text, "behind the slash stand its bits, 0 to 32"));
    }
    for (const std::string text : {"fd00::/129", "fd00::/8:443"}) {
        EXPECT_EQ(complaint(text), no_network(text, "behind the slash stand its bits, 0 to 128"));
    }
    for (const std::string text : {"10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:http", "[::1]:",
                                   "[::1]:0"}) {
        EXPECT_EQ(complaint(text), no_network(text, "a port is 1 to 65535"));
    }
    EXPECT_EQ(complaint("[::1]"), no_network("[::1]", "brackets are for a port, as in [fd00::/8]:443"));
    EXPECT_EQ(complaint("10.1.2.3/8"), no_network("10.1.2.3/8", "with 8 bits it begins at 10.0.0.0"));
    EXPECT_EQ(complaint("fd00::1/8"), no_network("fd00::1/8", "with 8 bits it begins at fd00::"));
}

}
}
