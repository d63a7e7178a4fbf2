#include "worker/grouping_rules.hpp"

#include <algorithm>

#include "worker/fingerprint.hpp"
#include "worker/grouping_names.hpp"

namespace errtrack {
namespace {

using Field = RuleMatcher::Field;

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

std::string too_many(std::size_t rules)
{
    return rules >= max_rules ? "there are " + std::to_string(rules) + " rules already" : "";
}

}

std::string GroupingRules::add_fingerprint_rule(std::string_view text, RuleVariables variables)
{
    FingerprintRule rule;
    std::string why = too_many(fingerprint_rules_.size());
    why = why.empty() ? read_fingerprint_rule(text, variables, rule) : why;
    if (why.empty()) {
        fingerprint_rules_.push_back(std::move(rule));
    }
    return why;
}

std::string GroupingRules::add_stack_rule(std::string_view text)
{
    StackRule rule;
    std::string why = too_many(stack_rules_.size());
    why = why.empty() ? read_stack_rule(text, rule) : why;
    if (why.empty()) {
        stack_rules_.push_back(std::move(rule));
    }
    return why;
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
