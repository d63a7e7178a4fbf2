#include "worker/user.hpp"

#include <arpa/inet.h>

#include "worker/fields.hpp"
#include "worker/grouping.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t user_characters = 128;

/*
 * The address of the user: as sent, else what the client's server saw, else ours,
 * for SDKs that run at the user's and were not told to leave it out.
 */
std::string user_address(JsonValue root, JsonValue user, const std::string &platform,
                         const std::string &client_address)
{
    std::string address = user["ip_address"].text();
    if (address == "{{auto}}") {
        return client_address;
    }
    if (is_address(address)) {
        return address;
    }
    JsonValue request = interface_of(root, "request", "sentry.interfaces.Http");
    address = request["env"]["REMOTE_ADDR"].text();
    if (is_address(address)) {
        return address;
    }
    std::string infer = root["sdk"]["settings"]["infer_ip"].text();
    bool at_the_users = platform == "javascript" || platform == "cocoa" || platform == "objc";
    return infer == "auto" || (at_the_users && infer != "never") ? client_address : "";
}

}

bool is_address(const std::string &text)
{
    unsigned char bytes[sizeof(in6_addr)];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1
           || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::optional<Hash> user_of(JsonValue root, const std::string &platform,
                            const std::string &client_address)
{
    JsonValue user = interface_of(root, "user", "sentry.interfaces.User");
    std::string kind;
    std::string identity;
    for (std::string_view key : {"id", "username", "email"}) {
        std::string text = lenient_text(user[key]).value_or("");
        identity = cut_characters(trim(text), user_characters);
        if (!identity.empty()) {
            kind = key;
            break;
        }
    }
    if (identity.empty()) {
        kind = "ip";
        identity = user_address(root, user, platform, client_address);
    }
    if (identity.empty()) {
        return {};
    }
    return hash_of("user", kind + ":" + identity);
}

}
