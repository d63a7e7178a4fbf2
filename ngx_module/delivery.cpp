/*
 * Queue first, spool second.
 */

#include "ngx_module/delivery.hpp"

#include "worker/entry.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

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

/* False: not now. */
bool queue(const std::shared_ptr<Delivery> &delivery)
{
    RedisLink &link = process()->link;
    // What the worker has to check first has its bounds in the spool alone.
    if (delivery->unverified || !process()->gate.open() || !link.prompt()) {
        return false;
    }
    std::string stream = stream_key(0, delivery->body.size() > large_body);
    return link.call({"XADD", stream, "*", field_meta, delivery->meta, field_body, delivery->body},
                     [delivery](const redisReply *reply) {
                         if (reply != nullptr && reply->type == REDIS_REPLY_STRING) {
                             finish(*delivery, true, false);
                             return;
                         }
                         if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
                             process()->link.complain(reply);
                         }
                         // Maybe Redis has it after all: the worker knows deliveries.
                         spool(delivery);
                     });
}

}

Delivery::~Delivery()
{
    if (process() != nullptr) {
        process()->shares.release(key, address, held);
    }
}

void deliver(std::shared_ptr<Delivery> delivery)
{
    delivery->cleanup->handler = let_go;
    delivery->cleanup->data = delivery.get();
    if (!queue(delivery)) {
        spool(delivery);
    }
}

}
