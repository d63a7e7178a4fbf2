/*
 * Tends the issues beside the filing: ends what was ignored for some time, folds tags, goes
 * on with splits, and tries rules for grouping. A thread with a connection of its own, since
 * a turn takes as long as a few batches do; of several workers one at a time does it.
 */

#ifndef ERRTRACK_WORKER_TENDER_HPP
#define ERRTRACK_WORKER_TENDER_HPP

#include "worker/rule_trials.hpp"
#include "worker/store.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace errtrack {

class Tender {
public:
    /* Begins at once. */
    explicit Tender(std::string conninfo);

    /* Waits for the turn that is under way. */
    ~Tender() = default;

private:
    void run(const std::stop_token &stop);

    /* Whether there is more to do at once. */
    bool try_rules();

    Store store_;                       /* the thread's */
    RuleTrials trials_{store_};
    std::mutex mutex_;
    std::condition_variable_any woken_;
    std::jthread thread_;               /* last: it ends before the others go */
};

}

#endif
