/*
 * Rules that a project has set for its grouping, one line of text each:
 *
 *     matchers -> entries title="..."      fingerprint: replaces the client's
 *     matchers actions                     stack: in-app marks, and which frames count
 *
 * A matcher is name:pattern, ! in front negates it, "quotes" allow blanks. Matchers of
 * frames must hold for the same frame; [ ... ] | and | [ ... ] speak of its caller and its
 * callee. Actions: +app -app +group -group, with ^ for all frames nearer to the crash or v
 * for those farther from it, and category=NAME; of the whole stack, if one of its frames is
 * matched, max-frames=N and min-frames=N. Text after # is a remark.
 *
 * Here they are read; what they do to an event is in grouping_rules.hpp. The query module
 * reads those that people set, so this is C++17 and the standard library only.
 *
 * Rules: grouping reference, sections 3.3 and 15.1.
 */

#ifndef ERRTRACK_WORKER_RULE_READER_HPP
#define ERRTRACK_WORKER_RULE_READER_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/glob.hpp"
#include "worker/words.hpp"

namespace errtrack {

struct RuleMatcher {
    enum class Field {
        type, value, mechanism, message, logger, level, release, sdk, tag,
        thread_id, thread_name, thread_state, thread_crashed, thread_current,
        path, module, function, package, family, app, category,
    };
    Field field;
    bool negated = false;
    std::string tag;                     /* name of the tag */
    std::vector<std::string> words;      /* of family, and the yes or no of others */
    std::optional<Glob> glob;
};

struct RuleConditions {
    std::vector<RuleMatcher> event;
    std::vector<RuleMatcher> frame;
    std::vector<RuleMatcher> caller;     /* of the frame next to it, farther from the crash */
    std::vector<RuleMatcher> callee;
};

struct FingerprintRule {
    std::string text;
    RuleConditions conditions;
    std::vector<std::string> entries;
    std::string title;                   /* may hold variables; empty: none */
};

struct StackAction {
    enum class Range { frame, nearer, farther };
    enum class What { app, group, category, max_frames, min_frames };
    Range range = Range::frame;
    What what = What::app;
    bool on = false;
    std::string category;
    std::size_t frames = 0;              /* of max_frames and min_frames */
};

struct StackRule {
    std::string text;
    RuleConditions conditions;
    std::vector<StackAction> actions;
};

inline constexpr std::size_t max_rules = 500;             /* of each kind */
inline constexpr std::size_t max_rule_matchers = 20;      /* of one rule */
inline constexpr std::size_t max_rule_bytes = 2000;
inline constexpr std::size_t max_frame_bound = 100;       /* more never count */

/* Unknown variables mean something in rules that are set already, and no upgrade may
 * change how a project groups; in new ones they are mistakes. */
enum class RuleVariables { any, known };

/* Read one rule. Return why it cannot be one, in words for people; empty when it is. */
std::string read_fingerprint_rule(std::string_view text, RuleVariables variables, FingerprintRule &rule);
std::string read_stack_rule(std::string_view text, StackRule &rule);

struct RuleText {
    std::vector<std::string> rules;      /* without what stands around them */
    std::string problem;                 /* the first line that cannot be one, and why; empty: none */
};

/* The rules of a text, one on each line. Empty lines and those of a remark alone are none. */
RuleText read_fingerprint_rules(std::string_view text);
RuleText read_stack_rules(std::string_view text);

/* The name inside {{ name }} if that is the whole entry, else nothing. */
std::optional<std::string_view> variable_name(std::string_view entry);

/* Whether this entry is {{ default }}. */
bool is_default_entry(std::string_view entry);

/* All variables, for people. */
inline constexpr std::string_view variable_names =
    "transaction, message, raw_message, type, value, raw_value, function, path, stack.filename, module, "
    "package, level, logger, tags.NAME";

/* The other names that some of them have. */
inline constexpr std::string_view more_variable_names =
    "error.type, error.value, error.raw_value, stack.function, stack.abs_path, stack.module, stack.package";

/* Text with what by() says in the place of each variable. */
template <class By>
std::string replace_variables(std::string_view text, By by)
{
    std::string out;
    while (true) {
        std::size_t open = text.find("{{");
        std::size_t close = open == text.npos ? open : text.find("}}", open);
        if (close == text.npos) {
            return out.append(text);
        }
        out.append(text.substr(0, open)).append(by(trim(text.substr(open + 2, close - open - 2))));
        text.remove_prefix(close + 2);
    }
}

}

#endif
