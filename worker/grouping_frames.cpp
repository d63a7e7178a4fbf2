/*
 * Files, then source lines, then what a language takes of a frame: the one place that
 * depends on it.
 */

#include "worker/grouping_frames.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

#include "worker/grouping_names.hpp"
#include "worker/parameterize_patterns.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t context_characters = 120;

/* ---- files and modules ---- */

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

bool is_extension(std::string_view path)
{
    return path.substr(0, path.find(':')).ends_with("-extension");
}

/* What builds write into the names of bundles. */
bool is_content_hash(std::string_view piece)
{
    std::size_t digits = 0;
    std::size_t small = 0;
    std::size_t capital = 0;
    bool hex = true;
    for (char c : piece) {
        digits += is_digit(c);
        small += c >= 'a' && c <= 'z';
        capital += c >= 'A' && c <= 'Z';
        hex = hex && is_hex(c);
    }
    if (digits == 0 || digits + small + capital < piece.size()) {
        return false;
    }
    bool one_case = small == 0 || capital == 0;
    return (hex && one_case && piece.size() >= 6 && piece.size() <= 64)
           || (piece.size() >= 8 && small > 0 && capital > 0)
           || (piece.size() == 8 && small == 0 && capital > 0);
}

bool is_number(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/* A name without the hashes in it: main.3f9a1c07.js is main.js. */
std::string without_content_hashes(std::string_view name)
{
    std::string out;
    bool kept = false;
    for (std::size_t at = 0; at <= name.size();) {
        std::size_t end = std::min(name.find_first_of(".-_~@", at), name.size());
        std::string_view piece = name.substr(at, end - at);
        bool last = end == name.size();
        if (at == 0 && !last && is_number(piece)) {
            out = "<n>";
            kept = true;
        } else if (!is_content_hash(piece)) {
            bool extension = last && at > 0 && name[at - 1] == '.';
            if (extension && out.empty() && at > 1) {
                out = "<hash>";
                kept = true;
            }
            out.append(kept ? name.substr(at - 1, 1) : "").append(piece);
            kept = true;
        }
        at = end + 1;
    }
    return kept ? out : "<hash>";
}

bool is_generic_base(std::string_view stem)
{
    return is_one_of(stem, {"index", "main", "mod", "lib", "app", "page", "route", "layout", "handler", "default",
                            "init", "__init__", "server", "client"});
}

/* Whether a folder tells files with the same generic name apart, wherever and whenever
 * the program was installed. */
bool is_telling_folder(std::string_view folder)
{
    bool versioned = folder.find_first_not_of("v0123456789.-_") == folder.npos;
    return !folder.empty() && !versioned && !folder.starts_with('~') && !is_content_hash(folder)
           && !folder.ends_with(':')
           && !is_one_of(lower(folder), {"src", "dist", "build", "app", "lib", "public", "www", "html", "release",
                                         "releases", "current", "tmp", "out", "bin", "js", "static", "assets",
                                         "chunks", "srv", "var", "home", "code", "workspace"});
}

std::string with_folder(std::string_view path, std::string base)
{
    std::size_t dot = std::min(base.rfind('.'), base.size());
    std::string_view extension = std::string_view(base).substr(dot);
    if (!is_generic_base(std::string_view(base).substr(0, dot))
        || is_one_of(extension, {".html", ".htm"})) {
        return base;
    }
    std::size_t end = path.find_last_of("/\\");
    if (end == path.npos || end == 0) {
        return base;
    }
    std::string_view folder = base_name(path.substr(0, end));
    return is_telling_folder(folder) ? lower(folder) + "/" + base : base;
}

Leaf php_file(std::string_view base)
{
    constexpr std::size_t least = 32;
    constexpr std::size_t most = 64;
    std::string name = lower(base);
    std::size_t hex = 0;
    while (hex < name.size() && is_hex(name[hex])) {
        hex++;
    }
    if (hex >= least && hex <= most && std::string_view(name).substr(hex) == ".php") {
        return {"<view>.php", Hint::generated_class};
    }
    std::size_t eval = name.find(") : eval()'d code");
    std::size_t open = name.rfind('(', eval);
    if (eval != name.npos && open != name.npos
        && is_number(std::string_view(name).substr(open + 1, eval - open - 1))) {
        return {name.substr(0, open) + name.substr(eval + 1), Hint::generated_class};
    }
    return {name};
}

Leaf file_location(const Frame &frame)
{
    std::string_view path = frame.filename;
    bool script = is_javascript(frame.platform);
    if (script && (is_url(frame.abs_path) || is_url(path))) {
        return {{}, Hint::url_file};
    }
    if (script && is_one_of(path, {"<anonymous>", "[native code]"})) {
        return {};
    }
    if (is_java(frame.platform)
        && (is_one_of(path, {"SourceFile", "Unknown Source", "Native Method"})
            || path.starts_with("r8-map-id-"))) {
        return {};
    }
    if (frame.platform == "python" && path.starts_with("<ipython-input-")) {
        return {"<ipython-input>", Hint::generated_class};
    }
    path = path.substr(0, path.find_first_of("?#"));
    std::string_view base = base_name(path);
    if (frame.platform == "php") {
        Leaf leaf = php_file(base);
        leaf.value = with_folder(path, std::move(leaf.value));
        return leaf;
    }
    if (!script) {
        std::string name = lower(base);
        bool generic = is_one_of(frame.platform, {"python", "ruby"});
        return {generic ? with_folder(path, std::move(name)) : std::move(name)};
    }
    std::string bare = without_content_hashes(base);
    Leaf leaf{{}, bare == base ? Hint::none : Hint::hash_stripped};
    leaf.value = is_extension(path) || is_extension(frame.abs_path)
                     ? lower(bare)
                     : with_folder(path, lower(bare));
    return leaf;
}

/* A module that is just the address of the page is none. */
Leaf javascript_module(const Frame &frame)
{
    std::string_view path = frame.abs_path;
    path = path.substr(0, path.find_first_of("?#"));
    if (frame.module.find('/') != std::string::npos && path.ends_with(frame.module)) {
        return {{}, Hint::url_file};
    }
    std::string out;
    for (std::size_t at = 0; at <= frame.module.size();) {
        std::size_t end = std::min(frame.module.find('/', at), frame.module.size());
        out.append(at > 0 ? "/" : "");
        out.append(without_content_hashes(std::string_view(frame.module).substr(at, end - at)));
        at = end + 1;
    }
    Hint hint = out == frame.module ? Hint::none : Hint::hash_stripped;
    return {std::move(out), hint};
}

/* ---- source lines ---- */

/* Children of multiprocessing get their descriptors on the command line. */
std::string without_descriptors(std::string_view line)
{
    std::string out;
    for (std::size_t at = 0; at < line.size(); at++) {
        out.push_back(line[at]);
        if (line[at] == '=' && at + 1 < line.size() && is_digit(line[at + 1])) {
            out.append("<n>");
            while (at + 1 < line.size() && is_digit(line[at + 1])) {
                at++;
            }
        }
    }
    return out;
}

/* The source line, if it is short enough to be written by a person and says more
 * than syntax. */
Leaf context_leaf(const Frame &frame)
{
    std::string_view line = frame.context_line;
    bool script = is_javascript(frame.platform);
    if (line.empty() || !(script || is_one_of(frame.platform, {"python", "php", "ruby"}))) {
        return {};
    }
    if (cut_characters(line, context_characters).size() < line.size()
        || line.find("{snip}") != line.npos) {
        return {{}, Hint::context_too_long};
    }
    if (script && frame.function.empty()
        && (is_url(frame.abs_path) || frame.abs_path.starts_with("file:"))) {
        return {{}, Hint::context_url_no_function};
    }
    bool says_something = std::any_of(line.begin(), line.end(),
                                      [](char c) { return is_name(c) && c != '_'; });
    std::string text = says_something ? collapse_blanks(line) : std::string();
    if (is_one_of(text, {"try {", "else {", "finally {", "return", "await"})) {
        text.clear();
    }
    if (frame.platform == "python" && text.find("multiprocessing") != text.npos
        && text.find("spawn_main(") != text.npos) {
        return {without_descriptors(text), Hint::parameterized};
    }
    return {std::move(text)};
}

/* ---- languages ---- */

Leaf function_leaf(std::string_view sent, std::string cleaned)
{
    Hint hint = cleaned == sent ? Hint::none
                : cleaned.empty() ? Hint::anonymous_function
                                  : Hint::generated_class;
    hint = is_placeholder(sent) ? Hint::placeholder : hint;
    return {std::move(cleaned), hint};
}

bool is_browser_code(std::string_view path)
{
    return is_one_of(path, {"[native code]", "native code", "eval code", "<anonymous>", "native"});
}

void read_javascript(const Frame &frame, FrameLeaves &leaves)
{
    if (frame.function == "eval" || is_browser_code(frame.abs_path)) {
        leaves.context = {};
        leaves.function = {{}, Hint::anonymous_function};
        return;
    }
    leaves.location = frame.module.empty() ? Leaf() : javascript_module(frame);
    if (leaves.location.value.empty()) {
        leaves.location = file_location(frame);
    }
    leaves.function = function_leaf(frame.function, clean_javascript_function(frame.function));
    if (frame.mapped && !leaves.context.value.empty()) {
        // Names out of maps are not reliable, the line tells the place.
        leaves.function = {{}, Hint::anonymous_function};
    }
}

void read_csharp(const Frame &frame, FrameLeaves &leaves)
{
    std::string_view sent = frame.raw_function.empty() ? frame.function : frame.raw_function;
    CsharpName name = clean_csharp_name(frame.module, sent);
    Hint hint = name.module == frame.module ? Hint::none : Hint::generated_class;
    leaves.location = name.module.empty() ? file_location(frame)
                                          : Leaf{std::move(name.module), hint};
    leaves.function = function_leaf(frame.function, std::move(name.function));
}

void read_native(const Frame &frame, FrameLeaves &leaves)
{
    leaves.location = file_location(frame);
    leaves.function = function_leaf(frame.function, clean_native_function(frame.function));
    if (leaves.location.value.empty() && leaves.function.value.empty() && !frame.package.empty()) {
        leaves.location = {lower(base_name(frame.package)), Hint::package_only};
        leaves.package_only = true;
    }
}

/* Wrappers that the compiler writes around go and defer statements. */
bool is_go_wrapper(std::string_view function)
{
    std::string_view last = function.substr(function.rfind('.') + 1);
    for (std::string_view word : {"gowrap", "deferwrap"}) {
        if (last.starts_with(word) && is_number(last.substr(word.size()))) {
            return true;
        }
    }
    return false;
}

std::string clean_function(const Frame &frame)
{
    const std::string &platform = frame.platform;
    if (is_java(platform)) {
        return clean_java_function(frame.function);
    }
    if (platform == "python") {
        return clean_python_function(frame.function);
    }
    if (platform == "php") {
        return clean_php_function(frame.function);
    }
    if (platform == "ruby") {
        return clean_ruby_function(frame.function);
    }
    if (platform == "go") {
        return clean_go_function(frame.function);
    }
    return platform == "elixir" ? clean_elixir_function(frame.function) : frame.function;
}

void read_other(const Frame &frame, FrameLeaves &leaves)
{
    if (frame.platform == "go" && is_go_wrapper(frame.function)) {
        leaves.function = {{}, Hint::generated_class};
        return;
    }
    bool script = frame.platform == "python" && frame.module == "__main__";
    if (is_java(frame.platform)) {
        std::string module = clean_java_module(frame.module);
        Hint hint = module == frame.module ? Hint::none : Hint::generated_class;
        leaves.location = {std::move(module), hint};
    } else if (!script) {
        leaves.location = {frame.module};
    }
    if (leaves.location.value.empty()) {
        leaves.location = file_location(frame);
    }
    if (script && leaves.location.value.empty()) {
        leaves.location = {frame.module};
    }
    leaves.function = function_leaf(frame.function, clean_function(frame));
}

}

