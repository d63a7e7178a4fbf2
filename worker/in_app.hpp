/*
 * Which frames belong to the application, and which never tell one error from another:
 * libraries, SDKs and loggers, the machinery of throwing, the bases of threads.
 *
 * Rules: grouping reference, sections 4 and 15.
 */

#ifndef ERRTRACK_WORKER_IN_APP_HPP
#define ERRTRACK_WORKER_IN_APP_HPP

#include <string_view>
#include <vector>

#include "worker/grouping_frames.hpp"

namespace errtrack {

/* What the built-in rules say about a frame whose leaves are known. */
struct Judgement {
    bool library = false;
    bool bundle = false;                 /* a bundle of an application of Apple's systems */
    Noise noise = Noise::none;
    std::string_view rule;               /* empty: none has touched it */
};
Judgement judge(const Frame &frame);

/* Sets everything that mark_frames() is said to set, of the frames of one stack. */
void mark_by_defaults(std::vector<Frame> &frames);

/* Makes what lies beyond bases and throwing frames hard noise; after all rules. */
void spread_noise(std::vector<Frame> &frames);

}

#endif
