#include "worker/rule_trials.hpp"

#include "worker/grouping_rules.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/* Bodies have 512 KiB at most. */
constexpr std::size_t events_at_once = 20;

/* Nobody waits longer for a page. */
constexpr auto longest_trial = 30s;

/* As those that are set: one that cannot be read is passed over. */
ProjectGrouping grouping_of(const StoredTrial &stored, const std::vector<std::string> &fingerprint,
                            const std::vector<std::string> &stack)
{
    auto rules = std::make_shared<GroupingRules>();
    for (const std::string &rule : fingerprint) {
        rules->add_fingerprint_rule(rule);
    }
    for (const std::string &rule : stack) {
        rules->add_stack_rule(rule);
    }
    ProjectGrouping grouping;
    grouping.algorithm = algorithm_named(stored.algorithm).value_or(newest_algorithm);
    grouping.rules = std::move(rules);
    return grouping;
}

}

bool RuleTrials::go_on()
{
    try {
        if (!running_) {
            begin();
        } else if (running_->next < running_->events.size() && Clock::now() < running_->until) {
            look_at_some();
        } else {
            finish();
        }
    } catch (const StoreError &) {
        running_.reset();
        throw;
    }
    return running_.has_value();
}

void RuleTrials::begin()
{
    std::optional<StoredTrial> stored = store_.claim_rule_trial();
    if (!stored) {
        return;
    }
    RuleTrial trial(grouping_of(*stored, stored->present_fingerprint, stored->present_stack),
                    grouping_of(*stored, stored->tried_fingerprint, stored->tried_stack));
    running_.emplace(Running{stored->project, stored->id, std::move(trial),
                             store_.rule_trial_events(stored->project, stored->events), 0, Clock::now() + longest_trial});
}

void RuleTrials::look_at_some()
{
    std::size_t end = std::min(running_->next + events_at_once, running_->events.size());
    for (; running_->next < end && Clock::now() < running_->until; running_->next++) {
        const TrialEvent &event = running_->events[running_->next];
        running_->trial.look_at(event.id, event.issue, store_.rule_trial_body(running_->project, event));
    }
}

void RuleTrials::finish()
{
    Running &done = *running_;
    std::map<std::string, std::int64_t> known = store_.rule_trial_known(done.project, done.trial.changed_hashes());
    store_.finish_rule_trial(done.project, done.id, done.trial.result(known, done.next == done.events.size()));
    running_.reset();
}

}
