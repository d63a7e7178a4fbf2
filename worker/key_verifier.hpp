/*
 * Asks GitLab about client keys that nobody here knows, and about those that it vouched for
 * before. What it says becomes a client key, or ends one; the requests that waited for it go
 * back into the queue. While it is away the last answers hold. Of several workers one does
 * it, in a thread of its own, and asks ten times a second at most.
 */

#ifndef ERRTRACK_WORKER_KEY_VERIFIER_HPP
#define ERRTRACK_WORKER_KEY_VERIFIER_HPP

#include "worker/gitlab.hpp"
#include "worker/metrics.hpp"
#include "worker/redis.hpp"
#include "worker/store.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

namespace errtrack {

class KeyVerifier {
public:
    /* Begins at once. Throws GitlabSettingsError. */
    KeyVerifier(std::string conninfo, const RedisSettings &redis, const GitlabSettings &gitlab,
                const WebClientSettings &web, Metrics &metrics);

    /* Waits for the question that is under way, which it interrupts. */
    ~KeyVerifier() = default;

private:
    void run(const std::stop_token &stop);
    void turn(const std::stop_token &stop);
    void release();

    const RedisSettings redis_settings_;
    Metrics &metrics_;
    Store store_;                       /* this and the next are the thread's */
    Gitlab gitlab_;
    std::unique_ptr<Redis> redis_;
    bool answered_ = false;             /* GitLab has, since the process began */
    std::set<std::int64_t> foreign_;    /* projects whose id another one has here, as was told */
    std::string complaint_;             /* the last; it is not repeated */
    std::mutex mutex_;
    std::condition_variable_any woken_;
    std::jthread thread_;               /* last: it ends before the others go */
};

}

#endif
