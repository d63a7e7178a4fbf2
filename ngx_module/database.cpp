#include "ngx_module/database.hpp"

#include <chrono>
#include <limits>
#include <utility>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

/* How often a server that is away is tried. One call at a time waits for it. */
constexpr std::int64_t retry_interval = 5000;

/*
 * A replica of a primary that has been idle looks old for a moment when something comes.
 * One that lags does so for longer.
 */
constexpr std::int64_t lag_is_told_after = 1000;

/* Better than nothing. */
constexpr Freshness anything = {0, std::numeric_limits<double>::infinity()};

/* The monotonic clock of the machine, in milliseconds. */
std::int64_t now_ms() noexcept
{
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

bool is_refusal(const SqlAnswer &answer)
{
    return answer.end == SqlEnd::refused || (answer.end == SqlEnd::answered && answer.status >= 400);
}

static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "processes share them");

}

bool Outage::may_try(std::int64_t now) noexcept
{
    std::int64_t at = retry_at_.load();
    return at == 0 || (now >= at && retry_at_.compare_exchange_strong(at, now + retry_interval));
}

void Outage::began(std::int64_t now) noexcept
{
    retry_at_.store(now + retry_interval);
}

void Outage::ended() noexcept
{
    retry_at_.store(0);
}

Database::Database(std::string_view primary) : primary_(primary, PgPool::Server::primary) {}

Database::Database(std::string_view primary, std::string_view replica, std::int64_t lag_ms, ReplicaState *state)
    : primary_(primary, PgPool::Server::primary),
      replica_(std::make_unique<PgPool>(replica, PgPool::Server::replica)),
      lag_ms_(lag_ms),
      state_(state)
{
}

void Database::run(SqlTask &task) noexcept
{
    if (!replica_) {
        primary_.run(task);
    } else if (task.call.read_only) {
        read(task);
    } else {
        write(task);
    }
}

/* What the replica must have replayed is known before the client learns of the change. */
void Database::write(SqlTask &task) noexcept
{
    task.call.wants_position = true;
    primary_.run(task);
    task.call.wants_position = false;
    const std::int64_t now = now_ms();
    if (task.answer.end != SqlEnd::unavailable) {
        state_->primary.ended();
    }
    if (task.answer.end == SqlEnd::refused) {
        return;
    }
    if (!task.answer.position) {
        /* It may have been made for all that is known. */
        state_->blind_until.store(now + lag_ms_);
        return;
    }
    /* Older ones than the lag allows do not count: the log of a primary that was made anew begins anew. */
    const std::int64_t written = *task.answer.position;
    std::int64_t known = state_->position.load();
    while ((written > known || state_->written_at.load() + lag_ms_ < now)
           && !state_->position.compare_exchange_weak(known, written))
    {
    }
    state_->written_at.store(now);
}

/* Once, whichever process comes first. */
void Database::tell(SqlTask &task, ReplicaState::Condition condition)
{
    if (state_->condition.exchange(condition) != condition) {
        task.notice = condition == ReplicaState::answers
            ? "the replica answers what only reads again"
            : "the primary answers what only reads, since the replica does not: " + task.answer.problem;
    }
}

/* Whether that is the end of it. */
bool Database::ask_replica(SqlTask &task, Freshness freshness, std::int64_t now) noexcept
try {
    task.call.freshness = freshness;
    replica_->run(task);
    SqlAnswer &answer = task.answer;
    if (answer.end == SqlEnd::unavailable || (answer.end == SqlEnd::timed_out && task.interrupted())) {
        state_->replica.began(now);
        tell(task, ReplicaState::away);
        return answer.end == SqlEnd::timed_out;
    }
    state_->replica.ended();
    if (answer.end == SqlEnd::lagging) {
        std::int64_t since = 0;
        if (!state_->lagging_since.compare_exchange_strong(since, now) && now - since >= lag_is_told_after) {
            tell(task, ReplicaState::lags);
        }
        return false;
    }
    if (answer.end == SqlEnd::timed_out) {
        return true;
    }
    if (answer.end != SqlEnd::answered || is_refusal(answer)) {
        return false;
    }
    if (freshness.lag_seconds != anything.lag_seconds) {
        state_->lagging_since.store(0);
        tell(task, ReplicaState::answers);
    }
    if (state_->primary.may_try(now) && !primary_.note_use(task)) {
        state_->primary.began(now);
    }
    return true;
} catch (...) {
    task.answer.end = SqlEnd::failed;
    return false;
}

void Database::ask_primary(SqlTask &task, std::int64_t now) noexcept
{
    if (!state_->primary.may_try(now)) {
        task.answer.end = SqlEnd::unavailable;
        task.answer.problem = "the primary is away";
        return;
    }
    primary_.run(task);
    if (task.answer.end == SqlEnd::unavailable) {
        state_->primary.began(now);
    } else {
        state_->primary.ended();
    }
}

void Database::read(SqlTask &task) noexcept
{
    const std::int64_t now = now_ms();
    const bool blind = now < state_->blind_until.load();
    const bool recent = now <= state_->written_at.load() + lag_ms_;
    const Freshness wanted = {recent ? state_->position.load() : 0, static_cast<double>(lag_ms_) / 1000};
    const bool may_ask = state_->replica.may_try(now);
    if (may_ask && !blind && ask_replica(task, wanted, now)) {
        return;
    }
    SqlAnswer of_replica = std::exchange(task.answer, SqlAnswer());
    ask_primary(task, now);
    if (task.answer.end == SqlEnd::unavailable) {
        SqlAnswer of_primary = std::exchange(task.answer, SqlAnswer());
        if (is_refusal(of_replica)) {
            task.answer = std::move(of_replica);
        } else if (!may_ask || of_replica.end == SqlEnd::unavailable
                   || (!ask_replica(task, anything, now) && !is_refusal(task.answer)))
        {
            task.answer = std::move(of_primary);
        }
    }
}

}
