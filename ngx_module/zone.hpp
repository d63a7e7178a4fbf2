/*
 * The shared memory of all processes of this nginx, and who owns which part of it:
 * client keys (keys.hpp), quotas (quota.hpp), counters (counters.hpp) and a few words
 * about the state of the edge. Made once; a reload takes it over, a new binary starts
 * with an empty one and the snapshot of the keys.
 */

#ifndef ERRTRACK_NGX_MODULE_ZONE_HPP
#define ERRTRACK_NGX_MODULE_ZONE_HPP

#include "ngx_module/ngx.hpp"

#include <atomic>
#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {

struct KeyTable;
struct QuotaTable;
struct CounterTable;

/*
 * Words that any process may read and write at any time. Times are milliseconds of
 * ngx_current_msec, which all processes of a machine share; 0 is never.
 */
struct EdgeState {
    char boot[33];                              /* 32 hex digits, made with the zone; terminated */
    std::atomic<std::uint64_t> keys_seen_at;    /* Redis confirmed the generation of the keys */
    std::atomic<std::int64_t> redis_ahead_ms;   /* Redis' clock minus ours */
    std::atomic<std::uint64_t> backlog_entries; /* in the streams, as last polled */
    std::atomic<std::uint64_t> backlog_bytes;
    std::atomic<std::int64_t> spool_bytes;      /* in segments, ours and others' */
    std::atomic<std::int64_t> spool_unverified_bytes;
    std::atomic<std::int64_t> spool_segments;
    std::atomic<std::int64_t> spool_oldest;     /* seconds since 1970; 0: no segment */
};

struct ZoneRoot {
    std::uint32_t layout;
    EdgeState state;
    KeyTable *keys;
    QuotaTable *quotas;
    CounterTable *counters;
};

/* Released at the end of the scope, whatever happens in it. */
class ZoneLock {
public:
    explicit ZoneLock(ngx_shmtx_t *mutex) noexcept : mutex_(mutex) { ngx_shmtx_lock(mutex_); }
    ~ZoneLock() { ngx_shmtx_unlock(mutex_); }
    ZoneLock(const ZoneLock &) = delete;
    ZoneLock &operator=(const ZoneLock &) = delete;

private:
    ngx_shmtx_t *mutex_;
};

/* A handle; lives in the configuration pool or by value. */
class Zone {
public:
    explicit Zone(ngx_shm_zone_t *zone) noexcept : zone_(zone) {}

    static constexpr std::size_t least_size = 1024 * 1024;

    /* The zone's init handler. */
    static ngx_int_t init(ngx_shm_zone_t *zone, void *old) noexcept;

    ZoneRoot &root() const noexcept
    {
        return *static_cast<ZoneRoot *>(pool()->data);
    }
    EdgeState &state() const noexcept { return root().state; }
    ngx_slab_pool_t *pool() const noexcept
    {
        return reinterpret_cast<ngx_slab_pool_t *>(zone_->shm.addr);
    }
    ngx_shmtx_t *mutex() const noexcept { return &pool()->mutex; }

private:
    ngx_shm_zone_t *zone_;
};

/*
 * Each makes its table in at most that many bytes of the slab; null when they do not
 * suffice. Called once, while the zone is made and nobody else sees it.
 */
KeyTable *make_key_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept;
QuotaTable *make_quota_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept;
CounterTable *make_counter_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept;

}

#endif
