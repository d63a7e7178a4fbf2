/*
 * Any bytes may be the payload of an item: what is to be filed of it is a JSON object. For
 * clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "worker/check_in.hpp"
#include "worker/client_report.hpp"
#include "worker/feedback.hpp"
#include "worker/json.hpp"
#include "worker/outcome.hpp"
#include "worker/session.hpp"
#include "worker/transaction.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view payload(reinterpret_cast<const char *>(data), size);
    ItemContext context = {1'700'000'000 * second, 1'700'000'000 * second,
                           "0123456789abcdef0123456789abcdef", {},
                           "fedcba9876543210fedcba9876543210"};
    for (auto *read : {read_client_report, read_user_report, read_feedback, read_transaction, read_session,
                       read_sessions, read_check_in}) {
        std::string row;
        Json document;
        if (read(payload, context, row) == reason::none
            && (!document.parse(row) || !document.root().is_object()))
        {
            std::abort();
        }
    }
    Spans spans;
    bool listed = read_spans(payload, context, {false, true, true, true, {}, {"1.*"}}, spans) == reason::none;
    if (listed != (spans.segments.size() + spans.others > 0) || spans.segments.size() + spans.others > max_spans) {
        std::abort();
    }
    for (const Segment &each : spans.segments) {
        Json document;
        bool filed = each.filter.empty() && each.fault == reason::none;
        if (filed ? !document.parse(each.row) || !document.root().is_object() : !each.row.empty()) {
            std::abort();
        }
    }
    return 0;
}
