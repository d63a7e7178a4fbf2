/*
 * Any bytes may be an envelope or the body of the store endpoint: every payload must
 * lie inside the bytes. For clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "worker/envelope.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);
    errtrack::Envelope envelope;
    errtrack::parse_envelope(bytes, envelope);
    for (const errtrack::EnvelopeItem &item : envelope.items) {
        std::less_equal<const char *> before;
        if (!before(bytes.data(), item.payload.data())
            || !before(item.payload.data() + item.payload.size(), bytes.data() + size)) {
            std::abort();
        }
    }
    std::string buffer;
    std::string_view json;
    errtrack::decode_store_body(bytes, 1 << 20, buffer, json);
    return 0;
}
