#include "worker/fingerprint.hpp"

#include <algorithm>
#include <optional>

#include "worker/grouping_names.hpp"
#include "worker/grouping_rules.hpp"
#include "worker/grouping_variants.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

std::string or_else(std::string_view text, std::string_view absent)
{
    return std::string(text.empty() ? absent : text);
}

std::string_view either(std::string_view one, std::string_view other)
{
    return one.empty() ? other : one;
}

std::string_view last_value(const GroupingInput &input)
{
    return input.exceptions.empty() ? std::string_view() : input.exceptions.back().value;
}

std::string_view message_of(const GroupingInput &input)
{
    return either(either(input.message, input.message_template), last_value(input));
}

std::optional<std::string> frame_variable(const GroupingInput &input, std::string_view name)
{
    const Frame no_frame{};
    const Frame *nearest = crash_frame(main_frames(input));
    const Frame &frame = nearest == nullptr ? no_frame : *nearest;
    if (is_one_of(name, {"function", "stack.function"})) {
        return or_else(frame.function, "<no-function>");
    }
    if (is_one_of(name, {"path", "stack.abs_path"})) {
        return or_else(either(frame.abs_path, frame.filename), "<no-abs-path>");
    }
    if (name == "stack.filename") {
        return or_else(either(frame.filename, frame.abs_path), "<no-filename>");
    }
    if (is_one_of(name, {"module", "stack.module"})) {
        return or_else(frame.module, "<no-module>");
    }
    if (is_one_of(name, {"package", "stack.package"})) {
        return or_else(base_name(frame.package), "<no-package>");
    }
    return {};
}

/* ---- built-in rules ---- */

bool is_chunk_load_error(const Exception &exception)
{
    constexpr std::string_view word = "ChunkLoadError";
    std::string_view value = trim(exception.value);
    return exception.type == word
           || (value.starts_with(word)
               && (value.size() == word.size() || is_one_of(value.substr(word.size(), 1), {":", " "})));
}

/* The framework's stack of these says nothing, the page does. */
bool is_hydration_error(const Exception &exception)
{
    for (std::string_view text : {
             "Hydration failed because the initial UI",
             "The server could not finish this Suspense boundary",
             "There was an error while hydrating this Suspense boundary",
             "There was an error while hydrating but the error happened outside of a Suspense boundary",
             "There was an error while hydrating outside of a Suspense boundary",
             "Text content does not match server-rendered HTML"}) {
        if (exception.value.find(text) != std::string::npos) {
            return true;
        }
    }
    return false;
}

std::string page_of(const GroupingInput &input)
{
    auto tag = std::find_if(input.tags.begin(), input.tags.end(),
                            [](const auto &entry) { return entry.first == "transaction"; });
    return tag != input.tags.end() && !tag->second.empty() ? tag->second : input.transaction;
}

}

bool is_explicit(const GroupingInput &input)
{
    return !input.checksum.empty()
           || (!input.fingerprint.empty()
               && std::none_of(input.fingerprint.begin(), input.fingerprint.end(), is_default_entry));
}

std::string resolved_variable(const GroupingInput &input, std::string_view name)
{
    if (name == "transaction") {
        return or_else(input.transaction, "<no-transaction>");
    }
    if (name == "message") {
        return or_else(identifying_text(message_of(input)), "<no-message>");
    }
    if (name == "raw_message") {
        return or_else(raw_identifying_text(message_of(input)), "<no-message>");
    }
    if (is_one_of(name, {"type", "error.type"})) {
        return or_else(input.exceptions.empty() ? "" : input.exceptions.back().type, "<no-type>");
    }
    if (is_one_of(name, {"value", "error.value"})) {
        return or_else(identifying_text(last_value(input)), "<no-value>");
    }
    if (is_one_of(name, {"raw_value", "error.raw_value"})) {
        return or_else(raw_identifying_text(last_value(input)), "<no-value>");
    }
    if (std::optional<std::string> of_frame = frame_variable(input, name)) {
        return *of_frame;
    }
    if (name == "level") {
        return or_else(input.level, "<no-level>");
    }
    if (name == "logger") {
        return or_else(input.logger, "<no-logger>");
    }
    constexpr std::string_view tags = "tags.";
    if (name.starts_with(tags)) {
        name.remove_prefix(tags.size());
        std::string absent = "<no-value-for-tag-" + std::string(name) + ">";
        auto tag = std::find_if(input.tags.begin(), input.tags.end(),
                                [&](const auto &entry) { return entry.first == name; });
        return or_else(tag == input.tags.end() ? "" : tag->second, absent);
    }
    return std::string("<unrecognized-variable-").append(name).append(">");
}

/* Many people put the message itself into the fingerprint. */
std::string resolved_entry(const GroupingInput &input, std::string_view entry)
{
    if (std::optional<std::string_view> name = variable_name(entry)) {
        return resolved_variable(input, *name);
    }
    bool is_text = entry == trim(input.message) || entry == trim(input.message_template)
                   || std::any_of(input.exceptions.begin(), input.exceptions.end(),
                                  [&](const Exception &each) { return entry == trim(each.value); });
    return is_text ? identifying_text(entry) : std::string(entry);
}

std::string resolved_text(const GroupingInput &input, std::string_view text)
{
    return replace_variables(text, [&](std::string_view name) { return resolved_variable(input, name); });
}

std::string fingerprint_bytes(const GroupingInput &input, std::string_view default_part)
{
    std::string out;
    for (const std::string &entry : input.fingerprint) {
        if (is_default_entry(entry)) {
            out.append("D(").append(default_part).append(")");
        } else {
            append_leaf(out, 'P', resolved_entry(input, entry));
        }
    }
    return out;
}

void apply_fingerprint_rules(GroupingInput &input)
{
    auto replace = [&](std::vector<std::string> by, std::string rule) {
        input.sent_fingerprint = std::exchange(input.fingerprint, std::move(by));
        input.fingerprint_rule = std::move(rule);
    };
    if (const FingerprintRule *rule = input.rules ? input.rules->fingerprint(input) : nullptr) {
        replace(rule->entries, rule->text);
        input.rule_title = resolved_text(input, rule->title);
        return;
    }
    if (!is_javascript(input.platform)) {
        return;
    }
    const std::vector<Exception> &exceptions = input.exceptions;
    if (std::any_of(exceptions.begin(), exceptions.end(), is_chunk_load_error)) {
        replace({"chunkloaderror"}, "built-in: chunkloaderror");
    } else if (std::any_of(exceptions.begin(), exceptions.end(), is_hydration_error)) {
        if (std::string page = page_of(input); !page.empty()) {
            replace({"hydrationerror", std::move(page)}, "built-in: hydrationerror");
        }
    }
}

}
