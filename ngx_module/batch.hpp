/*
 * What one turn of the event loop accepts goes to Redis together, as one entry with a
 * record for each report (worker/entry.hpp): an entry costs Redis, and its answer costs
 * nginx, much the same whatever it holds. A report that comes alone is an entry of its
 * own, sent in the same turn: nothing waits for company. All records of an entry are
 * taken, or none is.
 */

#ifndef ERRTRACK_NGX_MODULE_BATCH_HPP
#define ERRTRACK_NGX_MODULE_BATCH_HPP

#include "ngx_module/redis_link.hpp"

#include <memory>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

struct Delivery;

/* One for each process. */
class Batch {
public:
    Batch(RedisLinks &links, ngx_log_t *log) noexcept;
    ~Batch();
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;

    /* False: Redis cannot take it now. True: the delivery is finished later. */
    bool add(const std::shared_ptr<Delivery> &delivery);

private:
    using Deliveries = std::vector<std::shared_ptr<Delivery>>;

    void send() noexcept;
    static bool call(RedisLink &link, bool large, const std::shared_ptr<Deliveries> &deliveries);
    static void on_turn(ngx_event_t *ev) noexcept;

    RedisLinks &links_;
    ngx_log_t *log_;
    ngx_event_t turn_ = {};             /* posted: runs when the turn ends */
    Deliveries deliveries_;
    size_t bytes_ = 0;
};

}

#endif
