/*
 * Names of native functions: demanglers, compilers and debuggers spell one function in
 * many ways. The steps are those of the reference, section 6, in its order; each
 * leaves a text that is not balanced as it was.
 */

#include "worker/grouping_names.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include <cxxabi.h>

#include "worker/parameterize_patterns.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

std::size_t count_while(std::string_view text, std::size_t at, bool (*wanted)(char))
{
    std::size_t end = std::min(at, text.size());
    while (end < text.size() && wanted(text[end])) {
        end++;
    }
    return end - std::min(at, text.size());
}

bool ends_with_rust_hash(std::string_view name, std::string_view mark)
{
    constexpr std::size_t digits = 16;
    return name.size() > digits + mark.size()
           && name.substr(name.size() - digits - mark.size()).starts_with(mark)
           && count_while(name, name.size() - digits, is_hex) == digits;
}

/*
 * By the demangler of the C++ runtime. A name may refer to what it has said before, and
 * each reference can double the result: with more of them a name stays mangled.
 */
std::string demangled(std::string name)
{
    constexpr std::size_t most_references = 8;
    std::string_view mangled = name;
    mangled.remove_prefix(mangled.starts_with("__Z") ? 1 : 0);
    if (!mangled.starts_with("_Z")) {
        return name;
    }
    std::size_t references = 0;
    for (std::size_t i = 0; i + 1 < mangled.size(); i++) {
        references += (mangled[i] == 'S' || mangled[i] == 'T')
                      && (is_digit(mangled[i + 1]) || mangled[i + 1] == '_'
                          || (mangled[i + 1] >= 'A' && mangled[i + 1] <= 'Z'));
    }
    if (references <= most_references) {
        int status = 0;
        std::unique_ptr<char, decltype(&std::free)> text(
            abi::__cxa_demangle(std::string(mangled).c_str(), nullptr, nullptr, &status), &std::free);
        if (status == 0 && text) {
            return text.get();
        }
    }
    if (name.ends_with('E')
        && ends_with_rust_hash(std::string_view(name).substr(0, name.size() - 1), "17h")) {
        name.erase(name.size() - 20, 19);
    }
    return name;
}

/* Where the bracket that opens there is closed; nothing when it is not. The > of an
 * arrow is no bracket. */
std::optional<std::size_t> closing(std::string_view text, std::size_t open, char opens, char closes)
{
    std::size_t depth = 0;
    for (std::size_t at = open; at < text.size(); at++) {
        if (text[at] == opens) {
            depth++;
        } else if (text[at] == closes && !(closes == '>' && text[at - 1] == '-') && --depth == 0) {
            return at;
        }
    }
    return {};
}

void replace_all(std::string &text, std::string_view what, std::string_view by)
{
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
}

/* __25-[Cart total:]_block_invoke_2, __main_block_invoke. */
bool clean_block(std::string &name)
{
    constexpr std::string_view mark = "_block_invoke";
    std::size_t at = name.rfind(mark);
    if (!name.starts_with("__") || at == name.npos) {
        return false;
    }
    std::size_t number = 2 + count_while(name, 2, is_digit);
    bool method = number > 2 && number + 1 < name.size()
                  && (name[number] == '-' || name[number] == '+') && name[number + 1] == '[';
    name = name.substr(method ? number : 2, at - (method ? number : 2)) + std::string(mark);
    return true;
}

void cut_suffixes(std::string &name)
{
    if (std::size_t clone = name.find(" [clone "); clone != name.npos) {
        name.resize(clone);
    }
    for (bool again = true; again;) {
        again = false;
        std::size_t dot = name.rfind('.');
        if (dot == name.npos || dot == 0) {
            return;
        }
        std::size_t end = dot;
        bool number = dot + 1 < name.size()
                      && count_while(name, dot + 1, is_digit) == name.size() - dot - 1;
        if (number) {
            end = name.rfind('.', dot - 1);
            end = end == name.npos ? dot : end;
        }
        std::string_view word = std::string_view(name).substr(end + 1);
        word = word.substr(0, word.find('.'));
        bool optimizer = word == "cold"
                         || (number && is_one_of(word, {"part", "isra", "constprop", "llvm",
                                                        "lto_priv"}));
        if (end > 0 && optimizer) {
            name.resize(end);
            again = true;
        }
    }
}

void cut_decoration(std::string &name)
{
    if (ends_with_rust_hash(name, "::h")) {
        name.resize(name.size() - 19);
    }
    std::size_t at = name.rfind('@');
    if (at == name.npos || at == 0 || at + 1 == name.size()) {
        return;
    }
    std::string_view behind = std::string_view(name).substr(at + 1);
    if (count_while(behind, 0, is_digit) == behind.size()) {
        name.resize(at);
        name.erase(0, name[0] == '_' || name[0] == '@' ? 1 : 0);
    } else if (behind.find('_') != behind.npos && is_digit(behind.back())
               && behind.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.") == behind.npos) {
        name.resize(at - (name[at - 1] == '@'));
    }
}

