/*
 * What the files of the ingest module share: its configuration and what belongs to a
 * worker process.
 */

#ifndef ERRTRACK_NGX_MODULE_EDGE_HPP
#define ERRTRACK_NGX_MODULE_EDGE_HPP

#include "ngx_module/batch.hpp"
#include "ngx_module/buffers.hpp"
#include "ngx_module/counters.hpp"
#include "ngx_module/ids.hpp"
#include "ngx_module/keys.hpp"
#include "ngx_module/ngx.hpp"
#include "ngx_module/quota.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/report.hpp"
#include "ngx_module/shares.hpp"
#include "ngx_module/suspects.hpp"
#include "ngx_module/spool.hpp"
#include "ngx_module/unverified.hpp"
#include "ngx_module/watch.hpp"
#include "ngx_module/zone.hpp"

#include <optional>

extern "C" ngx_module_t ngx_http_errtrack_ingest_module;

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Health : ngx_uint_t { none, live, ready };

struct MainConf {
    RedisAddress redis;
    SpoolSettings spool;
    BacklogLimits backlog;
    ngx_shm_zone_t *zone;
    ngx_cycle_t *cycle;             /* that the configuration belongs to */
    ngx_flag_t wanted;              /* some location takes reports or tells of them */
    ngx_int_t request_id;           /* index of $request_id; NGX_ERROR where nobody uses it */
};

struct LocConf {
    ngx_flag_t ingest;              /* unset where reports are not taken */
    ngx_array_t *tunnel_hosts;      /* of ngx_str_t; null: no tunnel */
    Health health;
    ngx_flag_t minidump;
    ngx_flag_t unverified;          /* keys that are not known here are taken too */
    size_t max_body_size;           /* as received */
    size_t max_envelope_size;       /* inflated */
    size_t max_event_size;          /* inflated: a store body, an event item */
    ngx_msec_t body_timeout;        /* for a whole body */
};

static_assert(std::is_trivially_destructible_v<MainConf>);
static_assert(std::is_trivially_destructible_v<LocConf>);

/* What belongs to the process: made when it starts, gone when it ends. */
struct Process {
    Ids ids;
    Buffers buffers;
    RedisLinks links;
    Counters counters;
    Quotas quotas;
    KeyLoader loader;
    BacklogGate gate;
    Batch batch;
    std::optional<Spool> spool;
    LedgerPublisher ledger;
    Shares shares;
    Suspects suspects;
    UnverifiedBudget unverified;
    Watch watch;

    Process(const MainConf &conf, ngx_cycle_t *cycle);
};

/* Null in processes that serve no requests. */
Process *process() noexcept;

inline const MainConf &main_conf(ngx_http_request_t *r) noexcept
{
    return *static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_errtrack_ingest_module));
}

inline const LocConf &loc_conf(ngx_http_request_t *r) noexcept
{
    return *static_cast<LocConf *>(
        ngx_http_get_module_loc_conf(r, ngx_http_errtrack_ingest_module));
}

/* Headers that nginx has no place for. */
struct OtherHeaders {
    std::string_view sentry_auth;
    std::string_view content_encoding;
    std::string_view origin;
    std::string_view traceparent;
};

/* One request on its way. Made in the pool of the request. */
struct Context {
    Report report;
    OtherHeaders others;
    Counted counted = {};
    bool settled = false;           /* counted, or somebody else does it */
    bool accepted = false;
    std::string_view reason;        /* of a refusal */
    ngx_msec_t started = 0;
    std::size_t held = 0;           /* bytes of the body that count against the buffer */
    std::uint64_t held_key = 0;     /* id of the key under which they are held; 0: not known */
    std::uint64_t address = 0;      /* hash of the client's address */

    Context(const Zone &zone, const ReportLimits &limits)
        : report(KeyZone(zone), process()->quotas, process()->ids, process()->buffers,
                 process()->suspects, limits) {}
    ~Context();
    void settle() noexcept;
    void release() noexcept;        /* what is held of the buffer */
};

inline Context *context_of(ngx_http_request_t *r) noexcept
{
    return static_cast<Context *>(ngx_http_get_module_ctx(r, ngx_http_errtrack_ingest_module));
}

/* The content handlers. */
ngx_int_t handle_report(ngx_http_request_t *r) noexcept;
ngx_int_t handle_metrics(ngx_http_request_t *r) noexcept;
ngx_int_t handle_health(ngx_http_request_t *r) noexcept;

/* $errtrack_* */
ngx_int_t add_variables(ngx_conf_t *cf) noexcept;

}

#endif
