/*
 * Whatever method and path are: there is a route or the right refusal, it does not depend
 * on how many slashes there are, and a path that is written of what a route took leads
 * there again.
 *
 * The input is a line of method, and the path.
 */

#include "ngx_module/routes.hpp"
#include "ngx_module/url.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace errtrack;

namespace {

void check(bool good)
{
    if (!good) {
        std::abort();
    }
}

void check_same(const Match &one, const Match &other)
{
    check(one.route == other.route && one.captures == other.captures && one.status == other.status
          && one.allow == other.allow);
}

std::string path_of(const Match &match)
{
    std::string path;
    std::string_view pattern = match.route->pattern;
    std::size_t taken = 0;
    for (std::string_view segment = next_segment(pattern); !segment.empty(); segment = next_segment(pattern)) {
        path += "/" + (segment.front() == '{' ? percent_encode(match.captures.at(taken++).second) : std::string(segment));
    }
    check(taken == match.captures.size());
    return path;
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    std::string_view method = text.substr(0, text.find('\n'));
    std::string_view path = text.substr(std::min(method.size() + 1, size));
    Match match = match_route(method, path);
    std::string doubled = "//";
    for (char c : path) {
        doubled.append(c == '/' ? 2 : 1, c);
    }
    Match again = match_route(method, doubled);
    surface_of(path);
    if (match.route == nullptr) {
        check(match.status == (match.allow.empty() ? 404 : 405));
        check(again.route == nullptr && again.status == match.status && again.allow == match.allow);
        return 0;
    }
    check_same(match, again);
    check(match.status == 0 && (match.route->method == method || (method == "HEAD" && match.route->method == "GET")));
    for (const auto &[name, value] : match.captures) {
        check(!name.empty() && !value.empty() && is_text(value));
    }
    check_same(match, match_route(method, path_of(match)));
    return 0;
}
