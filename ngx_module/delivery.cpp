/*
 * Queue first, spool second.
 */

#include "ngx_module/delivery.hpp"

#include "worker/entry.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Records of one entry at most. */
constexpr std::size_t most_records = 64;

/* Runs when the request ends before its report is kept. */
void let_go(void *data) noexcept
{
    static_cast<Delivery *>(data)->request = nullptr;
}

void finish(Delivery &delivery, bool kept, bool spooled) noexcept
{
    delivery.pending = false;
    const Refusal *refused = kept               ? nullptr
                             : delivery.in_doubt ? &refusal::unconfirmed
                                                 : &refusal::unavailable;
    delivery.counted.reason = kept ? reason::none : refused->reason;
    delivery.counted.spooled = kept && spooled;
    process()->counters.add(delivery.counted);
    if (ngx_http_request_t *r = std::exchange(delivery.request, nullptr)) {
        delivery.cleanup->handler = nullptr;
        answer_delivered(r, refused);
    }
}

void spool(const std::shared_ptr<Delivery> &delivery)
{
    std::optional<Spool> &spool = process()->spool;
    bool taken = spool
                 && spool->put(std::move(delivery->meta), std::move(delivery->body),
                               delivery->unverified, [delivery](bool kept) {
                                   finish(*delivery, kept, true);
                               });
    if (!taken) {
        finish(*delivery, false, false);
    }
}

/* What cannot be spooled for want of memory is refused when the last one lets go of it. */
void spool_all(const std::vector<std::shared_ptr<Delivery>> &deliveries) noexcept
{
    for (const std::shared_ptr<Delivery> &delivery : deliveries) {
        guarded(ngx_cycle->log, "spooling reports", [&] {
            spool(delivery);
            return NGX_OK;
        });
    }
}

}

Delivery::~Delivery()
{
    if (process() != nullptr) {
        if (pending) {
            finish(*this, false, false);
        }
        process()->shares.release(key, address, held);
        process()->buffers.give(std::move(meta));
        process()->buffers.give(std::move(body));
    }
}

void deliver(std::shared_ptr<Delivery> delivery, ngx_http_request_t *r,
             ngx_http_cleanup_t *cleanup) noexcept
{
    delivery->pending = true;
    delivery->request = r;
    delivery->cleanup = cleanup;
    cleanup->handler = let_go;
    cleanup->data = delivery.get();
    guarded(ngx_cycle->log, "queueing a report", [&] {
        if (delivery->unverified
            && !process()->unverified.spend(delivery->address, delivery->meta.size() + delivery->body.size(),
                                            ngx_time()))
        {
            finish(*delivery, false, false);
        } else if (!delivery->queued || !process()->gate.open() || !process()->batch.add(delivery)) {
            spool(delivery);
        }
        return NGX_OK;
    });
}

Batch::Batch(RedisLinks &links, ngx_log_t *log) noexcept : links_(links), log_(log)
{
    turn_.handler = on_turn;
    turn_.data = this;
    turn_.log = log;
}

Batch::~Batch()
{
    if (turn_.posted) {
        ngx_delete_posted_event(&turn_);
    }
}

bool Batch::add(const std::shared_ptr<Delivery> &delivery)
{
    std::size_t size = delivery->meta.size() + delivery->body.size();
    bool large = delivery->body.size() > large_body;
    RedisLink &link = links_.of(large);
    if (!link.prompt() || !link.room_for((large ? 0 : bytes_) + size)) {
        return false;
    }
    if (large) {
        return call(link, true, std::make_shared<Deliveries>(1, delivery));
    }
    if (bytes_ + size > large_body || deliveries_.size() == most_records) {
        send();
    }
    deliveries_.push_back(delivery);
    bytes_ += size;
    ngx_post_event(&turn_, &ngx_posted_events);
    return true;
}

void Batch::on_turn(ngx_event_t *ev) noexcept
{
    static_cast<Batch *>(ev->data)->send();
}

/* Nobody waits for a batch but the reports in it: whatever happens, they get an answer. */
void Batch::send() noexcept
{
    Deliveries taken = std::exchange(deliveries_, {});
    bytes_ = 0;
    if (taken.empty()) {
        return;
    }
    bool sent = false;
    guarded(log_, "queueing reports", [&] {
        sent = call(links_.main, false, std::make_shared<Deliveries>(taken));
        return NGX_OK;
    });
    if (!sent) {
        spool_all(taken);
    }
}

bool Batch::call(RedisLink &link, bool large, const std::shared_ptr<Deliveries> &deliveries)
{
    static const std::string streams[] = {stream_key(0, false), stream_key(0, true)};
    std::vector<std::string_view> words = {"XADD", streams[large], "*"};
    words.reserve(words.size() + 4 * deliveries->size());
    for (const std::shared_ptr<Delivery> &delivery : *deliveries) {
        words.insert(words.end(), {field_meta, delivery->meta, field_body, delivery->body});
    }
    return link.call(words, [&link, deliveries](const redisReply *reply) {
        bool taken = reply != nullptr && reply->type == REDIS_REPLY_STRING;
        if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
            link.complain(reply);
        }
        if (!taken) {
            // Without a reply Redis may have them after all: the worker knows deliveries.
            for (const std::shared_ptr<Delivery> &delivery : *deliveries) {
                delivery->in_doubt = reply == nullptr;
            }
            spool_all(*deliveries);
            return;
        }
        for (const std::shared_ptr<Delivery> &delivery : *deliveries) {
            finish(*delivery, true, false);
        }
    });
}

}
