/*
 * The strategies in their order: the first that finds something to go by decides. Then
 * their bytes become hashes.
 *
 * Rules: grouping reference, sections 2, 4, 10 to 13.
 */

#include "worker/grouping.hpp"

#include <algorithm>
#include <array>

#include <openssl/sha.h>

#include "worker/fingerprint.hpp"
#include "worker/grouping_rules.hpp"
#include "worker/grouping_variants.hpp"
#include "worker/in_app.hpp"
#include "worker/parameterize.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t text_characters = 1024;

constexpr std::string_view fingerprint_prefix = "fp";
constexpr std::string_view loose_prefix = "loose";

/* Takes the next line that is not empty off text, trimmed; empty at the end. */
std::string_view next_line(std::string_view &text)
{
    while (!text.empty()) {
        std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty()) {
            return line;
        }
    }
    return {};
}

std::string first_lines(std::string_view text)
{
    text = cut_bytes(text, max_message_bytes);
    std::string lines(next_line(text));
    if (std::string_view second = next_line(text); !second.empty()) {
        lines.append(" ").append(second);
    }
    return collapse_blanks(lines);
}

std::vector<Variant> of_one(Variant variant)
{
    if (variant.bytes.empty()) {
        return {};
    }
    return {std::move(variant)};
}

void add_leaf(Variant &variant, char tag, Leaf leaf)
{
    append_leaf(variant.bytes, tag, leaf.value);
    variant.leaves.emplace_back(tag, std::move(leaf));
}

std::vector<Variant> by_exceptions(const GroupingInput &input)
{
    return input.exceptions.empty() ? std::vector<Variant>() : exception_variants(input);
}

/* Of g0: coarse on purpose, so that switching can be tried with errors that it holds together. */
std::vector<Variant> by_type(const GroupingInput &input)
{
    if (input.exceptions.empty()) {
        return {};
    }
    Variant variant;
    variant.name = "type";
    add_leaf(variant, 'T', {input.exceptions.back().type});
    add_leaf(variant, 'W', {input.transaction});
    return of_one(std::move(variant));
}

std::string_view message_text(const GroupingInput &input)
{
    return trim(input.message_template).empty() ? input.message : input.message_template;
}

/* A stack without exception is the identity unless a message tells more. */
std::vector<Variant> by_stack(const GroupingInput &input)
{
    if (input.attached.empty()
        || (!input.attached_crashed && !trim(message_text(input)).empty())) {
        return {};
    }
    auto variant = [&](Scope scope) {
        Variant made;
        made.name = scope == Scope::app ? "app" : "system";
        made.stack = stack_part(input.attached, input.attached_bounds, scope, false);
        made.bytes = made.stack.bytes;
        made.has_stack = !made.bytes.empty();
        made.weak = made.stack.weak;
        return made;
    };
    return choose_variants(variant(Scope::app), variant(Scope::system));
}

std::vector<Variant> by_template(const GroupingInput &input)
{
    Variant variant;
    variant.name = "template";
    add_leaf(variant, 'A', {input.place.filename});
    add_leaf(variant, 'B', {collapse_blanks(input.place.context_line)});
    return of_one(std::move(variant));
}

std::vector<Variant> by_report(const GroupingInput &input)
{
    const SecurityReport &report = input.report;
    if (report.kind.empty()) {
        return {};
    }
    Variant variant;
    variant.name = report.kind;
    add_leaf(variant, 'R', {report.kind});
    add_leaf(variant, 'Q', {report.directive});
    add_leaf(variant, 'U', {report.blocked});
    add_leaf(variant, 'H', {report.host});
    return of_one(std::move(variant));
}

/* With an attached stack, the place in the application that is nearest to the message
 * tells two messages with the same text apart, but not the path that led there. */
std::vector<Variant> by_message(const GroupingInput &input)
{
    Variant variant;
    variant.name = "message";
    std::string_view sent = message_text(input);
    std::string text = identifying_text(sent);
    add_leaf(variant, 'G', {text, text == sent ? Hint::none : Hint::parameterized});
    if (variant.bytes.empty()) {
        return {};
    }
    variant.stack.hints.resize(input.attached.size(), Hint::precedence);
    for (std::size_t i = input.attached.size(); i-- > 0;) {
        const Frame &frame = input.attached[i];
        if (frame.in_app && frame.noise != Noise::hard && frame.leaves.contribute()) {
            append_frame(variant.bytes, frame.leaves);
            variant.stack.frames.push_back(i);
            variant.stack.hints[i] = Hint::none;
            break;
        }
    }
    return {std::move(variant)};
}

using Strategy = std::vector<Variant> (*)(const GroupingInput &);
using Strategies = std::array<std::pair<std::string_view, Strategy>, 5>;
constexpr Strategies strategies_of_g1 = {{
    {"exception", by_exceptions}, {"stacktrace", by_stack}, {"template", by_template},
    {"report", by_report}, {"message", by_message}}};
constexpr Strategies strategies_of_g0 = {{
    {"exception", by_type}, {"stacktrace", by_stack}, {"template", by_template},
    {"report", by_report}, {"message", by_message}}};

const Strategies &strategies_of(Algorithm algorithm)
{
    return algorithm == Algorithm::g0 ? strategies_of_g0 : strategies_of_g1;
}

