/*
 * How all projects group, as the worker holds it: their rules and versions, read again
 * when PostgreSQL says that they have changed.
 */

#ifndef ERRTRACK_WORKER_RULE_BOOK_HPP
#define ERRTRACK_WORKER_RULE_BOOK_HPP

#include "worker/grouping_versions.hpp"
#include "worker/store.hpp"

#include <cstdint>
#include <unordered_map>

namespace errtrack {

class RuleBook {
public:
    explicit RuleBook(Store &store) : store_(store) {}

    /* To be called every second or so. Throws StoreError; what was not done is then done
     * by a later call. */
    void refresh();

    /* Valid until the next refresh(). */
    const ProjectGrouping &of(std::int64_t project) const;

private:
    Store &store_;
    bool dirty_ = true;
    ProjectGrouping usual_;
    std::unordered_map<std::int64_t, ProjectGrouping> projects_;
};

}

#endif
