/*
 * Which events are the same error, and what an error is called. Works on the parts of
 * an event that identify it, already converted and bounded; a hash is taken over
 * canonical bytes, so two servers and two runs always agree.
 *
 * Algorithm g1. Hashes of explicit fingerprints do not carry the algorithm's name:
 * they are the client's choice and outlive it.
 */

#ifndef ERRTRACK_WORKER_GROUPING_HPP
#define ERRTRACK_WORKER_GROUPING_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/event.hpp"

namespace errtrack {

inline constexpr std::string_view grouping_algorithm = "g1";

/* Frames and lists are ordered as in the payload: oldest first, the crash last. */
struct Frame {
    std::string function;
    std::string module;
    std::string filename;
    std::string abs_path;
    std::string package;
    std::string context_line;
    std::string platform;                /* never empty: the event's, if it has none */
    std::optional<bool> flag;            /* in_app as it was sent */
    bool in_app = false;                 /* set by decide_in_app() */
};

struct Exception {
    std::string type;
    std::string value;
    std::string ns_error;                /* domain and code */
    std::string thread_id;
    std::optional<std::int64_t> id;
    bool synthetic = false;              /* the SDK made the type up */
    std::vector<Frame> frames;
};

struct GroupingInput {
    std::string transaction;
    std::string level;
    std::string logger;
    std::string message_template;
    std::string message;                 /* formatted */
    std::string url;                     /* of the request */
    std::vector<Exception> exceptions;   /* the last one is the main one */
    std::vector<Frame> attached;         /* of the chosen thread or the event itself */
    bool attached_crashed = false;       /* that thread is the crashed one */
    std::string checksum;
    std::vector<std::string> fingerprint; /* normalised; empty is the default */
    std::vector<std::pair<std::string, std::string>> tags; /* of equal keys the first counts */
};

/* More of a message is not looked at. */
inline constexpr std::size_t max_message_bytes = 8192;

/* The first 16 bytes of SHA-256 over prefix, NUL, bytes. */
Hash hash_of(std::string_view prefix, std::string_view bytes);

/* Sets in_app of the frames of one stack. */
void decide_in_app(std::vector<Frame> &frames);

/* Puts the exceptions into the order that grouping and titles rely on. */
void order_exceptions(std::vector<Exception> &exceptions);

/* Never empty. */
std::vector<GroupingHash> grouping_hashes(const GroupingInput &input);

std::string title_of(const GroupingInput &input);
std::string culprit_of(const GroupingInput &input);

}

#endif
