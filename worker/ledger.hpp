/*
 * Books what the edges have counted (ngx_module/counters.hpp) into PostgreSQL. Counts
 * are absolute and only grow, and what they have grown by is found there: so it does no
 * harm to read one twice, after a restart or beside another worker.
 */

#ifndef ERRTRACK_WORKER_LEDGER_HPP
#define ERRTRACK_WORKER_LEDGER_HPP

#include "worker/redis.hpp"
#include "worker/store.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace errtrack {

class Ledger {
public:
    explicit Ledger(Store &store) : store_(store) {}

    /* Books some of what has changed since it was last read. False: there is more.
     * Throws StoreError and RedisError; what was not booked is then read again. */
    bool book(Redis &redis);

private:
    /* What is known of a hash: the score under which it was last read, and whether it has
     * to be read once more, since a hash and its score may be written one after the other. */
    struct Seen {
        std::string score;
        bool again = true;
    };
    using Hashes = std::unordered_map<std::string, Seen>;

    Store &store_;
    Hashes seen_;
    std::string stopped_at_;        /* the first hash for which there was no time */
};

}

#endif
