/*
 * Words of a line come from one scanner, so both kinds of rules have the same quotes and
 * remarks.
 */

#include "worker/rule_reader.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace errtrack {
namespace {

using Field = RuleMatcher::Field;

bool begins(std::string_view text, std::string_view with)
{
    return text.substr(0, with.size()) == with;
}

/* The words of a rule: blanks part them, but for those in quotes and in {{ }}. */
std::vector<std::string> words_of(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    bool quoted = false;
    bool variable = false;
    bool any = false;
    auto end = [&] {
        if (any) {
            words.push_back(std::exchange(word, {}));
        }
        any = false;
    };
    for (std::size_t at = 0; at < text.size(); at++) {
        char c = text[at];
        if (quoted && c == '\\' && at + 1 < text.size()) {
            word.push_back(text[++at]);
        } else if (c == '"' && !variable) {
            quoted = !quoted;
            any = true;
        } else if (!quoted && !variable && c == '#' && !any) {
            break;
        } else if (!quoted && !variable && is_white(c)) {
            end();
        } else {
            variable = !quoted && ((variable && !begins(text.substr(at - 1), "}}"))
                                   || begins(text.substr(at), "{{"));
            word.push_back(c);
            any = true;
        }
    }
    end();
    return words;
}

struct FieldName {
    std::string_view name;
    Field field;
    Glob::Case letters;
};
constexpr FieldName field_names[] = {
    {"error.type", Field::type, Glob::Case::sensitive},
    {"type", Field::type, Glob::Case::sensitive},
    {"error.value", Field::value, Glob::Case::insensitive},
    {"value", Field::value, Glob::Case::insensitive},
    {"error.mechanism", Field::mechanism, Glob::Case::sensitive},
    {"message", Field::message, Glob::Case::insensitive},
    {"logger", Field::logger, Glob::Case::sensitive},
    {"level", Field::level, Glob::Case::insensitive},
    {"release", Field::release, Glob::Case::sensitive},
    {"sdk", Field::sdk, Glob::Case::sensitive},
    {"thread.id", Field::thread_id, Glob::Case::sensitive},
    {"thread.name", Field::thread_name, Glob::Case::sensitive},
    {"thread.state", Field::thread_state, Glob::Case::sensitive},
    {"thread.crashed", Field::thread_crashed, Glob::Case::sensitive},
    {"thread.current", Field::thread_current, Glob::Case::sensitive},
    {"path", Field::path, Glob::Case::insensitive},
    {"stack.abs_path", Field::path, Glob::Case::insensitive},
    {"module", Field::module, Glob::Case::sensitive},
    {"stack.module", Field::module, Glob::Case::sensitive},
    {"function", Field::function, Glob::Case::sensitive},
    {"stack.function", Field::function, Glob::Case::sensitive},
    {"package", Field::package, Glob::Case::insensitive},
    {"stack.package", Field::package, Glob::Case::insensitive},
    {"family", Field::family, Glob::Case::sensitive},
    {"app", Field::app, Glob::Case::sensitive},
    {"category", Field::category, Glob::Case::sensitive},
};

bool is_of_frame(Field field)
{
    return field >= Field::path;
}

bool is_yes_or_no(Field field)
{
    return field == Field::app || field == Field::thread_crashed || field == Field::thread_current;
}

/* All matchers, by the shortest of their names. */
std::string names_of_matchers()
{
    std::string names;
    for (const FieldName &each : field_names) {
        bool shortest = std::none_of(std::begin(field_names), std::end(field_names),
                                     [&](const FieldName &other) {
                                         return other.field == each.field
                                                && other.name.size() < each.name.size();
                                     });
        if (shortest) {
            names.append(each.name).append(", ");
        }
    }
    return names + "tags.NAME";
}

/* Reads one matcher. Returns what is wrong with it. */
std::string read_matcher(std::string_view word, RuleMatcher &matcher)
{
    std::string name(word);
    matcher.negated = begins(word, "!");
    word.remove_prefix(matcher.negated ? 1 : 0);
    std::size_t colon = word.find(':');
    if (colon == word.npos) {
        return "\"" + name + "\" is no matcher: write name:pattern";
    }
    std::string_view field = word.substr(0, colon);
    std::string_view pattern = word.substr(colon + 1);
    const FieldName *known = std::find_if(std::begin(field_names), std::end(field_names),
                                          [&](const FieldName &each) { return each.name == field; });
    Glob::Case letters = Glob::Case::sensitive;
    if (begins(field, "tags.")) {
        matcher.field = Field::tag;
        matcher.tag = field.substr(5);
    } else if (known != std::end(field_names)) {
        matcher.field = known->field;
        letters = known->letters;
    } else {
        return "there is no matcher \"" + std::string(field) + "\": use " + names_of_matchers();
    }
    if (is_yes_or_no(matcher.field)) {
        if (!is_one_of(pattern, {"yes", "no", "true", "false", "1", "0"})) {
            return "\"" + name + "\": write yes or no";
        }
        matcher.words.emplace_back(is_one_of(pattern, {"yes", "true", "1"}) ? "yes" : "no");
        return {};
    }
    if (matcher.field == Field::family) {
        while (!pattern.empty()) {
            std::string_view family = trim(pattern.substr(0, pattern.find(',')));
            pattern.remove_prefix(std::min(pattern.find(','), pattern.size() - 1) + 1);
            if (!is_one_of(family, {"javascript", "native", "other", "all"})) {
                return "there is no family \"" + std::string(family)
                       + "\": use javascript, native, other, all";
            }
            matcher.words.emplace_back(family);
        }
        return matcher.words.empty() ? "\"" + name + "\" names no family" : "";
    }
    bool path = matcher.field == Field::path || matcher.field == Field::package;
    matcher.glob = Glob::parse(pattern, letters, path ? Glob::Kind::path : Glob::Kind::text);
    return matcher.glob ? ""
                        : "\"" + name + "\" has no pattern of 1 to "
                              + std::to_string(Glob::max_bytes) + " bytes with closed brackets";
}

/* Reads matchers up to the first word that is none. Returns what is wrong. */
std::string read_conditions(const std::vector<std::string> &words, std::size_t &at,
                            RuleConditions &conditions)
{
    std::size_t count = 0;
    std::vector<RuleMatcher> *bracket = nullptr;
    for (; at < words.size(); at++) {
        const std::string &word = words[at];
        if (word == "[") {
            bool behind = !conditions.frame.empty() || !conditions.event.empty();
            bracket = behind ? &conditions.callee : &conditions.caller;
        } else if (word == "]") {
            bracket = nullptr;
        } else if (word == "|") {
            continue;
        } else if (bracket == nullptr && (word == "->" || word.find(':') == word.npos)) {
            break;
        } else {
            RuleMatcher matcher;
            if (std::string why = read_matcher(word, matcher); !why.empty()) {
                return why;
            }
            bool of_frame = is_of_frame(matcher.field);
            if (bracket != nullptr && !of_frame) {
                return "\"" + word + "\" in brackets does not speak of a frame";
            }
            if (++count > max_rule_matchers) {
                return "a rule has at most " + std::to_string(max_rule_matchers) + " matchers";
            }
            (bracket != nullptr ? *bracket : of_frame ? conditions.frame : conditions.event)
                .push_back(std::move(matcher));
        }
    }
    if (bracket != nullptr) {
        return "a bracket is not closed";
    }
    return count == 0 ? "a rule begins with a matcher, name:pattern" : "";
}

/* Reads the number of max-frames=N and min-frames=N. Returns what is wrong with it. */
std::string read_bound(std::string_view word, StackAction &action)
{
    std::string_view number = word.substr(word.find('=') + 1);
    auto [end, error] = std::from_chars(number.begin(), number.end(), action.frames);
    bool good = error == std::errc() && end == number.end()
                && action.frames <= max_frame_bound;
    return good ? "" : "\"" + std::string(word) + "\": write a number of 0 (no bound) to "
                           + std::to_string(max_frame_bound);
}

std::string read_action(std::string_view word, StackAction &action)
{
    constexpr std::string_view category = "category=";
    if (begins(word, "max-frames=")) {
        action.what = StackAction::What::max_frames;
        return read_bound(word, action);
    }
    if (begins(word, "min-frames=")) {
        action.what = StackAction::What::min_frames;
        return read_bound(word, action);
    }
    std::string_view rest = word;
    if (begins(rest, "^") || begins(rest, "v")) {
        action.range = rest[0] == '^' ? StackAction::Range::nearer : StackAction::Range::farther;
        rest.remove_prefix(1);
    }
    action.on = begins(rest, "+");
    if (is_one_of(rest, {"+app", "-app"})) {
        action.what = StackAction::What::app;
    } else if (is_one_of(rest, {"+group", "-group"})) {
        action.what = StackAction::What::group;
    } else if (rest == word && begins(rest, category) && rest.size() > category.size()) {
        action.what = StackAction::What::category;
        action.category = rest.substr(category.size());
    } else {
        return "there is no action \"" + std::string(word)
               + "\": use +app, -app, +group, -group, category=NAME, max-frames=N, min-frames=N";
    }
    return {};
}

/* Of words with ", " between them. */
bool is_in_list(std::string_view word, std::string_view list)
{
    for (constexpr std::string_view comma = ", "; !list.empty();) {
        std::string_view each = list.substr(0, list.find(comma));
        if (each == word) {
            return true;
        }
        list.remove_prefix(std::min(list.size(), each.size() + comma.size()));
    }
    return false;
}

std::string too_long(std::string_view text)
{
    return text.size() > max_rule_bytes ? "the rule is too long" : "";
}

/* The first variable of a text that nobody knows. */
std::optional<std::string> unknown_variable(std::string_view text)
{
    std::optional<std::string> unknown;
    replace_variables(text, [&](std::string_view name) {
        bool known = (begins(name, "tags.") || is_in_list(name, variable_names) || is_in_list(name, more_variable_names));
        if (!unknown && !known) {
            unknown = std::string(name);
        }
        return std::string();
    });
    return unknown;
}

/* An entry is a variable as a whole, or it is as it stands; a title may have some in it. */
std::string wrong_variable(const FingerprintRule &rule)
{
    std::optional<std::string> unknown = unknown_variable(rule.title);
    for (const std::string &entry : rule.entries) {
        bool variable = variable_name(entry) && !is_default_entry(entry);
        unknown = unknown || !variable ? unknown : unknown_variable(entry);
    }
    return unknown ? "there is no variable \"" + *unknown + "\": use " + std::string(variable_names)
                         + ", or in fingerprints default"
                   : "";
}

template <class Rule, class Read>
RuleText read_rules(std::string_view text, Read read)
{
    RuleText found;
    for (std::size_t line = 1; !text.empty(); line++) {
        std::string_view words = trim(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
        if (words_of(words).empty()) {
            continue;
        }
        Rule rule;
        std::string why = found.rules.size() == max_rules ? "a project has at most " + std::to_string(max_rules) + " rules"
                                                          : read(words, rule);
        if (!why.empty()) {
            found.problem = "line " + std::to_string(line) + ": " + why;
            return found;
        }
        found.rules.push_back(std::move(rule.text));
    }
    return found;
}

}

std::string read_fingerprint_rule(std::string_view text, RuleVariables variables, FingerprintRule &rule)
{
    text = trim(text);
    rule.text = text;
    std::vector<std::string> words = words_of(text);
    std::size_t at = 0;
    std::string why = too_long(text);
    why = why.empty() ? read_conditions(words, at, rule.conditions) : why;
    if (!why.empty()) {
        return why;
    }
    if (at == words.size() || words[at] != "->") {
        return "matchers are followed by -> and a fingerprint";
    }
    constexpr std::string_view title = "title=";
    for (at++; at < words.size(); at++) {
        std::string_view word = words[at];
        if (begins(word, title)) {
            rule.title = word.substr(title.size());
            continue;
        }
        while (!word.empty()) {
            std::string_view entry = trim(word.substr(0, word.find(',')));
            word.remove_prefix(std::min(word.find(','), word.size() - 1) + 1);
            if (!entry.empty()) {
                rule.entries.emplace_back(entry);
            }
        }
    }
    if (rule.entries.empty()) {
        return "behind -> there is no fingerprint";
    }
    return variables == RuleVariables::known ? wrong_variable(rule) : "";
}

std::string read_stack_rule(std::string_view text, StackRule &rule)
{
    text = trim(text);
    rule.text = text;
    std::vector<std::string> words = words_of(text);
    std::size_t at = 0;
    std::string why = too_long(text);
    why = why.empty() ? read_conditions(words, at, rule.conditions) : why;
    for (; why.empty() && at < words.size(); at++) {
        std::string word = words[at];
        if ((word == "^" || word == "v") && at + 1 < words.size()) {
            word += words[++at];
        }
        StackAction action;
        why = read_action(word, action);
        rule.actions.push_back(std::move(action));
    }
    if (why.empty() && rule.actions.empty()) {
        return "matchers are followed by actions, for example -app";
    }
    return why;
}

RuleText read_fingerprint_rules(std::string_view text)
{
    return read_rules<FingerprintRule>(text, [](std::string_view line, FingerprintRule &rule) {
        return read_fingerprint_rule(line, RuleVariables::known, rule);
    });
}

RuleText read_stack_rules(std::string_view text)
{
    return read_rules<StackRule>(text, read_stack_rule);
}

std::optional<std::string_view> variable_name(std::string_view entry)
{
    if (entry.size() < 4 || !begins(entry, "{{") || entry.substr(entry.size() - 2) != "}}") {
        return {};
    }
    return trim(entry.substr(2, entry.size() - 4));
}

bool is_default_entry(std::string_view entry)
{
    std::optional<std::string_view> name = variable_name(entry);
    return name && lower(*name) == "default";
}

}