void cut_swift_words(std::string &name)
{
    std::string_view rest = name;
    for (bool again = true; again;) {
        again = false;
        if (rest.starts_with("closure #") || rest.starts_with("implicit closure #")) {
            if (std::size_t in = rest.find(" in "); in != rest.npos) {
                rest.remove_prefix(in + 4);
                again = true;
            }
        }
        if (rest.starts_with("reabstraction thunk ")) {
            if (std::size_t end = rest.find(" for "); end != rest.npos) {
                rest.remove_prefix(end + 5);
                again = true;
            }
        }
        for (std::string_view word : {"partial apply forwarder for ", "partial apply for ", "thunk for ",
                                      "specialized ", "@objc ", "initializer expression of "}) {
            if (rest.starts_with(word)) {
                rest.remove_prefix(word.size());
                again = true;
            }
        }
    }
    name = std::string(rest);
}

void rename_anonymous(std::string &name)
{
    for (std::string_view spelling : {"(anonymous namespace)", "`anonymous namespace'", "`anonymous-namespace'",
                                      "{anonymous}", "<anonymous namespace>", "_GLOBAL__N_1"}) {
        replace_all(name, spelling, "anonymous");
    }
    constexpr std::string_view msvc = "?A0x";
    for (std::size_t at = name.find(msvc); at != name.npos; at = name.find(msvc, at + 1)) {
        if (count_while(std::string_view(name).substr(0, at + 12), at + 4, is_hex) == 8) {
            name.replace(at, 12, "anonymous");
        }
    }
}

/* How much of a spelling of a lambda stands there. */
std::size_t lambda_length(std::string_view text, std::size_t at)
{
    std::string_view rest = text.substr(at);
    if (rest.starts_with("{lambda(")) {
        std::optional<std::size_t> end = closing(text, at, '{', '}');
        return end ? *end + 1 - at : 0;
    }
    if (rest.starts_with("<lambda(")) {
        std::optional<std::size_t> end = closing(text, at, '<', '>');
        return end ? *end + 1 - at : 0;
    }
    if (rest.starts_with("$_")) {
        std::size_t digits = count_while(rest, 2, is_digit);
        return digits > 0 ? 2 + digits : 0;
    }
    if (rest.starts_with("'lambda")) {
        std::size_t end = 7 + count_while(rest, 7, is_digit);
        return end < rest.size() && rest[end] == '\'' ? end + 1 : 0;
    }
    bool angle = rest.starts_with("<lambda_");
    if (angle || rest.starts_with("lambda_")) {
        std::size_t first = angle ? 8 : 7;
        std::size_t digits = count_while(rest.substr(0, first + 33), first, is_hex);
        bool closed = angle && first + digits < rest.size() && rest[first + digits] == '>';
        return digits == 32 && angle == closed ? first + digits + angle : 0;
    }
    return 0;
}

void rename_lambdas(std::string &name)
{
    std::string out;
    bool braces = true;             /* until one is not closed: then none before it is */
    for (std::size_t at = 0; at < name.size();) {
        char c = name[at];
        bool begins = c == '$' || c == '\'' || c == 'l' || ((c == '{' || c == '<') && braces);
        std::size_t length = begins ? lambda_length(name, at) : 0;
        std::string_view rest = std::string_view(name).substr(at);
        if (length > 0) {
            out.append("lambda");
            at += length;
        } else if (rest.starts_with("{closure") && !rest.starts_with("{closure}")
                   && rest.find('}') != rest.npos) {
            out.append("{{closure}}");
            at += rest.find('}') + 1;
        } else {
            braces = braces && !rest.starts_with("{lambda(") && !rest.starts_with("<lambda(");
            out.push_back(c);
            at++;
        }
    }
    name = std::move(out);
}

void cut_qualifiers(std::string &name)
{
    for (bool again = true; again;) {
        again = false;
        name.resize(name.find_last_not_of(' ') + 1);
        for (std::string_view word : {" const", " volatile", " noexcept", "&"}) {
            std::string_view rest = std::string_view(name).substr(
                0, name.size() - std::min(name.size(), word.size()));
            if (name.ends_with(word) && !rest.ends_with("operator") && !rest.ends_with("operator&")) {
                name.resize(rest.size());
                again = true;
            }
        }
    }
}

/* <A as B>::f of Rust: what implements it says more than what it is about, but for a
 * type parameter. */
