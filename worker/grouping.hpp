/*
 * Which events are the same error, and what an error is called. Works on the parts of
 * an event that identify it, already converted and bounded; a hash is taken over
 * canonical bytes, so two servers and two runs always agree.
 *
 * Algorithm g1 of the grouping reference, and what others make of it (grouping_versions.hpp).
 * Hashes of explicit fingerprints do not carry the algorithm's name: they are the client's
 * choice and outlive it.
 *
 * In this order: read_grouping_input(), mark_frames(), apply_fingerprint_rules(), then
 * the rest in any. All of it is pure; whatever the input holds, none of it fails.
 */

#ifndef ERRTRACK_WORKER_GROUPING_HPP
#define ERRTRACK_WORKER_GROUPING_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/event.hpp"
#include "worker/grouping_frames.hpp"

namespace errtrack {

/* Frames and lists are ordered as in the payload: oldest first, the crash last. */
struct Exception {
    std::string type;
    std::string value;
    std::string ns_error;                /* domain and code */
    std::string thread_id;
    std::string mechanism;               /* its type */
    std::string source;                  /* the attribute of the parent that it comes from */
    std::optional<std::int64_t> id;
    std::optional<std::int64_t> parent;
    bool group = false;
    bool synthetic = false;              /* the SDK made the type up */
    std::vector<Frame> frames;
    FrameBounds bounds;                  /* of frames; set by mark_frames() */
};

struct Thread {
    std::string id;
    std::string name;
    std::string state;
    bool crashed = false;
    bool current = false;
};

/* A template that failed, or a report of a browser about a page. */
struct TemplatePlace {
    std::string filename;
    std::string context_line;
};
struct SecurityReport {
    std::string kind;                    /* csp, hpkp, expectct, expectstaple; empty: none */
    std::string directive;               /* of csp: the effective one, or that was violated */
    std::string blocked;                 /* of csp: what it stands for, a host mostly */
    std::string host;                    /* of the others */
};

struct GroupingInput {
    Algorithm algorithm = newest_algorithm;
    std::string platform;
    std::string transaction;
    std::string level;
    std::string logger;
    std::string release;
    std::string sdk;                     /* name of the SDK */
    std::string message_template;
    std::string message;                 /* formatted */
    std::string url;                     /* of the request */
    std::vector<Exception> exceptions;   /* the last one is the outermost */
    std::vector<Frame> attached;         /* of the chosen thread or the event itself */
    bool attached_crashed = false;       /* that thread is the crashed one */
    std::vector<Thread> threads;
    TemplatePlace place;
    SecurityReport report;
    std::string checksum;
    std::vector<std::string> fingerprint; /* normalised; empty is the default */
    std::vector<std::pair<std::string, std::string>> tags; /* of equal keys the first counts */

    /* Set by mark_frames(). */
    std::shared_ptr<const GroupingRules> rules; /* of the project; null: none */
    FrameBounds attached_bounds;
    std::size_t main_exception = 0;      /* that names the error; 0 when there is none */
    /* Set by apply_fingerprint_rules(). */
    std::vector<std::string> sent_fingerprint; /* what the client gave, when a rule has replaced it */
    std::string fingerprint_rule;        /* text of that rule */
    std::string rule_title;              /* the title that it gives */
};

/* More of a message is not looked at. */
inline constexpr std::size_t max_message_bytes = 8192;

/* Judges the frames of all stacks, by the built-in rules and then by those of the
 * project, if there are any, and chooses the main exception. The input keeps the rules. */
void mark_frames(GroupingInput &input, std::shared_ptr<const GroupingRules> rules = nullptr);

/* Puts the exceptions into the order that grouping and titles rely on. */
void order_exceptions(std::vector<Exception> &exceptions);

/* The first 16 bytes of SHA-256 over prefix, NUL, bytes. */
Hash hash_of(std::string_view prefix, std::string_view bytes);

/* Never empty. */
std::vector<GroupingHash> grouping_hashes(const GroupingInput &input);

/* By another version. Empty when fingerprint or checksum decide: they give the same hash
 * under every version. */
std::vector<GroupingHash> hashes_by_version(const GroupingInput &input, Algorithm algorithm);

/* Of the type of the error and the place nearest to the crash, under every version: what
 * agrees in it may be the same error, people are told so, and too many new issues that
 * agree in it are not made. Nothing is grouped by it. Without a frame that says something
 * it is of the type; nothing where there is neither. */
std::optional<Hash> loose_hash(const GroupingInput &input);

/* The hash of another version that has given an event to its issue. */
struct PreviousMatch {
    Algorithm algorithm = newest_algorithm;
    std::string_view hash;               /* in hex; empty: there was no need of one */
};

/* JSON: why the event has these hashes, the tree of what counts and what does not.
 * Shortened when it grows beyond 64 KB. */
std::string explain_grouping(const GroupingInput &input, const PreviousMatch &match = {});

std::string title_of(const GroupingInput &input);
std::string culprit_of(const GroupingInput &input);
std::string location_of(const GroupingInput &input);

/* The frames that an event is about: of its last exception, else the attached ones. */
const std::vector<Frame> &main_frames(const GroupingInput &input);

/* In the application and nearest to the crash, else nearest; null without frames. */
const Frame *crash_frame(const std::vector<Frame> &frames);

}

#endif
