/*
 * Who is to be erased, in every form in which filing has kept it. Pure.
 */

#ifndef ERRTRACK_WORKER_ADMIN_ERASE_PERSON_HPP
#define ERRTRACK_WORKER_ADMIN_ERASE_PERSON_HPP

#include "worker/admin_options.hpp"
#include "worker/event.hpp"

#include <string>
#include <vector>

namespace errtrack {

struct Person {
    std::string called;                 /* what kind of identity it is, for people */
    std::vector<Hash> user_hashes;      /* of users of events */
    std::string json;                   /* as sql/api/015_erasure.sql describes it */
};

/* Throws Failure when the options name nobody, or more than one. */
Person person_of(const Options &options);

}

#endif
