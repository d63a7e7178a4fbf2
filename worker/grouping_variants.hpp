/*
 * What the default grouping of an event is made of: variants of exceptions, stacks,
 * frames and leaves, with the reason why a part does not count. Hashes are taken over
 * their canonical bytes, explanations show them.
 *
 * Canonical bytes: every leaf is its tag, its length, a colon, the text, a semicolon;
 * a frame stands in braces, a stack begins with S, an exception is X(...), the default
 * part of a hybrid fingerprint D(...). So no two lists of leaves give equal bytes.
 */

#ifndef ERRTRACK_WORKER_GROUPING_VARIANTS_HPP
#define ERRTRACK_WORKER_GROUPING_VARIANTS_HPP

#include <string>
#include <string_view>
#include <vector>

#include "worker/grouping.hpp"

namespace errtrack {

/* app: only frames of the application count. */
enum class Scope { app, system };

struct StackPart {
    std::string bytes;                   /* empty: the stack counts as absent */
    std::vector<std::size_t> frames;     /* that count, in the order of the bytes */
    std::vector<Hint> hints;             /* of all frames */
    bool weak = false;                   /* no frame has a name */
};

struct ExceptionPart {
    Leaf type;
    Leaf value;
    StackPart stack;
    Hint hint = Hint::none;              /* why all of it does not count */
    std::string bytes;
};

struct Variant {
    std::string_view name;               /* app, system, message, ...: not hashed */
    std::string bytes;
    bool has_stack = false;
    bool weak = false;                   /* low confidence */
    std::vector<ExceptionPart> exceptions; /* one for each of the input's */
    std::vector<std::size_t> order;      /* of those that count */
    StackPart stack;                     /* of stack and message variants */
    std::vector<std::pair<char, Leaf>> leaves; /* of variants without exceptions */
};

struct DefaultGrouping {
    std::string_view strategy;
    std::vector<Variant> variants;       /* never empty; all count */
};

DefaultGrouping default_grouping(const GroupingInput &input, Algorithm algorithm);

/* The strategies that would have found something, had that one not come first. */
std::vector<std::string_view> preceded_strategies(const GroupingInput &input,
                                                  std::string_view strategy);

/* Of checksum or fingerprint, when they decide alone, and of a variant. */
Hash explicit_hash(const GroupingInput &input);
Hash variant_hash(const GroupingInput &input, const Variant &variant, Algorithm algorithm);

/* Both when the application's frames say something, else the one that does. */
std::vector<Variant> choose_variants(Variant app, Variant system);

void append_leaf(std::string &out, char tag, std::string_view text);

/* What identifies a message or a value: its first two lines that are not empty,
 * parameterized, then cut. */
std::string identifying_text(std::string_view text);

/* The same text without parameterization. */
std::string raw_identifying_text(std::string_view text);

/* exhausted: the event is about a stack without end, and only its cycle counts. */
StackPart stack_part(const std::vector<Frame> &frames, const FrameBounds &bounds, Scope scope,
                     bool exhausted);
void append_frame(std::string &out, const FrameLeaves &leaves);

std::vector<Variant> exception_variants(const GroupingInput &input);

/* The exception that names the error. Input has exceptions. */
std::size_t main_exception_of(const GroupingInput &input);

/* The type as it identifies: without what compilers put into it. */
std::string clean_type(const Exception &exception, std::string_view platform);

}

#endif
