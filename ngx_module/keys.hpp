/*
 * The set of active client keys, in shared memory: every request is judged by it
 * without asking anybody. Filled from the projection in Redis (worker/entry.hpp),
 * whose generation each process polls; one of them then reads the set in steps.
 * While Redis is away, or its projection is missing, the last known set serves on.
 */

#ifndef ERRTRACK_NGX_MODULE_KEYS_HPP
#define ERRTRACK_NGX_MODULE_KEYS_HPP

#include "ngx_module/ngx.hpp"
#include "ngx_module/quota.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/rules.hpp"
#include "ngx_module/zone.hpp"

#include <jansson.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

struct KeyInfo {
    QuotaOwner owner;           /* ids of key and project, and which quotas they have */
    std::string_view rules;     /* of the project (rules.hpp); into the buffer of find */
};

/* Takes a copy of the rules of a project, which may change at any time. */
using RulesBuffer = std::array<char, max_rules>;

/* Lives in the configuration pool; a handle on the shared table. */
class KeyZone {
public:
    explicit KeyZone(Zone zone) noexcept : zone_(zone) {}

    /* One lock, two look-ups, no allocation. */
    std::optional<KeyInfo> find(std::string_view key, RulesBuffer &buffer) const noexcept;

    /* Whether a whole set is there, of Redis or of a snapshot. */
    bool filled() const noexcept;

    /*
     * Whether a key that is not in the set may exist all the same: there is no set, or
     * for more than three seconds Redis has not confirmed that the set is the newest.
     */
    bool stale() const noexcept;

    std::string generation() const;
    std::size_t size() const noexcept;      /* keys */

    /*
     * A load: begin takes the duty (false: another process has it), put adds or
     * changes a key or the settings of a project (false: no room), finish drops what was
     * not put and names the generation (false: not yet, the next load may find room for
     * the rest). A load that never finishes loses the duty after a while and harms nothing.
     */
    bool begin_load(std::uint32_t &stamp) noexcept;
    bool put_key(std::uint32_t stamp, std::string_view key, const QuotaOwner &owner) noexcept;
    bool put_project(std::uint32_t stamp, std::uint64_t project, std::uint8_t limited,
                     std::string_view rules) noexcept;
    bool finish_load(std::uint32_t stamp, std::string_view generation, bool whole) noexcept;
    void abandon_load(std::uint32_t stamp) noexcept;
    /* A sign of life; false: another process has taken the duty meanwhile. */
    bool keep_load(std::uint32_t stamp) noexcept;

    /* Redis has said that the set is the newest. */
    void confirm() noexcept;

    Zone zone() const noexcept { return zone_; }

private:
    Zone zone_;
};

/*
 * Keeps the zone up to date. One for each process, beside its link. With a snapshot
 * path (absolute, terminated; empty: none) the set is written there by the thread pool
 * after each load, and read from there when a process starts and finds no set.
 */
class KeyLoader {
public:
    KeyLoader(KeyZone zone, RedisLink &link, ngx_str_t snapshot, ngx_thread_pool_t *threads,
              ngx_log_t *log);
    ~KeyLoader();
    KeyLoader(const KeyLoader &) = delete;
    KeyLoader &operator=(const KeyLoader &) = delete;

private:
    struct SnapshotWrite;

    template <class Body>
    void step(Body body);

    void poll();
    void on_time(const redisReply *reply) noexcept;
    void on_generation(const redisReply *reply);
    void read_step(const std::string &cursor);
    void on_step(const redisReply *reply);
    void on_last_generation(const redisReply *reply);
    bool begin(std::string_view generation);
    bool put(std::string_view name, std::string_view json);
    bool put_key(std::string_view key, json_t *info);
    void put_project(std::uint64_t project, std::string_view json, json_t *info);
    std::uint8_t put_limits(Scope scope, std::uint64_t id, json_t *info);
    bool finish(std::string_view generation);
    void give_up();

    std::size_t most_snapshot() const noexcept;
    void restore();
    void restore_fields(std::string_view text);
    void save();

    static void on_timer(ngx_event_t *ev) noexcept;
    static void on_saved(ngx_event_t *ev) noexcept;

    KeyZone zone_;
    RedisLink &link_;
    std::string path_;              /* of the snapshot; empty: none */
    ngx_thread_pool_t *threads_;
    ngx_log_t *log_;
    ngx_connection_t timer_owner_ = {};
    ngx_event_t timer_ = {};
    bool missing_logged_ = false;

    /* The load under way. */
    bool busy_ = false;             /* a poll or load of this process is under way */
    std::uint32_t stamp_ = 0;
    std::string generation_;
    std::string text_;              /* the snapshot of it, as far as it has been read */
    std::size_t loaded_ = 0;
    unsigned bad_ = 0;              /* settings that cannot be used */
    bool overflow_ = false;

    /* The snapshot that waits to be written, of this generation; empty: none does. */
    std::string waiting_;
    std::string waiting_generation_;
    std::shared_ptr<SnapshotWrite> writing_;
    ngx_msec_t written_at_ = 0;     /* 0: never */
    bool save_failed_ = false;      /* the last one could not be written */
    bool no_file_ = false;          /* there is a set, but no snapshot of it */
};

}

#endif
