/*
 * Events become variants, variants become canonical bytes, bytes become hashes.
 * Canonical bytes: every leaf is its tag, its length, a colon, the text, a semicolon;
 * a frame stands in braces, a stack begins with S, an exception is X(...), the default
 * part of a hybrid fingerprint D(...). So no two lists of leaves give equal bytes.
 *
 * What a frame contributes is decided in one place, frame_leaves(); which frames
 * belong to the application in another, decide_in_app().
 */

#include "worker/grouping.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

#include <openssl/sha.h>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t contributing_frames = 100;
constexpr std::size_t contributing_exceptions = 10;
constexpr std::size_t text_characters = 1024;
constexpr std::size_t context_characters = 120;
constexpr std::size_t type_characters = 128;
constexpr std::size_t title_characters = 256;
constexpr std::size_t culprit_characters = 200;

constexpr std::string_view fingerprint_prefix = "fp";

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_javascript(std::string_view platform)
{
    return is_one_of(platform, {"javascript", "node"});
}

bool is_native(std::string_view platform)
{
    return is_one_of(platform, {"native", "c", "cocoa", "objc", "swift"});
}

/* Names that tools write in the place of every function. */
bool is_placeholder(std::string_view function)
{
    return is_one_of(function, {"stripped_application_code", "<stripped application code>",
                                "<stripped>", "<private>", "<hidden>"});
}

std::string_view base_name(std::string_view path)
{
    return path.substr(path.find_last_of("/\\") + 1);
}

/* White space runs as one blank, none at the ends. */
std::string collapse_blanks(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (char c : trim(text)) {
        bool blank = white_space.find(c) != white_space.npos;
        if (!blank) {
            out.push_back(c);
        } else if (out.back() != ' ') {
            out.push_back(' ');
        }
    }
    return out;
}

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

std::string_view first_line(std::string_view text)
{
    return next_line(text);
}

/* What identifies a message or an exception value: its first two lines that are not
 * empty. Data inside the text is to be replaced here, before the cut, or else the
 * place of the cut would move with the length of the data. */
std::string identifying_text(std::string_view text)
{
    text = cut_bytes(text, max_message_bytes);
    std::string lines(next_line(text));
    if (std::string_view second = next_line(text); !second.empty()) {
        lines.append(" ").append(second);
    }
    return std::string(cut_characters(collapse_blanks(lines), text_characters));
}

void append_leaf(std::string &out, char tag, std::string_view text)
{
    if (!text.empty()) {
        out.push_back(tag);
        out.append(std::to_string(text.size())).append(":").append(text).append(";");
    }
}

struct FrameLeaves {
    std::string location;
    std::string function;
    std::string context;
    bool in_app = false;

    bool contributes() const
    {
        return !location.empty() || !function.empty() || !context.empty();
    }

    void append_to(std::string &out) const
    {
        out.push_back('{');
        append_leaf(out, 'L', location);
        append_leaf(out, 'F', function);
        append_leaf(out, 'C', context);
        out.push_back('}');
    }
};

/* Addresses of pages and bundles: their names change with every build. */
bool is_url(std::string_view path)
{
    for (std::string_view scheme : {"http:", "https:", "blob:", "data:", "applewebdata:",
                                    "about:", "capacitor:", "ionic:", "resource:"}) {
        if (path.starts_with(scheme)) {
            return true;
        }
    }
    return false;
}

std::string file_location(const Frame &frame)
{
    if (is_javascript(frame.platform)
        && (is_url(frame.abs_path) || is_url(frame.filename)
            || is_one_of(frame.filename, {"<anonymous>", "[native code]"}))) {
        return {};
    }
    std::string_view path = frame.filename;
    return lower(base_name(path.substr(0, path.find_first_of("?#"))));
}

/* The source line, if it is short enough to be written by a person and says more
 * than syntax. */
std::string context_leaf(const Frame &frame)
{
    if (!is_one_of(frame.platform, {"javascript", "node", "python", "php", "ruby"})
        || cut_characters(frame.context_line, context_characters).size()
               < frame.context_line.size()
        || frame.context_line.find("{snip}") != std::string::npos) {
        return {};
    }
    if (is_javascript(frame.platform) && frame.function.empty()
        && (is_url(frame.abs_path) || frame.abs_path.starts_with("file:"))) {
        return {};
    }
    bool says_something = std::any_of(
        frame.context_line.begin(), frame.context_line.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                   || static_cast<unsigned char>(c) >= 0x80;
        });
    std::string line = says_something ? collapse_blanks(frame.context_line) : std::string();
    if (is_one_of(line, {"try {", "else {", "finally {", "return", "await"})) {
        return {};
    }
    return line;
}

