/*
 * What the rules of a project (rule_reader.hpp) do to the grouping of an event.
 *
 * Rules: grouping reference, sections 3.3 and 15.1.
 */

#ifndef ERRTRACK_WORKER_GROUPING_RULES_HPP
#define ERRTRACK_WORKER_GROUPING_RULES_HPP

#include <string>
#include <string_view>
#include <vector>

#include "worker/grouping.hpp"
#include "worker/rule_reader.hpp"

namespace errtrack {

class GroupingRules {
public:
    /* Adds a rule behind those that there are. Returns why it cannot be one, in words for
     * people; empty when it is. */
    std::string add_fingerprint_rule(std::string_view text, RuleVariables variables = RuleVariables::any);
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
