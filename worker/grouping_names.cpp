/*
 * One part for each language. Native names have a file of their own.
 */

#include "worker/grouping_names.hpp"

#include <algorithm>

#include "worker/parameterize_patterns.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

std::size_t digits_at(std::string_view text, std::size_t at)
{
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) {
        end++;
    }
    return end - at;
}

std::string_view without_end_digits(std::string_view text)
{
    while (!text.empty() && is_digit(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::string_view behind_last(std::string_view text, std::string_view marks)
{
    return text.substr(text.find_last_of(marks) + 1);
}

/* Text in front of a mark, with the mark; all of it when there is none. */
std::string_view until_behind(std::string_view text, std::string_view mark)
{
    std::size_t at = text.find(mark);
    return at == text.npos ? text : text.substr(0, at + mark.size());
}

/* Without (...) and [...] of type arguments at the end. */
std::string_view without_type_arguments(std::string_view name)
{
    std::size_t open = name.find('[');
    return name.ends_with(']') && open != name.npos && open > 0 ? name.substr(0, open) : name;
}

}

bool is_javascript(std::string_view platform)
{
    return is_one_of(platform, {"javascript", "node"});
}

bool is_java(std::string_view platform)
{
    return is_one_of(platform, {"java", "kotlin", "android", "scala", "clojure", "groovy"});
}

bool is_native(std::string_view platform)
{
    return is_one_of(platform, {"native", "c", "cocoa", "objc", "swift", "rust"});
}

bool is_placeholder(std::string_view function)
{
    return is_one_of(function, {"stripped_application_code", "<stripped application code>",
                                "<stripped>", "<private>", "<hidden>"});
}

/* Browsers differ in the receiver and in what they call a function without a name. */
std::string clean_javascript_function(std::string_view name)
{
    name = trim(name);
    if (name.ends_with("/<")) {
        return {};
    }
    for (std::string_view mark : {" [as ", " (index "}) {
        name = name.substr(0, name.find(mark));
    }
    for (std::string_view word : {"async ", "new "}) {
        name.remove_prefix(name.starts_with(word) ? word.size() : 0);
    }
    auto is_nameless = [](std::string_view text) {
        return is_one_of(text, {"?", "<anonymous>", "<anonymous function>", "Anonymous function",
                                "anonymous", "(anonymous)", "<unknown>", ""});
    };
    if (!is_nameless(name)) {
        name = behind_last(name, "./");
    }
    return std::string(is_nameless(name) ? "" : name);
}

std::string clean_java_function(std::string_view name)
{
    if (name.starts_with("lambda$")) {
        std::size_t last = name.rfind('$');
        bool numbered = last + 1 < name.size() && digits_at(name, last + 1) == name.size() - last - 1;
        return std::string(numbered ? name.substr(0, last) : name);
    }
    if (name.starts_with("access$") && digits_at(name, 7) > 0) {
        return "access$";
    }
    std::size_t lambda = name.rfind("$lambda");
    if (lambda != name.npos) {
        std::string_view end = name.substr(lambda + 7);
        if (end.size() > 1 && (end[0] == '$' || end[0] == '-')
            && digits_at(end, 1) == end.size() - 1) {
            return std::string(name.substr(0, lambda + 7));
        }
    }
    // Functions of Clojure carry counters.
    for (std::string_view mark : {"fn__", "eval__", "reify__", "eval"}) {
        if (name.starts_with(mark) && digits_at(name, mark.size()) == name.size() - mark.size()) {
            return std::string(mark);
        }
    }
    return std::string(name);
}

std::string clean_python_function(std::string_view name)
{
    return std::string(behind_last(name, "."));
}

std::string clean_php_function(std::string_view name)
{
    constexpr std::string_view anonymous = "@anonymous";
    if (name.starts_with("{closure:") || name.ends_with("{closure}")) {
        return "{closure}";
    }
    std::string out(name);
    if (std::size_t at = out.find(anonymous); at != out.npos) {
        // Behind a NUL, or what stands for it, path and line up to the method.
        std::size_t end = at + anonymous.size();
        out.erase(end, std::min(out.find("::", end), out.size()) - end);
    }
    constexpr std::string_view twig = "__TwigTemplate_";
    if (std::size_t at = out.find(twig); at != out.npos) {
        std::size_t end = at + twig.size();
        while (end < out.size() && is_hex(out[end])) {
            end++;
        }
        out.erase(at + twig.size() - 1, end - at - twig.size() + 1);
    }
    return out;
}

/* Methods of compiled templates, _app_views_cart_html_erb__1234567_8901. */
std::string_view without_erb_numbers(std::string_view name)
{
    std::string_view rest = without_end_digits(name);
    if (name.size() - rest.size() < 4 || !rest.ends_with('_')) {
        return name;
    }
    rest.remove_suffix(1);
    std::string_view first = without_end_digits(rest);
    if (rest.size() - first.size() < 4 || !first.ends_with("__")) {
        return name;
    }
    return first.substr(0, first.find_last_not_of('_') + 1);
}

std::string clean_ruby_function(std::string_view name)
{
    std::string out;
    for (std::string_view word : {"block", "rescue", "ensure"}) {
        std::size_t in = name.find(" in ");
        if (name.starts_with(word) && in != name.npos
            && (in == word.size() || name.substr(word.size()).starts_with(" ("))) {
            out = "block in ";
            name.remove_prefix(in + 4);
            break;
        }
    }
    // Blocks of blocks are blocks of the method.
    while (!out.empty() && (name.starts_with("block in ") || name.starts_with("rescue in ")
                            || name.starts_with("ensure in "))) {
        name.remove_prefix(name.find(" in ") + 4);
    }
    name = without_erb_numbers(name);
    if (!name.starts_with('<')) {
        std::string_view last = behind_last(name, "#.");
        name = last.empty() ? name : last;
    }
    return out.append(name);
}

std::string clean_go_function(std::string_view name)
{
    std::string out;
    std::size_t depth = 0;
    for (char c : name) {
        depth += c == '[';
        if (depth == 0) {
            out.push_back(c);
        }
        depth -= c == ']' && depth > 0;
    }
    return depth == 0 ? out : std::string(name);
}

/* Arity stays where it is part of the enclosing name. */
std::string clean_elixir_function(std::string_view name)
{
    constexpr std::string_view anonymous = "anonymous fn/";
    if (name.starts_with(anonymous)) {
        std::size_t digits = digits_at(name, anonymous.size());
        return "fn" + std::string(name.substr(anonymous.size() + digits));
    }
    constexpr std::string_view mark = "-fun-";
    std::size_t at = name.find(mark);
    if (name.starts_with('-') && at != name.npos) {
        std::size_t digits = digits_at(name, at + mark.size());
        std::string_view rest = name.substr(at + mark.size() + digits);
        rest.remove_prefix(rest.starts_with('-') ? 1 : 0);
        return std::string(name.substr(0, at + mark.size())) + std::string(rest);
    }
    return std::string(name);
}

namespace {

/* Of <Name>b__5_1, <Name>g__Inner|5_0 and <Name>d__4: the name, and what is behind. */
bool take_generated_name(std::string_view text, std::string_view &name, std::string_view &rest)
{
    std::size_t end = text.find('>');
    if (!text.starts_with('<') || end == text.npos || end == 1) {
        return false;
    }
    name = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    return rest.size() > 3 && rest.substr(1, 2) == "__";
}

std::string clean_csharp_module(std::string_view module)
{
    std::string out;
    for (std::size_t at = 0; at < module.size(); at++) {
        if (module[at] == '[') {
            return out;                 // type arguments, with versions of assemblies
        }
        if (module[at] == '`' && digits_at(module, at + 1) > 0) {
            at += digits_at(module, at + 1);
            continue;
        }
        out.push_back(module[at]);
    }
    return out.substr(0, std::min(out.find("+<>c"), out.find(".<>c")));
}

}

CsharpName clean_csharp_name(std::string_view module, std::string_view function)
{
    CsharpName clean{clean_csharp_module(module), {}};
    std::string_view name;
    std::string_view rest;
    std::size_t machine = std::min(clean.module.rfind("+<"), clean.module.size());
    if (machine == clean.module.size()) {
        machine = std::min(clean.module.rfind(".<"), clean.module.size());
    }
    std::string inner = clean.module.substr(std::min(machine + 1, clean.module.size()));
    if (function == "MoveNext" && take_generated_name(inner, name, rest) && rest[0] == 'd') {
        clean.module.resize(machine);
        clean.function = name;
        return clean;
    }
    if (std::size_t open = function.find('('); open != 0 && open != function.npos) {
        function = function.substr(0, open);
    }
    function = behind_last(trim(function), " ");
    function = without_type_arguments(function);
    if (take_generated_name(function, name, rest)) {
        clean.function = name;
        if (rest[0] == 'b') {
            clean.function += ".lambda";
        } else if (rest[0] == 'g') {
            rest = rest.substr(3);
            clean.function.append(".").append(rest.substr(0, rest.find('|')));
        }
        return clean;
    }
    clean.function = function;
    return clean;
}

/* Subclasses that are made while a program runs are named anew each time. */
std::string clean_java_module(std::string_view module)
{
    constexpr std::string_view lambda = "$$Lambda";
    if (std::size_t at = module.find(lambda); at != module.npos) {
        return std::string(module.substr(0, at + lambda.size()));
    }
    for (std::string_view accessor : {"GeneratedMethodAccessor", "GeneratedConstructorAccessor",
                                      "GeneratedSerializationConstructorAccessor"}) {
        std::string_view cut = until_behind(module, accessor);
        if (cut.size() < module.size() || module.ends_with(accessor)) {
            return std::string(cut);
        }
    }
    if (std::size_t at = module.rfind("$Proxy"); at != module.npos
        && digits_at(module, at + 6) == module.size() - at - 6) {
        return "$Proxy";
    }
    std::size_t cut = module.npos;
    for (std::string_view mark : {"$$EnhancerBy", "$$FastClassBy", "$$SpringCGLIB$$", "$$CGLIB$$", "CGLIB$$",
                                  "_$$_javassist", "_$$_jvst", "$HibernateProxy$",
                                  "$MockitoMock$", "$ByteBuddy$", "$auxiliary$"}) {
        cut = std::min(cut, module.find(mark));
    }
    if (cut != module.npos) {
        return std::string(module.substr(0, cut)) + "$$Generated";
    }
    constexpr std::string_view desugared = "$$ExternalSyntheticLambda";
    if (module.find(desugared) != module.npos) {
        return std::string(until_behind(module, desugared));
    }
    // fn__1539 of Clojure.
    std::string out;
    for (std::size_t at = 0; at < module.size();) {
        out.push_back(module[at++]);
        bool counter = false;
        for (std::string_view mark : {"fn__", "eval__", "reify__"}) {
            counter = counter || (out.ends_with(mark)
                                  && (out.size() == mark.size() || !is_letter(out[out.size() - mark.size() - 1])));
        }
        at += counter ? digits_at(module, at) : 0;
    }
    return out;
}

}
