/*
 * A rule on the first line, if there are two, then an event. Any event has hashes, always
 * the same ones, and an explanation that is JSON and names them; parameterize() grows a
 * text by a bounded factor. For clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "worker/event.hpp"
#include "worker/grouping.hpp"
#include "worker/grouping_names.hpp"
#include "worker/grouping_rules.hpp"
#include "worker/json.hpp"
#include "worker/parameterize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view text(reinterpret_cast<const char *>(data), size);
    if (parameterize(text).size() > 8 * text.size()
        || clean_native_function(text).size() > 64 * text.size() + 4096) {
        std::abort();
    }
    auto rules = std::make_shared<GroupingRules>();
    if (std::size_t end = text.find('\n'); end != text.npos) {
        rules->add_fingerprint_rule(text.substr(0, end));
        rules->add_stack_rule(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    EventContext context;
    context.grouping.rules = std::move(rules);
    context.received_at = 1'700'000'000'000'000;
    std::optional<Event> event = parse_event(text, context);
    if (!event) {
        return 0;
    }
    std::string why = explain_grouping(*event->grouping);
    std::optional<Event> again = parse_event(text, context);
    Json document;
    if (event->hashes.empty() || !document.parse(why)
        || why.find(to_hex(event->hashes.front().hash)) == why.npos
        || again->hashes.front().hash != event->hashes.front().hash) {
        std::abort();
    }
    return 0;
}
