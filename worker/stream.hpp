/*
 * The worker's end of the queue: takes entries, and lets go of them when they are
 * filed. An entry is delivered at least once; who has it and did not finish is known
 * to Redis, and another worker claims it.
 */

#ifndef ERRTRACK_WORKER_STREAM_HPP
#define ERRTRACK_WORKER_STREAM_HPP

#include "worker/redis.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace errtrack {

struct QueueEntry {
    std::string stream;
    std::string id;
    long long deliveries = 1;       /* 1: nobody had it before */
    std::vector<std::pair<std::string, std::string>> fields;
};

struct EntryRef {
    std::string stream;
    std::string id;
};

class Stream {
public:
    /* consumer names this process within the group. */
    Stream(Redis &redis, std::string consumer);

    /* New entries: up to count of the usual stream and one large one. When there is none
     * it waits for one if it may, for a second at most: a signal does not interrupt
     * hiredis. */
    std::vector<QueueEntry> read(unsigned count, bool may_wait);

    /* Entries that were handed to this consumer and not finished: replies get lost
     * with the connection that they were meant for. To be asked after connecting. */
    std::vector<EntryRef> left_over();

    /* Entries that another worker took and did not finish within so many seconds.
     * They are this consumer's now, but not yet counted as handed out again. */
    std::vector<EntryRef> claim(unsigned idle_seconds);

    /* Hands one of those out again, and counts that. Nothing when it was finished
     * meanwhile. */
    std::optional<QueueEntry> retake(const EntryRef &ref);

    /* Puts each of these in the place of an entry that this consumer holds, at the end of
     * its stream, as if nobody had had them. All or nothing. False: Redis refuses, since
     * it is full. */
    bool replace(const EntryRef &ref, const std::vector<QueueEntry> &parts);

    /* Forgets that an entry was handed out: whoever claims it next starts anew. */
    void release(const EntryRef &ref);

    /* Takes consumers out of the group that are long gone and hold nothing. */
    void bury_consumers();

    /* Lets go of entries of one stream: they are filed. */
    void finish(const std::string &stream, const std::vector<std::string> &ids);

    /* Takes this consumer out of the group; what it still holds stays claimable. */
    void leave();

private:
    void make_groups();
    std::vector<QueueEntry> read_from(const std::vector<std::string> &streams, unsigned count,
                                      bool block);

    Redis &redis_;
    std::string consumer_;
    std::string events_;
    std::string large_;
};

}

#endif
