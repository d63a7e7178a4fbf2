#include "worker/rule_book.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace errtrack {

void RuleBook::refresh()
{
    dirty_ |= store_.grouping_changed();
    if (!dirty_) {
        return;
    }
    std::map<std::int64_t, std::shared_ptr<GroupingRules>> read;
    for (const StoredRule &stored : store_.grouping_rules()) {
        std::shared_ptr<GroupingRules> &rules = read[stored.project];
        if (!rules) {
            rules = std::make_shared<GroupingRules>();
        }
        std::string why = stored.kind == "fingerprint" ? rules->add_fingerprint_rule(stored.rule)
                                                       : rules->add_stack_rule(stored.rule);
        if (!why.empty()) {
            spdlog::warn("a {} rule of project {} is passed over: {}", stored.kind, stored.project, why);
        }
    }
    rules_ = {read.begin(), read.end()};
    dirty_ = false;
}

std::shared_ptr<const GroupingRules> RuleBook::of(std::int64_t project) const
{
    auto found = rules_.find(project);
    return found == rules_.end() ? nullptr : found->second;
}

}
