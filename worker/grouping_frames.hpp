/*
 * What one frame of a stack says about the identity of an error: at most a location, a
 * function and a source line, cleaned of what differs between builds and machines.
 *
 * Rules: grouping reference, sections 5 to 7.
 */

#ifndef ERRTRACK_WORKER_GROUPING_FRAMES_HPP
#define ERRTRACK_WORKER_GROUPING_FRAMES_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack {

/* Why a part of an event does not count, or what was changed in it. */
enum class Hint : std::uint8_t {
    none, not_in_app, noise_rule, recursion, value_ignored_stack_present, type_synthetic, url_file,
    context_too_long, context_url_no_function, anonymous_function, generated_class, hash_stripped,
    placeholder, soft_noise, package_only, parameterized, wrapper_dropped, equal_member,
    beyond_limit, precedence, too_few_frames,
};
std::string_view to_text(Hint hint);     /* empty for none */

/* A text as it is hashed; empty: it does not count. */
struct Leaf {
    std::string value;
    Hint hint = Hint::none;
};

struct FrameLeaves {
    Leaf location;
    Leaf function;
    Leaf context;
    bool package_only = false;           /* location is the file of a library, for want of better */
    std::size_t key = 0;                 /* equal for equal locations and functions */

    bool contribute() const
    {
        return !location.value.empty() || !function.value.empty() || !context.value.empty();
    }
};

/* How a rule has judged a frame beyond in_app. */
enum class Noise : std::uint8_t {
    none,
    soft,                                /* counts when nothing else does */
    soft_run,                            /* the same, but the outermost of a run counts */
    hard,                                /* never counts */
    throwing,                            /* hard, with everything nearer to the crash */
    base,                                /* hard, with everything farther from it */
};

struct Frame {
    std::string function;
    std::string raw_function;            /* of C#, with its signature */
    std::string module;
    std::string filename;
    std::string abs_path;
    std::string package;
    std::string context_line;
    std::string platform;                /* never empty: the event's, if it has none */
    std::int64_t line = 0;
    std::int64_t column = 0;
    std::optional<bool> flag;            /* in_app as it was sent */
    bool mapped = false;                 /* names come from a source map */

    /* Set by mark_frames(). */
    FrameLeaves leaves;
    bool in_app = false;
    Noise noise = Noise::none;
    std::string_view rule;               /* that has touched it last; empty is none */
    std::string category;                /* for later rules of the project */
};

/* How many frames of one stack are to count, as rules of the project say. */
struct FrameBounds {
    std::size_t least = 0;               /* with fewer the stack counts as absent */
    std::size_t most = 0;                /* those nearest to the crash; 0: as many as ever do */
};

FrameLeaves frame_leaves(const Frame &frame);

std::string_view base_name(std::string_view path);

/* White space runs as one blank, none at the ends. */
std::string collapse_blanks(std::string_view text);

}

#endif