std::string_view to_text(Hint hint)
{
    constexpr std::string_view texts[] = {
        "", "not_in_app", "noise_rule", "recursion", "value_ignored_stack_present", "type_synthetic", "url_file",
        "context_too_long", "context_url_no_function", "anonymous_function", "generated_class", "hash_stripped",
        "placeholder", "soft_noise", "package_only", "parameterized", "wrapper_dropped", "equal_member",
        "beyond_limit", "precedence", "too_few_frames"};
    return texts[static_cast<std::size_t>(hint)];
}

std::string_view base_name(std::string_view path)
{
    return path.substr(path.find_last_of("/\\") + 1);
}

std::string collapse_blanks(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (char c : trim(text)) {
        if (!is_white(c)) {
            out.push_back(c);
        } else if (out.back() != ' ') {
            out.push_back(' ');
        }
    }
    return out;
}

FrameLeaves frame_leaves(const Frame &frame)
{
    FrameLeaves leaves;
    leaves.context = context_leaf(frame);
    if (is_javascript(frame.platform)) {
        read_javascript(frame, leaves);
    } else if (is_native(frame.platform)) {
        read_native(frame, leaves);
    } else if (frame.platform == "csharp") {
        read_csharp(frame, leaves);
    } else {
        read_other(frame, leaves);
    }
    std::hash<std::string_view> hash;
    leaves.key = hash(leaves.location.value) * 31 + hash(leaves.function.value);
    return leaves;
}

}
