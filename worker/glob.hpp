/*
 * Patterns of rules: *, ?, [a-z], [!a-z]; everything else is itself. For paths * stops at
 * a slash and ** does not. Matching follows all possibilities at once: its time is
 * bounded by the length of the text times that of the pattern, whatever they are.
 *
 * Shared with the query module, so C++17 and the standard library only.
 */

#ifndef ERRTRACK_WORKER_GLOB_HPP
#define ERRTRACK_WORKER_GLOB_HPP

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

class Glob {
public:
    enum class Case { sensitive, insensitive };
    enum class Kind { text, path };      /* a path has / for \ and is compared in small letters */

    static constexpr std::size_t max_bytes = 200;

    /* Nothing when it is empty, too long, or a bracket is not closed. */
    static std::optional<Glob> parse(std::string_view pattern, Case letters, Kind kind);

    /* Whether all of text matches. */
    bool matches(std::string_view text) const;

private:
    using Set = std::bitset<256>;
    struct Step {
        Set of;                          /* the bytes that it takes */
        bool repeats = false;            /* any number of them */
    };

    bool matches_from_start(std::string_view text) const;

    std::vector<Step> steps_;
    Case letters_ = Case::sensitive;
    Kind kind_ = Kind::text;
    bool relative_ = false;              /* of a path: also tried behind a leading / */
};

}

#endif
