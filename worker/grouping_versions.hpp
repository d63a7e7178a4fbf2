/*
 * Versions of the grouping algorithm. A released one never changes: hashes that it has
 * given are what issues are known by. What would change one of them is another version,
 * and a project goes by the one that it began with until a person switches it.
 */

#ifndef ERRTRACK_WORKER_GROUPING_VERSIONS_HPP
#define ERRTRACK_WORKER_GROUPING_VERSIONS_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace errtrack {

enum class Algorithm : std::uint8_t {
    g0,                                  /* by type and transaction alone: to try switching with */
    g1,
};
inline constexpr Algorithm all_algorithms[] = {Algorithm::g0, Algorithm::g1};
inline constexpr Algorithm newest_algorithm = Algorithm::g1;

/* As errtrack_private.projects has it, and as it stands before what is hashed. */
constexpr std::string_view to_text(Algorithm algorithm)
{
    return algorithm == Algorithm::g0 ? "g0" : "g1";
}

constexpr std::optional<Algorithm> algorithm_named(std::string_view name)
{
    for (Algorithm each : all_algorithms) {
        if (to_text(each) == name) {
            return each;
        }
    }
    return {};
}

class GroupingRules;

/* How a project groups. */
struct ProjectGrouping {
    Algorithm algorithm = newest_algorithm;
    std::optional<Algorithm> previous;   /* the version before */
    std::int64_t previous_until = 0;     /* by which what was received earlier is looked up as well */
    std::shared_ptr<const GroupingRules> rules; /* null: none */
};

}

#endif
