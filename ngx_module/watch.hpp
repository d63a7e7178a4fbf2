/*
 * What a process looks after each second: how long the queue has become, and what the
 * metrics show of the process itself.
 */

#ifndef ERRTRACK_NGX_MODULE_WATCH_HPP
#define ERRTRACK_NGX_MODULE_WATCH_HPP

#include "ngx_module/counters.hpp"
#include "ngx_module/quota.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/shares.hpp"
#include "ngx_module/zone.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

/* Past either the queue takes no more, and reports go to the spool. */
struct BacklogLimits {
    ngx_uint_t entries;
    size_t bytes;
};

/* Whether the queue may grow, as last polled by any process. */
class BacklogGate {
public:
    BacklogGate(const BacklogLimits &limits, Zone zone) noexcept : limits_(limits), zone_(zone) {}

    bool open() const noexcept
    {
        return zone_.state().backlog_entries < limits_.entries
               && zone_.state().backlog_bytes < limits_.bytes;
    }

private:
    const BacklogLimits limits_;
    Zone zone_;
};

class Watch {
public:
    Watch(Zone zone, RedisLinks &links, const Quotas &quotas, Counters counters,
          const Shares &shares, ngx_log_t *log);
    ~Watch();
    Watch(const Watch &) = delete;
    Watch &operator=(const Watch &) = delete;

private:
    void poll();
    void show();

    static void on_timer(ngx_event_t *ev) noexcept;

    Zone zone_;
    RedisLinks &links_;
    const Quotas &quotas_;
    Counters counters_;
    const Shares &shares_;
    ngx_log_t *log_;
    ngx_connection_t timer_owner_ = {};
    ngx_event_t timer_ = {};
    std::uint64_t entries_ = 0;         /* of the streams that have answered in this round */
    std::uint64_t bytes_ = 0;
    unsigned waiting_ = 0;              /* for answers of this round */
};

}

#endif
