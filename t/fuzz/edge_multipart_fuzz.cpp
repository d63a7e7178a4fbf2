/*
 * The same for multipart bodies: minidumps and attachments. The first line is the
 * Content-Type.
 */

#include "t/unit/edge_agreement.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view body(reinterpret_cast<const char *>(data), size);
    std::string_view type = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(type.size() + 1, body.size()));
    bool accepted = false;
    std::string found = disagreement(Endpoint::minidump, body, 1 + size % 7, accepted, type);
    if (found.empty()) {
        found = disagreement(Endpoint::attachments, body, 1 + size % 7, accepted, type);
    }
    if (!found.empty()) {
        std::fprintf(stderr, "%s\n", found.c_str());
        std::abort();
    }
    return 0;
}