/*
 * What a frame contributes. The one place for what depends on the language: cleaning
 * of functions, modules and file names before they become leaves, and frames that
 * never contribute (their leaves stay empty).
 */
FrameLeaves frame_leaves(const Frame &frame)
{
    FrameLeaves leaves;
    leaves.in_app = frame.in_app;
    leaves.location = frame.module.empty() ? file_location(frame) : frame.module;
    leaves.function = frame.function;
    leaves.context = context_leaf(frame);
    return leaves;
}

std::vector<FrameLeaves> stack_leaves(const std::vector<Frame> &frames)
{
    std::vector<FrameLeaves> leaves;
    leaves.reserve(frames.size());
    for (const Frame &frame : frames) {
        leaves.push_back(frame_leaves(frame));
    }
    return leaves;
}

enum class Scope { app, system };

/* Collapse first, cut afterwards: the depth of a recursion must not decide which
 * frames are left. Empty when no frame contributes. */
std::string stack_bytes(const std::vector<FrameLeaves> &stack, Scope scope)
{
    std::vector<const FrameLeaves *> frames;
    for (const FrameLeaves &frame : stack) {
        if (!frame.contributes() || (scope == Scope::app && !frame.in_app)) {
            continue;
        }
        if (!frames.empty() && frames.back()->location == frame.location
            && frames.back()->function == frame.function) {
            frames.back() = &frame;
        } else {
            frames.push_back(&frame);
        }
    }
    if (frames.empty()) {
        return {};
    }
    std::size_t first = frames.size() - std::min(frames.size(), contributing_frames);
    std::string out = "S";
    for (std::size_t i = first; i < frames.size(); i++) {
        frames[i]->append_to(out);
    }
    return out;
}

struct Variant {
    std::string_view name;
    std::string bytes;
    bool has_stack = false;
};

std::string exception_bytes(const Exception &exception, std::string_view stack)
{
    std::string out = "X(";
    if (!exception.synthetic || stack.empty()) {
        append_leaf(out, 'T', exception.type);
    }
    if (stack.empty() && exception.ns_error.empty()) {
        append_leaf(out, 'V', identifying_text(exception.value));
    }
    append_leaf(out, 'N', exception.ns_error);
    out.append(stack).append(")");
    return out;
}

/* An exception that equals its neighbour counts once: loops that wrap on every try. */
Variant exceptions_variant(const GroupingInput &input,
                           const std::vector<std::vector<FrameLeaves>> &stacks, Scope scope)
{
    Variant variant;
    std::vector<std::string> chain;
    for (std::size_t i = 0; i < stacks.size(); i++) {
        std::string stack = stack_bytes(stacks[i], scope);
        variant.has_stack = variant.has_stack || !stack.empty();
        std::string bytes = exception_bytes(input.exceptions[i], stack);
        if (bytes != "X()" && (chain.empty() || chain.back() != bytes)) {
            chain.push_back(std::move(bytes));
        }
    }
    if (chain.size() > contributing_exceptions) {
        auto half = static_cast<std::ptrdiff_t>(contributing_exceptions / 2);
        chain.erase(chain.begin() + half, chain.end() - half);
    }
    for (const std::string &bytes : chain) {
        variant.bytes += bytes;
    }
    return variant;
}

/* Both variants when the application's frames say something, else the one that does. */
std::vector<Variant> choose(Variant app, Variant system)
{
    app.name = "app";
    system.name = "system";
    std::vector<Variant> chosen;
    if (app.has_stack || !system.has_stack) {
        chosen.push_back(app);
    }
    if (system.has_stack && (chosen.empty() || app.bytes != system.bytes)) {
        chosen.push_back(std::move(system));
    }
    if (chosen.front().bytes.empty()) {
        chosen.clear();
    }
    return chosen;
}

std::vector<Variant> exception_strategy(const GroupingInput &input)
{
    std::vector<std::vector<FrameLeaves>> stacks;
    for (const Exception &exception : input.exceptions) {
        stacks.push_back(stack_leaves(exception.frames));
    }
    return choose(exceptions_variant(input, stacks, Scope::app),
                  exceptions_variant(input, stacks, Scope::system));
}

std::string_view message_text(const GroupingInput &input)
{
    return input.message_template.empty() ? input.message : input.message_template;
}

/* A stack without exception is the identity unless a message tells more. */
std::vector<Variant> stack_strategy(const GroupingInput &input)
{
    if (!input.attached_crashed && !trim(message_text(input)).empty()) {
        return {};
    }
    std::vector<FrameLeaves> stack = stack_leaves(input.attached);
    auto variant = [&](Scope scope) {
        Variant made;
        made.bytes = stack_bytes(stack, scope);
        made.has_stack = !made.bytes.empty();
        return made;
    };
    return choose(variant(Scope::app), variant(Scope::system));
}

