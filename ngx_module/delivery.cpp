/*
 * Queue first, spool second.
 */

#include "ngx_module/delivery.hpp"

#include "worker/entry.hpp"

#include <string_view>
#include <utility>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Records of one entry. The worker reads so many entries at once. */
constexpr std::size_t most_records = 64;

/* Runs when the request ends before its report is kept. */
void let_go(void *data) noexcept
{
    static_cast<Delivery *>(data)->request = nullptr;
}

void finish(Delivery &delivery, bool kept, bool spooled)
{
    delivery.counted.reason = kept ? reason::none : reason::unavailable;
    delivery.counted.spooled = kept && spooled;
    process()->counters.add(delivery.counted);
    if (delivery.request != nullptr) {
        delivery.cleanup->handler = nullptr;
        answer_delivered(delivery.request, kept);
    }
}

void spool(const std::shared_ptr<Delivery> &delivery)
{
    std::optional<Spool> &spool = process()->spool;
    bool taken = spool
                 && (!delivery->unverified
                     || process()->unverified.spend(delivery->address,
                                                    delivery->meta.size() + delivery->body.size(),
                                                    ngx_time()))
                 && spool->put(std::move(delivery->meta), std::move(delivery->body),
                               delivery->unverified, [delivery](bool kept) {
                                   finish(*delivery, kept, true);
                               });
    if (!taken) {
        finish(*delivery, false, false);
    }
}

}

Delivery::~Delivery()
{
    if (process() != nullptr) {
        process()->shares.release(key, address, held);
        process()->buffers.give(std::move(meta));
        process()->buffers.give(std::move(body));
    }
}

void deliver(std::shared_ptr<Delivery> delivery)
{
    delivery->cleanup->handler = let_go;
    delivery->cleanup->data = delivery.get();
    // What the worker has to check first has its bounds in the spool alone.
    if (delivery->unverified || !process()->gate.open() || !process()->batch.add(delivery)) {
        spool(delivery);
    }
}

Batch::Batch(RedisLink &link, ngx_log_t *log) noexcept : link_(link), log_(log)
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
    if (!link_.prompt() || !link_.room_for(bytes_ + size)) {
        return false;
    }
    if (delivery->body.size() > large_body) {
        return call(link_, true, std::make_shared<Deliveries>(1, delivery));
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
    auto *batch = static_cast<Batch *>(ev->data);
    guarded(batch->log_, "queueing reports", [batch] {
        batch->send();
        return NGX_OK;
    });
}

void Batch::send()
{
    auto deliveries = std::make_shared<Deliveries>(std::exchange(deliveries_, {}));
    bytes_ = 0;
    if (!deliveries->empty() && !call(link_, false, deliveries)) {
        for (const std::shared_ptr<Delivery> &delivery : *deliveries) {
            spool(delivery);
        }
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
    return link.call(words, [deliveries](const redisReply *reply) {
        bool taken = reply != nullptr && reply->type == REDIS_REPLY_STRING;
        if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
            process()->link.complain(reply);
        }
        for (const std::shared_ptr<Delivery> &delivery : *deliveries) {
            if (taken) {
                finish(*delivery, true, false);
            } else {
                // Maybe Redis has it after all: the worker knows deliveries.
                spool(delivery);
            }
        }
    });
}

}
