/*
 * Whatever a path holds: what is found in it lies in it, has no slash, and depends
 * neither on a prefix nor on how many slashes there are.
 */

#include "ngx_module/endpoint.hpp"

#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view path(reinterpret_cast<const char *>(data), size);
    Target target = find_target(path);
    for (std::string_view part : {target.project, target.event_id, target.slug, target.key}) {
        bool inside = part.empty()
                      || (part.data() >= path.data()
                          && part.data() + part.size() <= path.data() + path.size());
        if (!inside || part.find('/') != std::string_view::npos) {
            std::abort();
        }
    }
    std::string doubled = "prefix/";
    for (char c : path) {
        doubled.append(c == '/' ? 2 : 1, c);
    }
    doubled.push_back('/');
    Target again = find_target(doubled);
    if (again.endpoint != target.endpoint || again.project != target.project
        || again.event_id != target.event_id || again.slug != target.slug || again.key != target.key)
    {
        std::abort();
    }
    if (endpoint_name(target.endpoint).empty()) {
        std::abort();
    }
    return 0;
}
