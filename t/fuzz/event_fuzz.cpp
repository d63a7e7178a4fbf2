/*
 * Any bytes may be the body of an event: parsing must neither fail nor run long, and
 * what is to be stored must be JSON within its bound. For clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "worker/event.hpp"
#include "worker/json.hpp"
#include "worker/payload.hpp"
#include "worker/repair.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    errtrack::EventContext context;
    context.received_at = 1'700'000'000'000'000;
    context.event_id = "0123456789abcdef0123456789abcdef";
    std::string_view body(reinterpret_cast<const char *>(data), size);
    if (auto event = errtrack::parse_event(body, context)) {
        /* A bare exception is stored two levels deeper than it came. */
        std::string buffer;
        std::string deeper = "[[" + std::string(errtrack::repair(body, buffer)) + "]]";
        errtrack::Json document;
        if (event->hashes.empty() || event->payload.size() > errtrack::max_payload
            || (document.parse(deeper) && !document.parse(event->payload))) {
            std::abort();
        }
    }
    return 0;
}