/* With an attached stack, the place in the application that is nearest to the message
 * tells two messages with the same text apart, but not the path that led there. */
std::vector<Variant> message_strategy(const GroupingInput &input)
{
    Variant variant;
    variant.name = "message";
    append_leaf(variant.bytes, 'G', identifying_text(message_text(input)));
    if (variant.bytes.empty()) {
        return {};
    }
    for (auto frame = input.attached.rbegin(); frame != input.attached.rend(); ++frame) {
        FrameLeaves leaves = frame_leaves(*frame);
        if (frame->in_app && leaves.contributes()) {
            leaves.append_to(variant.bytes);
            break;
        }
    }
    return {variant};
}

std::vector<Variant> default_variants(const GroupingInput &input)
{
    for (auto strategy : {exception_strategy, stack_strategy, message_strategy}) {
        std::vector<Variant> variants = strategy(input);
        if (!variants.empty()) {
            return variants;
        }
    }
    return {Variant{"fallback", {}, false}};
}

/* ---- fingerprints ---- */

/* The name inside {{ name }} if that is the whole entry, else nothing. */
std::optional<std::string_view> variable_name(std::string_view entry)
{
    if (entry.size() < 4 || !entry.starts_with("{{") || !entry.ends_with("}}")) {
        return {};
    }
    return trim(entry.substr(2, entry.size() - 4));
}

bool is_default(std::string_view entry)
{
    std::optional<std::string_view> name = variable_name(entry);
    return name && lower(*name) == "default";
}

const std::vector<Frame> &main_frames(const GroupingInput &input)
{
    bool own = !input.exceptions.empty() && !input.exceptions.back().frames.empty();
    return own ? input.exceptions.back().frames : input.attached;
}

/* The frame that variables speak of. */
const Frame *nearest_frame(const std::vector<Frame> &frames)
{
    auto app = std::find_if(frames.rbegin(), frames.rend(),
                            [](const Frame &frame) { return frame.in_app; });
    return app != frames.rend() ? &*app : frames.empty() ? nullptr : &frames.back();
}

std::string resolve_variable(std::string_view name, const GroupingInput &input)
{
    auto or_else = [](std::string_view text, std::string_view absent) {
        return std::string(text.empty() ? absent : text);
    };
    auto either = [](const std::string &one, const std::string &other) -> std::string_view {
        return one.empty() ? other : one;
    };
    const Frame no_frame{};
    const Frame *nearest = nearest_frame(main_frames(input));
    const Frame &frame = nearest == nullptr ? no_frame : *nearest;
    std::string_view type;
    std::string_view value;
    if (!input.exceptions.empty()) {
        type = input.exceptions.back().type;
        value = input.exceptions.back().value;
    }

    if (name == "transaction") {
        return or_else(input.transaction, "<no-transaction>");
    }
    if (is_one_of(name, {"message", "raw_message"})) {
        std::string_view text = either(input.message, input.message_template);
        return or_else(identifying_text(text.empty() ? value : text), "<no-message>");
    }
    if (is_one_of(name, {"type", "error.type"})) {
        return or_else(type, "<no-type>");
    }
    if (is_one_of(name, {"value", "error.value", "raw_value", "error.raw_value"})) {
        return or_else(identifying_text(value), "<no-value>");
    }
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
    return "<unrecognized-variable-" + std::string(name) + ">";
}

/* The entries as leaves, with default_part where the default is asked for. */
std::string fingerprint_bytes(const GroupingInput &input, std::string_view default_part)
{
    std::string out;
    for (const std::string &entry : input.fingerprint) {
        if (is_default(entry)) {
            out.append("D(").append(default_part).append(")");
        } else if (std::optional<std::string_view> name = variable_name(entry)) {
            append_leaf(out, 'P', resolve_variable(*name, input));
        } else {
            append_leaf(out, 'P', entry);
        }
    }
    return out;
}

/* ---- names ---- */

bool is_usable_function(std::string_view function)
{
    return !function.empty() && !is_one_of(function, {"<redacted>", "<unknown>"});
}

/* The frame that a person wants to see: nearest to the crash, in the application if
 * possible, with a name if possible. */
const Frame *shown_frame(const std::vector<Frame> &frames)
{
    const Frame *named = nullptr;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        if (!is_usable_function(frame->function)) {
            continue;
        }
        if (frame->in_app) {
            return &*frame;
        }
        named = named == nullptr ? &*frame : named;
    }
    return named != nullptr ? named : nearest_frame(frames);
}

