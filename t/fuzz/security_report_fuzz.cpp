/*
 * Any JSON may be a report of a browser: the event that it becomes can be read. For
 * clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "worker/event.hpp"
#include "worker/json.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"
#include "worker/security_report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view body(reinterpret_cast<const char *>(data), size);
    errtrack::Json document;
    std::string buffer;
    if (!document.parse(errtrack::repair(body, buffer))) {
        return 0;
    }
    errtrack::SecurityEvent event;
    errtrack::ReportContext context = {body, body, body};
    if (errtrack::security_event(document.root(), context, event) == errtrack::reason::none
        && !errtrack::parse_event(event.json, {}))
    {
        std::abort();
    }
    return 0;
}
