/*
 * Which PostgreSQL answers a call: the primary, or a replica of it for what only reads.
 *
 * The replica answers when it has replayed every change that this nginx has made, and lags
 * by no more than it may. Everything else goes to the primary, and so does what the replica
 * refuses: it may not know a token or an issue yet. When the primary is away, the replica
 * answers as well as it can.
 *
 * Knows neither nginx nor libpqxx.
 */

#ifndef ERRTRACK_NGX_MODULE_DATABASE_HPP
#define ERRTRACK_NGX_MODULE_DATABASE_HPP

#include "ngx_module/pg_task.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Whether a server is away. While it is, one call tries it every few seconds. */
class Outage {
public:
    bool may_try(std::int64_t now) noexcept;
    void began(std::int64_t now) noexcept;
    void ended() noexcept;

private:
    std::atomic<std::int64_t> retry_at_{0}; /* 0: it is there */
};

/*
 * In the memory that all processes of one nginx share: what one of them writes, a read in
 * another has to see. Zeros are a good beginning. Times are milliseconds of a clock that is
 * the same in all of them.
 */
struct ReplicaState {
    enum Condition : int { answers, away, lags };

    std::atomic<std::int64_t> position{0};   /* of the last change */
    std::atomic<std::int64_t> written_at{0}; /* when it was made */
    std::atomic<std::int64_t> blind_until{0}; /* the position of a change is not known */
    std::atomic<std::int64_t> lagging_since{0}; /* 0: it does not */
    Outage replica;
    Outage primary;
    std::atomic<int> condition{answers};     /* as last told */
};

class Database {
public:
    explicit Database(std::string_view primary);

    /* The state must live longer. */
    Database(std::string_view primary, std::string_view replica, std::int64_t lag_ms, ReplicaState *state);

    /* As PgPool::run(). */
    void run(SqlTask &task) noexcept;

private:
    void write(SqlTask &task) noexcept;
    void read(SqlTask &task) noexcept;
    bool ask_replica(SqlTask &task, Freshness freshness, std::int64_t now) noexcept;
    void ask_primary(SqlTask &task, std::int64_t now) noexcept;
    void tell(SqlTask &task, ReplicaState::Condition condition);

    PgPool primary_;
    std::unique_ptr<PgPool> replica_;    /* null: there is none, and no state */
    std::int64_t lag_ms_ = 0;
    ReplicaState *state_ = nullptr;
};

}

#endif