void open_qualified_path(std::string &name)
{
    std::optional<std::size_t> end = name.starts_with('<') ? closing(name, 0, '<', '>')
                                                           : std::nullopt;
    if (!end || !std::string_view(name).substr(*end + 1).starts_with("::")) {
        return;
    }
    std::string_view inner = std::string_view(name).substr(1, *end - 1);
    std::string_view type = inner;
    std::size_t depth = 0;
    for (std::size_t at = 0; at < inner.size(); at++) {
        depth += inner[at] == '<' || inner[at] == '(';
        depth -= (inner[at] == '>' && inner[at - 1] != '-' && depth > 0) || (inner[at] == ')' && depth > 0);
        if (depth == 0 && inner.substr(at).starts_with(" as ")) {
            type = inner.substr(0, at);
            type = type.size() <= 2 ? inner.substr(at + 4) : type;
            break;
        }
    }
    while (type.starts_with('&') || type.starts_with("mut ")) {
        type.remove_prefix(type.starts_with('&') ? 1 : 4);
    }
    name = std::string(type) + name.substr(*end + 1);
}

/* Bytes that stand for those of an operator's name while brackets are cut. */
constexpr std::string_view symbols = "()<> ";
constexpr std::string_view stand_ins = "\x01\x02\x03\x04\x05";

char exchanged(char c, std::string_view from, std::string_view to)
{
    std::size_t at = from.find(c);
    return at == from.npos ? c : to[at];
}

void protect_operators(std::string &name)
{
    constexpr std::string_view word = "operator";
    constexpr std::string_view signs[] = {"()", "<<=", ">>=", "<=>", "->*", "<<", ">>", "<=", ">=",
                                          "->", "<", ">", " new[]", " new", " delete[]", " delete"};
    for (std::size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
        std::size_t behind = at + word.size();
        if (at > 0 && is_name(name[at - 1])) {
            continue;
        }
        std::size_t length = 0;
        for (std::string_view sign : signs) {
            if (length == 0 && std::string_view(name).substr(behind).starts_with(sign)) {
                length = sign.size();
            }
        }
        if (length == 0 && behind < name.size() && name[behind] == ' ') {
            length = std::min(name.find('(', behind), name.size()) - behind;
            for (std::size_t i = behind; i < behind + length; i++) {
                name[i] = exchanged(name[i], " ", stand_ins.substr(4));
            }
            continue;
        }
        for (std::size_t i = behind; i < behind + length; i++) {
            name[i] = exchanged(name[i], symbols, stand_ins);
        }
    }
}

/* Without arguments and results, with <T> for every list of types. Nothing when the
 * brackets are not balanced. */
std::optional<std::string> without_brackets(std::string_view name)
{
    std::string out;
    std::string open;
    for (std::size_t at = 0; at < name.size(); at++) {
        char c = name[at];
        bool arrow = c == '>' && at > 0 && name[at - 1] == '-';
        if (c == '<' || c == '(') {
            if (open.empty() && c == '<') {
                out.append("<T>");
            }
            open.push_back(c);
        } else if ((c == '>' && !arrow) || c == ')') {
            if (open.empty() || open.back() != (c == '>' ? '<' : '(')) {
                return {};
            }
            open.pop_back();
        } else if (open.empty()) {
            std::string_view rest = name.substr(at);
            if (rest.starts_with(" -> ") || rest.starts_with(" : ") || rest.starts_with(" async")
                || rest.starts_with(" throws")) {
                break;
            }
            out.push_back(c);
        }
    }
    return open.empty() ? std::optional(out) : std::nullopt;
}

bool is_basic_type(std::string_view word)
{
    return is_one_of(word, {"", "void", "bool", "char", "short", "int", "long", "float", "double", "unsigned",
                            "signed", "auto", "const"});
}

}

std::string clean_native_function(std::string_view raw)
{
    std::string name(trim(raw));
    std::replace_if(name.begin(), name.end(),
                    [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    if (is_one_of(name, {"<redacted>", "<unknown>", "?", ""})) {
        return {};
    }
    if (is_placeholder(name) || name.starts_with('[') || name.starts_with("+[")
        || name.starts_with("-[") || clean_block(name)) {
        return name;
    }
    name = demangled(std::move(name));
    cut_suffixes(name);
    cut_decoration(name);
    cut_swift_words(name);
    rename_anonymous(name);
    rename_lambdas(name);
    cut_qualifiers(name);
    open_qualified_path(name);
    std::string before = name;
    protect_operators(name);
    if (std::optional<std::string> bare = without_brackets(name)) {
        name = std::move(*bare);
        replace_all(name, "::<T>", "");
    }
    name = std::string(trim(name));
    name = name.substr(name.rfind(' ') + 1);
    for (char &c : name) {
        c = exchanged(c, stand_ins, symbols);
    }
    return is_basic_type(name) ? before : name;
}

}
