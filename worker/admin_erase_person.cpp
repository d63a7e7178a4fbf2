/*
 * An identity is the same as another when filing takes the two for one: texts byte by byte,
 * without white space around them; addresses however they are written.
 */

#include "worker/admin_erase_person.hpp"

#include "worker/admin_database.hpp"
#include "worker/grouping.hpp"
#include "worker/item.hpp"
#include "worker/repair.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

namespace errtrack {
namespace {

/* As user.cpp, session.cpp and tags.cpp cut. */
constexpr std::size_t user_characters = 128;
constexpr std::size_t tag_characters = 200;

/* Shorter ones, and those without a digit, may be any word of a text. */
constexpr std::size_t telling_length = 8;

struct Kind {
    std::string_view name;              /* in SQL */
    std::string_view called;
    std::string_view prefix;            /* of hashes and tags */
    const std::string Options::*given;
};

constexpr Kind kinds[] = {{"user_id", "user id", "id:", &Options::user_id},
                          {"email", "e-mail address", "email:", &Options::email},
                          {"address", "IP address", "ip:", &Options::address},
                          {"username", "user name", "username:", &Options::username}};

std::string list_of(const std::vector<std::string> &texts)
{
    std::string list = "[";
    for (const std::string &text : texts) {
        list.append(list.size() > 1 ? "," : "");
        append_json_string(list, text);
    }
    return list + "]";
}

void add(std::vector<std::string> &list, const std::string &text)
{
    if (std::find(list.begin(), list.end(), text) == list.end()) {
        list.push_back(text);
    }
}

/* As in a URL. */
std::string percent_encoded(const std::string &text)
{
    std::string encoded;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || std::strchr("-._~", c) != nullptr) {
            encoded.push_back(c);
        } else {
            char escape[4];
            std::snprintf(escape, sizeof(escape), "%%%02X", byte);
            encoded.append(escape);
        }
    }
    return encoded;
}

std::string upper(std::string text)
{
    for (char &c : text) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return text;
}

/* The groups of an address, all eight of them, with or without leading zeros. */
std::string all_groups(const in6_addr &address, const char *form)
{
    std::string text;
    for (std::size_t i = 0; i < 16; i += 2) {
        char group[8];
        std::snprintf(group, sizeof(group), form, address.s6_addr[i] << 8 | address.s6_addr[i + 1]);
        text.append(text.empty() ? "" : ":").append(group);
    }
    return text;
}

/* Every usual way to write it, the normal one first. */
std::vector<std::string> spellings_of(const std::string &text)
{
    char normal[INET6_ADDRSTRLEN];
    in6_addr address;
    in_addr old;
    std::vector<std::string> spellings;
    if (inet_pton(AF_INET6, text.c_str(), &address) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&address)) {
            inet_ntop(AF_INET6, &address, normal, sizeof(normal));
            for (const std::string &form :
                 {std::string(normal), all_groups(address, "%x"), all_groups(address, "%04x")}) {
                add(spellings, form);
                add(spellings, upper(form));
            }
            return spellings;
        }
        std::memcpy(&old, address.s6_addr + 12, sizeof(old));
    } else if (inet_pton(AF_INET, text.c_str(), &old) != 1) {
        throw Failure(Exit::refused, "\"" + text + "\" is no address of IPv4 or IPv6");
    }
    inet_ntop(AF_INET, &old, normal, sizeof(normal));
    return {normal, std::string("::ffff:") + normal, std::string("::FFFF:") + normal};
}

bool is_telling(const std::string &text)
{
    return text.size() >= telling_length
           && std::any_of(text.begin(), text.end(),
                          [](char c) { return (c >= '0' && c <= '9') || c == '@'; });
}

const Kind &kind_of(const Options &options)
{
    const Kind *found = nullptr;
    for (const Kind &kind : kinds) {
        if (!(options.*kind.given).empty()) {
            if (found != nullptr) {
                throw Failure(Exit::refused, "name the person by one identity at a time");
            }
            found = &kind;
        }
    }
    if (found == nullptr) {
        throw Failure(Exit::refused, "name the person with --user-id, --email, --address or --username");
    }
    return *found;
}

}

Person person_of(const Options &options)
{
    const Kind &kind = kind_of(options);
    std::string identity(trim(options.*kind.given));
    if (kind.name == "email" && (identity.size() < 3 || identity.find('@') == identity.npos)) {
        throw Failure(Exit::refused, "\"" + identity + "\" is not an e-mail address");
    }
    if (identity.empty()) {
        throw Failure(Exit::refused, "the " + std::string(kind.called) + " is empty");
    }
    bool is_address = kind.name == "address";
    std::vector<std::string> names = is_address ? spellings_of(identity)
                                                : std::vector<std::string>{identity};
    std::vector<std::string> words;
    if (is_address && names[0].find(':') == std::string::npos) {
        words = {names[0]};
    } else if (is_address) {
        words = names;
    } else if (kind.name == "email" || is_telling(identity)) {
        words = {identity};
        add(words, percent_encoded(identity));
    }

    Person person{std::string(kind.called), {}, {}};
    std::vector<std::string> hashes;
    std::vector<std::string> dids;
    std::vector<std::string> tags;
    for (const std::string &name : names) {
        std::string cut(cut_characters(name, user_characters));
        person.user_hashes.push_back(hash_of("user", std::string(kind.prefix) + cut));
        hashes.push_back(to_hex(person.user_hashes.back()));
        dids.push_back(to_hex(hash_of("did", cut)));
        tags.emplace_back(cut_characters(std::string(kind.prefix) + name, tag_characters));
    }
    person.json = JsonObject().text("kind", kind.name)
                      .raw("names", list_of(names))
                      .raw("words", list_of(words))
                      .raw("user_hashes", list_of(hashes))
                      .raw("dids", list_of(dids))
                      .raw("tags", list_of(tags))
                      .done();
    return person;
}

}
