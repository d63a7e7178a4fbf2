/*
 * A look at the queue for "errtrack status": how much waits in Redis and
 * whether the projection of the keys is there. Reads only.
 */

#ifndef ERRTRACK_WORKER_ADMIN_QUEUE_HPP
#define ERRTRACK_WORKER_ADMIN_QUEUE_HPP

#include <string>

namespace errtrack {

/* Numbers as text, for they are only shown; empty where there is nothing to
 * tell (no consumer group yet, no projection). */
struct QueueStatus {
    std::string events_waiting;
    std::string events_pending;
    std::string large_waiting;
    std::string large_pending;
    std::string keys_generation;
};

/* address: host:port, [address]:port or unix:/path; password_file may be empty.
 * Throws Failure. */
QueueStatus read_queue_status(const std::string &address, const std::string &password_file);

}

#endif
