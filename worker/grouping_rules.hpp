/*
 * Rules that a project has set for its grouping, one line of text each:
 *
 *     matchers -> entries title="..."      fingerprint: replaces the client's
 *     matchers actions                     stack: in-app marks, and which frames count
 *
 * A matcher is name:pattern, ! in front negates it, "quotes" allow blanks. Matchers of
 * frames must hold for the same frame; [ ... ] | and | [ ... ] speak of its caller and its
 * callee. Actions: +app -app +group -group, with ^ for all frames nearer to the crash or v
 * for those farther from it, and category=NAME; of the whole stack, if one of its frames is
 * matched, max-frames=N and min-frames=N. Text after # is a remark.
 *
 * Rules: grouping reference, sections 3.3 and 15.1.
 */

#ifndef ERRTRACK_WORKER_GROUPING_RULES_HPP
#define ERRTRACK_WORKER_GROUPING_RULES_HPP

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/glob.hpp"
#include "worker/grouping.hpp"

namespace errtrack {

struct RuleMatcher {
    enum class Field {
        type, value, mechanism, message, logger, level, release, sdk, tag,
        thread_id, thread_name, thread_state, thread_crashed, thread_current,
        path, module, function, package, family, app, category,
    };
    Field field;
    bool negated = false;
    std::string tag;                     /* name of the tag */
    std::vector<std::string> words;      /* of family, and the yes or no of others */
    std::optional<Glob> glob;
};

struct RuleConditions {
    std::vector<RuleMatcher> event;
    std::vector<RuleMatcher> frame;
    std::vector<RuleMatcher> caller;     /* of the frame next to it, farther from the crash */
    std::vector<RuleMatcher> callee;
};

struct FingerprintRule {
    std::string text;
    RuleConditions conditions;
    std::vector<std::string> entries;
    std::string title;                   /* may hold variables; empty: none */
};

struct StackAction {
    enum class Range { frame, nearer, farther };
    enum class What { app, group, category, max_frames, min_frames };
    Range range = Range::frame;
    What what = What::app;
    bool on = false;
    std::string category;
    std::size_t frames = 0;              /* of max_frames and min_frames */
};

struct StackRule {
    std::string text;
    RuleConditions conditions;
    std::vector<StackAction> actions;
};

class GroupingRules {
public:
    static constexpr std::size_t max_rules = 500;        /* of each kind */
    static constexpr std::size_t max_matchers = 20;      /* of one rule */
    static constexpr std::size_t max_rule_bytes = 2000;
    static constexpr std::size_t max_frame_bound = 100;         /* more never count */

    /* Unknown variables mean something in rules that are set already, and no upgrade may
     * change how a project groups; in new ones they are mistakes. */
    enum class Variables { any, known };

    /* Adds a rule behind those that there are. Returns why it cannot be one, in words for
     * people; empty when it is. */
    std::string add_fingerprint_rule(std::string_view text, Variables variables = Variables::any);
    std::string add_stack_rule(std::string_view text);

    /* The first that matches; null when none does. */
    const FingerprintRule *fingerprint(const GroupingInput &input) const;

    /* Applies the stack rules in their order to the frames of one stack. Returns how many of
     * them are to count: of several rules that say so the last one does. */
    FrameBounds mark(const GroupingInput &input, std::vector<Frame> &frames) const;

private:
    std::vector<FingerprintRule> fingerprint_rules_;
    std::vector<StackRule> stack_rules_;
};

}

#endif
