/*
 * Whatever the settings of a project hold: what is compiled of them is well formed, is
 * itself compiled to the same, and decides about any client without regard to case.
 *
 * The input is an origin, an address, a user agent and an SDK, a line each, and the JSON.
 */

#include "ngx_module/rules.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool good)
{
    if (!good) {
        std::abort();
    }
}

/* The settings that the lines stand for. */
std::string settings_of(std::string_view rules)
{
    std::string json = "{";
    for (auto [letter, name] : {std::pair('o', "origins"), std::pair('a', "addresses"),
                                std::pair('u', "agents"), std::pair('s', "sdks")})
    {
        json.append(json.size() > 1 ? ",\"" : "\"").append(name).append("\":[");
        bool first = true;
        for (std::string_view left = rules; !left.empty();) {
            std::size_t end = left.find('\n');
            require(end != left.npos && end > 2 && left[1] == ' ');
            if (left[0] == letter) {
                json.append(first ? "\"" : ",\"").append(left.substr(2, end - 2)).append("\"");
                first = false;
            }
            left.remove_prefix(end + 1);
        }
        json.append("]");
    }
    return json + "}";
}

std::string upper(std::string_view text)
{
    std::string made(text);
    std::transform(made.begin(), made.end(), made.begin(), [](char c) {
        return static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
    });
    return made;
}

}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view json(reinterpret_cast<const char *>(data), size);
    std::array<std::string_view, 4> facts;
    for (std::string_view &fact : facts) {
        std::size_t end = json.find('\n');
        fact = json.substr(0, end);
        json.remove_prefix(end == std::string_view::npos ? json.size() : end + 1);
    }
    unsigned bad = 0;
    std::string rules = compile_rules(json, bad);
    require(rules.size() <= max_rules);
    require(std::all_of(rules.begin(), rules.end(), [](char c) {
        return c == '\n' || (c >= ' ' && c < 0x7f && c != '"' && c != '\\');
    }));
    bad = 0;
    require(compile_rules(settings_of(rules), bad) == rules && bad == 0);

    std::string_view origin = facts[0];
    bool allowed = origin_allowed(rules, origin);
    require(allowed == origin_allowed(rules, upper(origin)));
    require(origin_allowed(rules, {}) && origin_allowed({}, origin));
    require(origin_allowed(rules + "o *\n", origin));
    std::string_view filter = filter_of(rules, {facts[1], facts[2], facts[3]});
    require(filter.empty() || filter == "ip-address" || filter == "web-crawlers"
            || filter == "legacy-browsers" || filter == "sdk-version");
    require(filter_of({}, {facts[1], facts[2], facts[3]}).empty());
    require(filter.empty() || !rules.empty());
    return 0;
}
