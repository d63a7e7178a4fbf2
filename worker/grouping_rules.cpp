/*
 * Reading rules, then asking them. Words of a line come from one scanner, so both kinds
 * of rules have the same quotes and remarks.
 */

#include "worker/grouping_rules.hpp"

#include <algorithm>
#include <charconv>

#include "worker/fingerprint.hpp"
#include "worker/grouping_names.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

using Field = RuleMatcher::Field;

/* ---- reading ---- */

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
            variable = !quoted && ((variable && !text.substr(at - 1).starts_with("}}"))
                                   || text.substr(at).starts_with("{{"));
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
    matcher.negated = word.starts_with('!');
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
    if (field.starts_with("tags.")) {
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
            if (++count > GroupingRules::max_matchers) {
                return "a rule has at most " + std::to_string(GroupingRules::max_matchers) + " matchers";
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
                && action.frames <= GroupingRules::max_frame_bound;
    return good ? "" : "\"" + std::string(word) + "\": write a number of 0 (no bound) to "
                           + std::to_string(GroupingRules::max_frame_bound);
}

std::string read_action(std::string_view word, StackAction &action)
{
    constexpr std::string_view category = "category=";
    if (word.starts_with("max-frames=")) {
        action.what = StackAction::What::max_frames;
        return read_bound(word, action);
    }
    if (word.starts_with("min-frames=")) {
        action.what = StackAction::What::min_frames;
        return read_bound(word, action);
    }
    std::string_view rest = word;
    if (rest.starts_with('^') || rest.starts_with('v')) {
        action.range = rest[0] == '^' ? StackAction::Range::nearer : StackAction::Range::farther;
        rest.remove_prefix(1);
    }
    action.on = rest.starts_with('+');
    if (is_one_of(rest, {"+app", "-app"})) {
        action.what = StackAction::What::app;
    } else if (is_one_of(rest, {"+group", "-group"})) {
        action.what = StackAction::What::group;
    } else if (rest == word && rest.starts_with(category) && rest.size() > category.size()) {
        action.what = StackAction::What::category;
        action.category = rest.substr(category.size());
    } else {
        return "there is no action \"" + std::string(word)
               + "\": use +app, -app, +group, -group, category=NAME, max-frames=N, min-frames=N";
    }
    return {};
}

/* An entry is a variable as a whole, or it is as it stands; a title may have some in it. */
std::string wrong_variable(const FingerprintRule &rule)
{
    std::optional<std::string> unknown = unknown_variable(rule.title);
    for (const std::string &entry : rule.entries) {
        bool variable = entry.starts_with("{{") && entry.ends_with("}}") && !is_default_entry(entry);
        unknown = unknown || !variable ? unknown : unknown_variable(entry);
    }
    return unknown ? "there is no variable \"" + *unknown + "\": use " + std::string(variable_names)
                         + ", or in fingerprints default"
                   : "";
}

std::string too_many(std::size_t rules, std::string_view text)
{
    if (rules >= GroupingRules::max_rules) {
        return "there are " + std::to_string(rules) + " rules already";
    }
    return text.size() > GroupingRules::max_rule_bytes ? "the rule is too long" : "";
}

/* ---- asking ---- */

std::string_view family_of(std::string_view platform)
{
    return is_javascript(platform) ? "javascript" : is_native(platform) ? "native" : "other";
}

bool is_family(const RuleMatcher &matcher, std::string_view platform)
{
    return std::any_of(matcher.words.begin(), matcher.words.end(), [&](const std::string &word) {
        return word == "all" || word == family_of(platform);
    });
}

bool is_in(const RuleMatcher &matcher, std::string_view text)
{
    return !text.empty() && matcher.glob->matches(text);
}

std::string_view sdk_family(std::string_view name)
{
    std::size_t dot = name.find('.');
    return name.substr(0, dot == name.npos ? dot : name.find('.', dot + 1));
}

bool holds_for_thread(const RuleMatcher &matcher, const Thread &thread)
{
    switch (matcher.field) {
    case Field::thread_id: return is_in(matcher, thread.id);
    case Field::thread_name: return is_in(matcher, thread.name);
    case Field::thread_state: return is_in(matcher, thread.state);
    case Field::thread_crashed: return thread.crashed == (matcher.words.front() == "yes");
    default: return thread.current == (matcher.words.front() == "yes");
    }
}

bool holds_for_event(const RuleMatcher &matcher, const GroupingInput &input)
{
    auto any_exception = [&](std::string Exception::*text) {
        return std::any_of(input.exceptions.begin(), input.exceptions.end(),
                           [&](const Exception &each) { return is_in(matcher, each.*text); });
    };
    switch (matcher.field) {
    case Field::type: return any_exception(&Exception::type);
    case Field::value: return any_exception(&Exception::value);
    case Field::mechanism: return any_exception(&Exception::mechanism);
    case Field::message: return is_in(matcher, input.message) || any_exception(&Exception::value);
    case Field::logger: return is_in(matcher, input.logger);
    case Field::level: return is_in(matcher, input.level);
    case Field::release: return is_in(matcher, input.release);
    case Field::sdk: return is_in(matcher, input.sdk) || is_in(matcher, sdk_family(input.sdk));
    case Field::tag:
        return std::any_of(input.tags.begin(), input.tags.end(), [&](const auto &tag) {
            return tag.first == matcher.tag && is_in(matcher, tag.second);
        });
    default:
        return std::any_of(input.threads.begin(), input.threads.end(),
                           [&](const Thread &each) { return holds_for_thread(matcher, each); });
    }
}

bool holds_for_frame(const RuleMatcher &matcher, const Frame &frame)
{
    switch (matcher.field) {
    case Field::path: return is_in(matcher, frame.abs_path) || is_in(matcher, frame.filename);
    case Field::module: return is_in(matcher, frame.module);
    case Field::function:
        return is_in(matcher, frame.leaves.function.value.empty() ? frame.function
                                                                  : frame.leaves.function.value);
    case Field::package: return is_in(matcher, frame.package);
    case Field::family: return is_family(matcher, frame.platform);
    case Field::app: return frame.in_app == (matcher.words.front() == "yes");
    default: return is_in(matcher, frame.category);
    }
}

bool hold_for_event(const RuleConditions &conditions, const GroupingInput &input)
{
    return std::all_of(conditions.event.begin(), conditions.event.end(), [&](const RuleMatcher &each) {
        return holds_for_event(each, input) != each.negated;
    });
}

bool hold_for_one(const std::vector<RuleMatcher> &matchers, const std::vector<Frame> &frames,
                  std::size_t at)
{
    return matchers.empty()
           || (at < frames.size()
               && std::all_of(matchers.begin(), matchers.end(), [&](const RuleMatcher &each) {
                      return holds_for_frame(each, frames[at]) != each.negated;
                  }));
}

bool hold_for_frame(const RuleConditions &conditions, const std::vector<Frame> &frames,
                    std::size_t at)
{
    return hold_for_one(conditions.frame, frames, at)
           && hold_for_one(conditions.caller, frames, at - 1)
           && hold_for_one(conditions.callee, frames, at + 1);
}

bool speaks_of_frames(const RuleConditions &conditions)
{
    return !conditions.frame.empty() || !conditions.caller.empty() || !conditions.callee.empty();
}

bool hold(const RuleConditions &conditions, const GroupingInput &input)
{
    if (!hold_for_event(conditions, input)) {
        return false;
    }
    if (!speaks_of_frames(conditions)) {
        return true;
    }
    auto in_stack = [&](const std::vector<Frame> &frames) {
        for (std::size_t at = 0; at < frames.size(); at++) {
            if (hold_for_frame(conditions, frames, at)) {
                return true;
            }
        }
        return false;
    };
    // The family is also that of an event without frames.
    bool family = conditions.caller.empty() && conditions.callee.empty()
                  && std::all_of(conditions.frame.begin(), conditions.frame.end(), [&](const RuleMatcher &each) {
                         return each.field == Field::family && is_family(each, input.platform) != each.negated;
                     });
    return family || in_stack(input.attached)
           || std::any_of(input.exceptions.begin(), input.exceptions.end(),
                          [&](const Exception &each) { return in_stack(each.frames); });
}

void apply(const StackAction &action, const StackRule &rule, Frame &frame)
{
    frame.rule = rule.text;
    if (action.what == StackAction::What::app) {
        frame.in_app = action.on;
    } else if (action.what == StackAction::What::category) {
        frame.category = action.category;
    } else {
        frame.noise = action.on ? Noise::none : Noise::hard;
    }
}

/* Whether the action speaks of the whole stack, and then what it says. */
bool apply(const StackAction &action, FrameBounds &bounds)
{
    switch (action.what) {
    case StackAction::What::max_frames: bounds.most = action.frames; return true;
    case StackAction::What::min_frames: bounds.least = action.frames; return true;
    default: return false;
    }
}

}

