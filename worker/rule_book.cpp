#include "worker/rule_book.hpp"

#include "worker/grouping_rules.hpp"

#include <spdlog/spdlog.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace errtrack {
namespace {

/* An older worker may meet the version of a newer one. It has to file all the same. */
std::optional<Algorithm> known(const std::string &name, std::int64_t project)
{
    std::optional<Algorithm> algorithm = algorithm_named(name);
    if (!algorithm && !name.empty()) {
        spdlog::error("project {} goes by grouping {}, which this worker does not know: upgrade it",
                      project, name);
    }
    return algorithm;
}

}

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
    std::unordered_map<std::int64_t, ProjectGrouping> projects;
    for (auto &[project, rules] : read) {
        projects[project].rules = std::move(rules);
    }
    for (const StoredVersion &stored : store_.grouping_versions()) {
        ProjectGrouping &grouping = projects[stored.project];
        grouping.algorithm = known(stored.algorithm, stored.project).value_or(newest_algorithm);
        grouping.previous = known(stored.previous, stored.project);
        grouping.previous_until = stored.previous_until;
    }
    projects_ = std::move(projects);
    dirty_ = false;
}

const ProjectGrouping &RuleBook::of(std::int64_t project) const
{
    auto found = projects_.find(project);
    return found == projects_.end() ? usual_ : found->second;
}

}
