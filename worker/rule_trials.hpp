/*
 * Does the trials of rules that people ask for over HTTP (sql/api/090_rule_trials.sql): a
 * piece of one at each call, so that whoever calls has time for other things.
 */

#ifndef ERRTRACK_WORKER_RULE_TRIALS_HPP
#define ERRTRACK_WORKER_RULE_TRIALS_HPP

#include "worker/rule_trial.hpp"
#include "worker/store.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace errtrack {

class RuleTrials {
public:
    explicit RuleTrials(Store &store) : store_(store) {}

    /* Looks at some events of the trial at hand, or for another one. False: there is none.
     * Throws StoreError; the trial at hand is then given up, and another worker takes it. */
    bool go_on();

private:
    struct Running {
        std::int64_t project;
        std::string id;
        RuleTrial trial;
        std::vector<TrialEvent> events;
        std::size_t next = 0;
        std::chrono::steady_clock::time_point until;
    };

    void begin();
    void look_at_some();
    void finish();

    Store &store_;
    std::optional<Running> running_;
};

}

#endif