std::string GroupingRules::add_fingerprint_rule(std::string_view text, Variables variables)
{
    text = trim(text);
    FingerprintRule rule;
    rule.text = text;
    std::vector<std::string> words = words_of(text);
    std::size_t at = 0;
    std::string why = too_many(fingerprint_rules_.size(), text);
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
        if (word.starts_with(title)) {
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
    if (why = variables == Variables::known ? wrong_variable(rule) : ""; !why.empty()) {
        return why;
    }
    fingerprint_rules_.push_back(std::move(rule));
    return {};
}

std::string GroupingRules::add_stack_rule(std::string_view text)
{
    text = trim(text);
    StackRule rule;
    rule.text = text;
    std::vector<std::string> words = words_of(text);
    std::size_t at = 0;
    std::string why = too_many(stack_rules_.size(), text);
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
    if (!why.empty()) {
        return why;
    }
    if (rule.actions.empty()) {
        return "matchers are followed by actions, for example -app";
    }
    stack_rules_.push_back(std::move(rule));
    return {};
}

const FingerprintRule *GroupingRules::fingerprint(const GroupingInput &input) const
{
    auto rule = std::find_if(fingerprint_rules_.begin(), fingerprint_rules_.end(),
                             [&](const FingerprintRule &each) { return hold(each.conditions, input); });
    return rule == fingerprint_rules_.end() ? nullptr : &*rule;
}

/* Each rule is matched against all frames before it changes any. */
FrameBounds GroupingRules::mark(const GroupingInput &input, std::vector<Frame> &frames) const
{
    FrameBounds bounds;
    for (const StackRule &rule : stack_rules_) {
        if (!hold_for_event(rule.conditions, input)) {
            continue;
        }
        std::vector<bool> wanted(frames.size());
        std::size_t first = frames.size();
        std::size_t last = 0;
        for (std::size_t at = 0; at < frames.size(); at++) {
            wanted[at] = hold_for_frame(rule.conditions, frames, at);
            first = wanted[at] ? std::min(first, at) : first;
            last = wanted[at] ? at : last;
        }
        if (first == frames.size()) {
            continue;
        }
        for (const StackAction &action : rule.actions) {
            if (apply(action, bounds)) {
                continue;
            }
            for (std::size_t at = 0; at < frames.size(); at++) {
                bool reached = action.range == StackAction::Range::frame    ? wanted[at]
                               : action.range == StackAction::Range::nearer ? at > first
                                                                            : at < last;
                if (reached) {
                    apply(action, rule, frames[at]);
                }
            }
        }
    }
    return bounds;
}

}
