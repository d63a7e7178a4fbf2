/*
 * Keeps accepted reports on disk while Redis cannot take them, and hands them over
 * when it can again.
 *
 * The folder holds append-only segments of at most 64 MB; a segment is written by one
 * process, which holds a lock (flock) on it. Writes are grouped: whatever waits is
 * written and fdatasynced together by the thread pool, then everybody is told. Any
 * process drains segments that nobody has locked, oldest first, at a bounded rate, and
 * removes them: after a restart, with fewer workers, from a process that was killed. A
 * torn tail is cut. What is drained twice is known by its delivery id.
 *
 * Records of clients whose key could not be checked lie in segments of their own, so
 * that their share can be bounded.
 */

#ifndef ERRTRACK_NGX_MODULE_SPOOL_HPP
#define ERRTRACK_NGX_MODULE_SPOOL_HPP

#include "ngx_module/redis_link.hpp"
#include "ngx_module/zone.hpp"

#include <functional>
#include <memory>
#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Lives in the configuration pool. */
struct SpoolSettings {
    ngx_str_t path;             /* absolute, terminated; empty: there is no spool */
    size_t size;                /* bytes of all segments together at most */
    size_t free;                /* bytes of the disk that stay free */
    ngx_thread_pool_t *threads;
};

/* One for each process. */
class Spool {
public:
    using Callback = std::function<void(bool kept)>;

    /* open is asked, often, whether anything may be drained now, because Redis has room for
     * it. It must not throw. */
    Spool(const SpoolSettings &settings, Zone zone, RedisLinks &links, ngx_log_t *log,
          std::function<bool()> open);
    /* Waits for writes under way, then lets go of the segments; nothing is lost. */
    ~Spool();
    Spool(const Spool &) = delete;
    Spool &operator=(const Spool &) = delete;

    /* Whether a record of this size could be kept now, as far as is known. */
    bool room_for(size_t bytes, bool unverified) const noexcept;

    /*
     * Keeps a record (worker/entry.hpp: m and b). False: it cannot be kept, and done was
     * dropped. True: done runs exactly once on the event loop: true when the record is on
     * the disk for good. It must not throw.
     */
    bool put(std::string meta, std::string body, bool unverified, Callback done);

    /* Whether anything is being written or drained by this process. */
    bool busy() const noexcept;

private:
    struct Work;
    std::unique_ptr<Work> work_;
};

}

#endif
