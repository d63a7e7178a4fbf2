/*
 * What rules for grouping would do to events that are stored: each is grouped by the rules
 * that there are and by those to try, and where these differ it is followed to the issue
 * that would take it. Pure: whoever uses it brings events and what is known of hashes.
 */

#ifndef ERRTRACK_WORKER_RULE_TRIAL_HPP
#define ERRTRACK_WORKER_RULE_TRIAL_HPP

#include "worker/grouping_versions.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

class RuleTrial {
public:
    RuleTrial(ProjectGrouping present, ProjectGrouping tried);

    /* The body of an event as it is stored; newest first. A body that is none is passed over. */
    void look_at(std::string_view event_id, std::int64_t issue, std::string_view body);

    /* Of all events that would be grouped otherwise, in hex, each once. */
    std::vector<std::string> changed_hashes() const;

    /*
     * JSON, as errtrack_private.rule_trials has it. known: the issues that have some of the
     * hashes already. complete: all events that were meant have been looked at. At most
     * max_moves, those of most events.
     */
    std::string result(const std::map<std::string, std::int64_t> &known, bool complete) const;

    static constexpr std::size_t max_moves = 500;

private:
    struct Changed {
        std::string event_id;
        std::int64_t issue;
        std::vector<std::string> hashes;    /* in hex, by the rules to try */
    };

    ProjectGrouping present_;
    ProjectGrouping tried_;
    std::map<std::int64_t, std::size_t> looked_at_;  /* events by issue */
    std::size_t events_ = 0;
    std::vector<Changed> changed_;
};

}

#endif