/* The frame nearest to the crash that has a name and is no machinery; in the application, if
 * there is one. */
const Frame *telling_frame(const std::vector<Frame> &frames)
{
    const Frame *nearest = nullptr;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        const FrameLeaves &leaves = frame->leaves;
        if (frame->noise != Noise::none || (leaves.location.value.empty() && leaves.function.value.empty())) {
            continue;
        }
        if (frame->in_app) {
            return &*frame;
        }
        nearest = nearest == nullptr ? &*frame : nearest;
    }
    return nearest;
}

bool is_hybrid(const GroupingInput &input)
{
    return std::any_of(input.fingerprint.begin(), input.fingerprint.end(), is_default_entry)
           && !std::all_of(input.fingerprint.begin(), input.fingerprint.end(), is_default_entry);
}

}

std::string identifying_text(std::string_view text)
{
    return std::string(cut_characters(parameterize(first_lines(text)), text_characters));
}

std::string raw_identifying_text(std::string_view text)
{
    return std::string(cut_characters(first_lines(text), text_characters));
}

std::vector<Variant> choose_variants(Variant app, Variant system)
{
    std::vector<Variant> chosen;
    bool differ = app.bytes != system.bytes;
    bool use_app = app.has_stack || !system.has_stack;
    bool use_system = system.has_stack && (!use_app || differ);
    if (use_app && !app.bytes.empty()) {
        chosen.push_back(std::move(app));
    }
    if (use_system) {
        chosen.push_back(std::move(system));
    }
    return chosen;
}

DefaultGrouping default_grouping(const GroupingInput &input, Algorithm algorithm)
{
    for (const auto &[name, strategy] : strategies_of(algorithm)) {
        if (std::vector<Variant> variants = strategy(input); !variants.empty()) {
            return {name, std::move(variants)};
        }
    }
    DefaultGrouping fallback{"fallback", std::vector<Variant>(1)};
    fallback.variants.front().name = "fallback";
    return fallback;
}

std::vector<std::string_view> preceded_strategies(const GroupingInput &input,
                                                  std::string_view strategy)
{
    std::vector<std::string_view> preceded;
    bool behind = false;
    for (const auto &[name, run] : strategies_of(input.algorithm)) {
        if (behind && !run(input).empty()) {
            preceded.push_back(name);
        }
        behind = behind || name == strategy;
    }
    return preceded;
}

Hash hash_of(std::string_view prefix, std::string_view bytes)
{
    std::string text;
    text.reserve(prefix.size() + 1 + bytes.size());
    text.append(prefix).push_back('\0');
    text.append(bytes);
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char *>(text.data()), text.size(), digest.data());
    Hash hash;
    std::copy_n(digest.begin(), hash.size(), hash.begin());
    return hash;
}

void mark_frames(GroupingInput &input, std::shared_ptr<const GroupingRules> rules)
{
    input.rules = std::move(rules);
    auto mark = [&](std::vector<Frame> &frames, FrameBounds &bounds) {
        mark_by_defaults(frames);
        if (input.rules) {
            bounds = input.rules->mark(input, frames);
        }
        spread_noise(frames);
    };
    for (Exception &exception : input.exceptions) {
        mark(exception.frames, exception.bounds);
    }
    mark(input.attached, input.attached_bounds);
    input.main_exception = input.exceptions.empty() ? 0 : main_exception_of(input);
}

Hash explicit_hash(const GroupingInput &input)
{
    std::string bytes;
    if (input.checksum.empty()) {
        bytes = fingerprint_bytes(input, {});
    } else {
        append_leaf(bytes, 'K', input.checksum);
    }
    return hash_of(fingerprint_prefix, bytes);
}

Hash variant_hash(const GroupingInput &input, const Variant &variant, Algorithm algorithm)
{
    return hash_of(to_text(algorithm), is_hybrid(input) ? fingerprint_bytes(input, variant.bytes)
                                                        : variant.bytes);
}

std::vector<GroupingHash> grouping_hashes(const GroupingInput &input)
{
    if (is_explicit(input)) {
        return {{explicit_hash(input), "custom"}};
    }
    return hashes_by_version(input, input.algorithm);
}

std::optional<Hash> loose_hash(const GroupingInput &input)
{
    const Frame *frame = telling_frame(main_frames(input));
    std::string type;
    if (!input.exceptions.empty() && !input.exceptions.back().synthetic) {
        type = clean_type(input.exceptions.back(), input.platform);
    }
    if (frame == nullptr && type.empty()) {
        return {};
    }
    std::string bytes;
    if (!type.empty()) {
        append_leaf(bytes, 'T', type);
    }
    if (frame != nullptr) {
        append_leaf(bytes, 'L', frame->leaves.location.value);
        append_leaf(bytes, 'F', frame->leaves.function.value);
    }
    return hash_of(loose_prefix, bytes);
}

std::vector<GroupingHash> hashes_by_version(const GroupingInput &input, Algorithm algorithm)
{
    std::vector<GroupingHash> hashes;
    if (is_explicit(input)) {
        return hashes;
    }
    for (const Variant &variant : default_grouping(input, algorithm).variants) {
        hashes.push_back({variant_hash(input, variant, algorithm), std::string(variant.name)});
    }
    return hashes;
}

}
