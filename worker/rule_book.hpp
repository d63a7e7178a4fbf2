/*
 * The rules for grouping of all projects, as the worker holds them: read again when
 * PostgreSQL says that they have changed.
 */

#ifndef ERRTRACK_WORKER_RULE_BOOK_HPP
#define ERRTRACK_WORKER_RULE_BOOK_HPP

#include "worker/grouping_rules.hpp"
#include "worker/store.hpp"

#include <cstdint>
#include <map>
#include <memory>

namespace errtrack {

class RuleBook {
public:
    explicit RuleBook(Store &store) : store_(store) {}

    /* To be called every second or so. Throws StoreError; what was not done is then done
     * by a later call. */
    void refresh();

    /* Null when the project has none. */
    std::shared_ptr<const GroupingRules> of(std::int64_t project) const;

private:
    Store &store_;
    bool dirty_ = true;
    std::map<std::int64_t, std::shared_ptr<const GroupingRules>> rules_;
};

}

#endif
