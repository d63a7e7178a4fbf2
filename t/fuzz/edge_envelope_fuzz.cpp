/*
 * The edge and the worker read the same envelope: what the edge lets in, the worker must
 * be able to read, with the same items.
 */

#include "t/unit/edge_agreement.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view body(reinterpret_cast<const char *>(data), size);
    bool accepted = false;
    std::string found = disagreement(Endpoint::envelope, body, 1 + size % 7, accepted);
    if (!found.empty()) {
        std::fprintf(stderr, "%s\n", found.c_str());
        std::abort();
    }
    return 0;
}