std::string frame_culprit(const Frame &frame)
{
    std::string_view function = frame.function;
    function = function.empty() ? "?" : function;
    std::string_view place = !frame.module.empty()     ? frame.module
                             : !frame.filename.empty() ? frame.filename
                                                       : frame.abs_path;
    std::string out;
    if (is_native(frame.platform)) {
        out.append(function);
    } else if (is_javascript(frame.platform)) {
        out.append(function).append("(").append(place.empty() ? "?" : place).append(")");
    } else if (place.empty()) {
        out.append(function);
    } else {
        out.append(place).append(" in ").append(function);
    }
    return out;
}

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

/*
 * If one frame of the stack carries the flag, a missing flag means no. If none does,
 * a frame belongs to the application when there is something to judge it by. The one
 * place for rules that tell libraries and noise.
 */
void decide_in_app(std::vector<Frame> &frames)
{
    bool flagged = std::any_of(frames.begin(), frames.end(),
                               [](const Frame &frame) { return frame.flag.has_value(); });
    for (Frame &frame : frames) {
        if (flagged) {
            frame.in_app = frame.flag.value_or(false);
        } else if (is_placeholder(frame.function)) {
            frame.in_app = false;
        } else if (is_native(frame.platform)) {
            frame.in_app = !frame.function.empty()
                           && frame.package.find_first_of("/\\") != std::string::npos;
        } else if (is_one_of(frame.platform, {"java", "kotlin", "android", "scala", "clojure",
                                              "groovy", "csharp", "go"})) {
            frame.in_app = !frame.module.empty();
        } else {
            frame.in_app = !frame.module.empty() || !frame.filename.empty();
        }
    }
}

/* SDKs have changed the order of the list between releases, the ids tell it better:
 * the outermost exception has 0. */
void order_exceptions(std::vector<Exception> &exceptions)
{
    std::set<std::int64_t> ids;
    for (const Exception &exception : exceptions) {
        if (!exception.id || !ids.insert(*exception.id).second) {
            return;
        }
    }
    std::sort(exceptions.begin(), exceptions.end(),
              [](const Exception &a, const Exception &b) { return *a.id > *b.id; });
}

std::vector<GroupingHash> grouping_hashes(const GroupingInput &input)
{
    if (!input.checksum.empty()) {
        std::string bytes;
        append_leaf(bytes, 'K', input.checksum);
        return {{hash_of(fingerprint_prefix, bytes), "custom"}};
    }
    const std::vector<std::string> &list = input.fingerprint;
    auto defaults = std::count_if(list.begin(), list.end(), is_default);
    if (defaults == 0 && !list.empty()) {
        return {{hash_of(fingerprint_prefix, fingerprint_bytes(input, {})), "custom"}};
    }
    bool hybrid = static_cast<std::size_t>(defaults) < list.size();
    std::vector<GroupingHash> hashes;
    for (const Variant &variant : default_variants(input)) {
        hashes.push_back({hash_of(grouping_algorithm,
                                  hybrid ? fingerprint_bytes(input, variant.bytes)
                                         : variant.bytes),
                          std::string(variant.name)});
    }
    return hashes;
}

std::string title_of(const GroupingInput &input)
{
    std::string title;
    if (input.exceptions.empty()) {
        std::string_view line = first_line(input.message);
        line = line.empty() ? first_line(input.message_template) : line;
        title = line.empty() ? "<unlabeled event>" : line;
        return cut_with_dots(title, title_characters);
    }
    const Exception &exception = input.exceptions.back();
    std::string type = cut_with_dots(exception.type, type_characters);
    if (exception.synthetic) {
        const Frame *frame = shown_frame(main_frames(input));
        title = frame != nullptr ? frame->function : "";
        title = title.empty() ? type : title;
    } else {
        std::string_view line = first_line(exception.value);
        title = type;
        title.append(type.empty() || line.empty() ? "" : ": ");
        title.append(line);
    }
    return cut_with_dots(title.empty() ? "<unknown>" : title, title_characters);
}

std::string culprit_of(const GroupingInput &input)
{
    const std::vector<Frame> &frames = main_frames(input);
    bool synthetic = !input.exceptions.empty() && input.exceptions.back().synthetic;
    std::string culprit;
    if (!input.transaction.empty()) {
        culprit = input.transaction;
    } else if (synthetic) {
        return {};
    } else if (!frames.empty()) {
        culprit = frame_culprit(*shown_frame(frames));
    } else {
        culprit = input.url;
    }
    return cut_with_dots(culprit, culprit_characters);
}

}
