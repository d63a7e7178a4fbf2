/*
 * Which addresses the daemon may connect to on behalf of people: those of the public Internet,
 * and what the operator allows beside them. Whoever may configure a webhook could otherwise
 * have the daemon speak to what only the daemon can reach: Redis, the metadata of a cloud, a
 * router. It judges the address that a socket is about to connect to, not the host of the URL:
 * neither a way of writing it nor a DNS server that changes its answer is a way round. Pure.
 */

#ifndef ERRTRACK_WORKER_ADDRESS_GUARD_HPP
#define ERRTRACK_WORKER_ADDRESS_GUARD_HPP

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* What is to be allowed is no network. */
class AddressGuardError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class AddressGuard {
public:
    /* Allows nothing but the public Internet. */
    AddressGuard() = default;

    /* Allows these, too: 10.1.2.3, 10.0.0.0/8, fd00::/8, and with a port 10.0.0.0/8:443,
     * [fd00::/8]:443. Throws AddressGuardError. */
    explicit AddressGuard(const std::vector<std::string> &allowed);

    /* Why there is to be no connection; empty: it is allowed. */
    std::string refusal(const sockaddr *address, socklen_t length) const;

private:
    /* IPv4 as ::ffff:0:0/96. */
    using Bytes = std::array<std::uint8_t, 16>;

    struct Network {
        Bytes bytes;
        unsigned bits;
        std::optional<std::uint16_t> port;      /* nothing: any */
    };

    static Network network_of(std::string_view text);
    static bool contains(const Network &network, const Bytes &address);
    bool allows(const Bytes &address, std::uint16_t port) const;

    std::vector<Network> allowed_;
};

}

#endif
