/*
 * The edge and the worker read the same bytes: what the edge lets in, the worker must
 * be able to read, with the same items and the same event id.
 */

#include "ngx_module/scan.hpp"
#include "worker/envelope.hpp"
#include "worker/outcome.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view body(reinterpret_cast<const char *>(data), size);
    EnvelopeScanner scanner({1 << 20, 1 << 20});
    if (scanner.push(body) || scanner.finish()) {
        return 0;
    }
    Envelope envelope;
    std::size_t items = 0;
    for (const auto &[type, count] : scanner.summary().items) {
        items += count;
    }
    if (parse_envelope(body, envelope) != reason::none || envelope.items.size() != items
        || envelope.event_id != scanner.summary().event_id)
    {
        std::abort();
    }
    return 0;
}
