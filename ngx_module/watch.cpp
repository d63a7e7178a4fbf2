/*
 * The round of each second.
 */

#include "ngx_module/watch.hpp"

#include "worker/entry.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr ngx_msec_t round_every = 1000;

std::uint64_t number(const redisReply *reply) noexcept
{
    return reply != nullptr && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0
               ? static_cast<std::uint64_t>(reply->integer) : 0;
}

std::uint64_t state(const RedisLink &link) noexcept
{
    return link.connected() ? 2 : link.up() ? 1 : 0;
}

}

Watch::Watch(Zone zone, RedisLinks &links, const Quotas &quotas, Counters counters,
             const Shares &shares, ngx_log_t *log)
    : zone_(zone), links_(links), quotas_(quotas), counters_(counters), shares_(shares), log_(log)
{
    timer_owner_.fd = static_cast<ngx_socket_t>(-1);
    timer_owner_.data = this;
    timer_.data = &timer_owner_;
    timer_.log = log;
    timer_.handler = on_timer;
    timer_.cancelable = 1;
    ngx_add_timer(&timer_, 1);
}

Watch::~Watch()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

void Watch::on_timer(ngx_event_t *ev) noexcept
{
    auto *watch = static_cast<Watch *>(static_cast<ngx_connection_t *>(ev->data)->data);
    guarded(watch->log_, "watching the queue", [watch] {
        watch->show();
        watch->poll();
        return NGX_OK;
    });
    if (!ngx_exiting) {
        ngx_add_timer(ev, round_every);
    }
}

void Watch::show()
{
    const RedisLink &link = links_.main;
    counters_.set_gauges({std::min(state(link), state(links_.large)),
                          link.in_flight() + links_.large.in_flight(),
                          static_cast<std::uint64_t>(link.latency()) * 1000, quotas_.leasing(),
                          shares_.held()});
}

/* A Redis that is away tells nothing, and what it told before does not matter then. */
void Watch::poll()
{
    if (waiting_ > 0 || !links_.main.connected() || ngx_exiting) {
        return;
    }
    entries_ = 0;
    bytes_ = 0;
    auto take = [this](std::uint64_t &sum) {
        return [this, &sum](const redisReply *reply) {
            sum += number(reply);
            if (--waiting_ == 0) {
                zone_.state().backlog_entries = entries_;
                zone_.state().backlog_bytes = bytes_;
            }
        };
    };
    for (bool large : {false, true}) {
        std::string stream = stream_key(0, large);
        waiting_ += links_.main.call({"XLEN", stream}, take(entries_));
        waiting_ += links_.main.call({"MEMORY", "USAGE", stream}, take(bytes_));
    }
}

}
