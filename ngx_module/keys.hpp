/*
 * The set of active client keys, in shared memory: every request is judged by it
 * without asking anybody. Filled from the projection in Redis (worker/entry.hpp),
 * whose generation each process polls; one of them then reads the set in steps.
 * While Redis is away, or its projection is missing, the last known set serves on.
 */

#ifndef ERRTRACK_NGX_MODULE_KEYS_HPP
#define ERRTRACK_NGX_MODULE_KEYS_HPP

#include "ngx_module/ngx.hpp"
#include "ngx_module/redis_link.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

struct KeyInfo {
    std::uint64_t id;
    std::uint64_t project;
};

/* Plain data in the zone; KeyZone is the only one who looks at it. */
struct KeyTable;

/* Lives in the configuration pool; a handle on the shared table. */
class KeyZone {
public:
    explicit KeyZone(ngx_shm_zone_t *zone) noexcept : zone_(zone) {}

    /* The zone's init handler: makes the table, or takes over the one of the cycle before. */
    static ngx_int_t init(ngx_shm_zone_t *zone, void *old) noexcept;

    std::optional<KeyInfo> find(std::string_view key) const noexcept;

    /* Whether the whole set is there. Until then nobody can be refused for good. */
    bool filled() const noexcept;
    std::string generation() const;

    /*
     * A load: begin takes the duty (false: another process has it), put adds or
     * changes a key (false: no room), finish drops what was not put and names the
     * generation (false: not yet, the next load may find room for the rest).
     * A load that never finishes loses the duty after a while and harms nothing.
     */
    bool begin_load(std::uint32_t &stamp) noexcept;
    bool put(std::uint32_t stamp, std::string_view key, const KeyInfo &info) noexcept;
    bool finish_load(std::uint32_t stamp, std::string_view generation, bool whole) noexcept;
    void abandon_load(std::uint32_t stamp) noexcept;

private:
    KeyTable *table() const noexcept;

    ngx_shm_zone_t *zone_;
};

/* Keeps the zone up to date. One for each process, beside its link. */
class KeyLoader {
public:
    KeyLoader(KeyZone zone, RedisLink &link, ngx_log_t *log);
    ~KeyLoader();
    KeyLoader(const KeyLoader &) = delete;
    KeyLoader &operator=(const KeyLoader &) = delete;

private:
    void poll();
    void on_generation(const redisReply *reply);
    void read_step(const std::string &cursor);
    void on_step(const redisReply *reply);
    void on_last_generation(const redisReply *reply);
    void put(const redisReply *key, const redisReply *value);
    void give_up();

    static void on_timer(ngx_event_t *ev) noexcept;

    KeyZone zone_;
    RedisLink &link_;
    ngx_log_t *log_;
    ngx_connection_t timer_owner_ = {};
    ngx_event_t timer_ = {};
    bool busy_ = false;             /* a poll or load of this process is under way */
    std::uint32_t stamp_ = 0;
    std::string loading_;           /* generation of the load under way */
    std::size_t loaded_ = 0;
    bool overflow_ = false;
    bool missing_logged_ = false;
};

}

#endif
