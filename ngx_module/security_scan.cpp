#include "ngx_module/security_scan.hpp"

#include "worker/outcome.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

Fault SecurityScanner::scan(std::string_view bytes)
{
    if (summary_.plain_bytes > limits_.event_bytes) {
        return {reason::too_large, "request body exceeds the size limit",
                "the reports are larger than allowed"};
    }
    if (Fault fault = json_.push(bytes)) {
        return fault;
    }
    if (json_.is_list() && json_.elements() > max_reports) {
        return {reason::too_large, "request body exceeds the size limit", "too many reports"};
    }
    return {};
}

Fault SecurityScanner::end()
{
    if (Fault fault = json_.finish()) {
        return fault;
    }
    summary_.add(type_, json_.is_list() ? json_.elements() : 1);
    return {};
}

}
