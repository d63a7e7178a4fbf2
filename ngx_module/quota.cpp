/*
 * The requests of this process that take tokens or wait for them, and the leases that
 * it has under way.
 *
 * A request is judged under one lock as long as the tokens are there. When they are not
 * it waits in the queue of the quota that lacks them, keeping what it has got so far. A
 * process has at most one lease for a quota under way; processes cannot wake each
 * other's requests, so each leases for its own. But only one process of this nginx at a
 * time leases a whole chunk, the others what they miss: many processes shall not hoard.
 */

#include "ngx_module/quota.hpp"

#include "ngx_module/counters.hpp"
#include "ngx_module/quota_table.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* A request that has waited so long for leases is judged without. */
constexpr ngx_msec_t wait_at_most = 1000;
/* Requests that are judged under one lock. */
constexpr std::size_t batch = 64;

constexpr std::uint8_t bit(Category category) noexcept
{
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(category));
}

std::string_view scope_name(Scope scope) noexcept
{
    return scope == Scope::key ? "key" : "project";
}

std::string counter_name(const QuotaName &name, std::uint32_t seconds, std::int64_t window)
{
    std::string text = "errtrack:quota:";
    text.append(scope_name(name.scope)).append(":").append(std::to_string(name.id)).append(":");
    text.append(category_names[static_cast<std::size_t>(name.category)]).append(":");
    return text.append(std::to_string(seconds)).append(":").append(std::to_string(window));
}

/* One of the quotas that a request counts against. */
struct Step {
    Category category;
    Scope scope;
};
constexpr std::uint8_t steps = 2 * categories;

constexpr Step step_at(std::uint8_t index) noexcept
{
    return {static_cast<Category>(index / 2), index % 2 == 0 ? Scope::key : Scope::project};
}

/* A lease that should be started: for wanted items, or for the chunk of a low quota. */
struct Wish {
    QuotaName name;
    std::uint64_t wanted;
};

/* How far a request has got. A value: most requests are through at the first go. */
class Taking {
public:
    Taking(const QuotaOwner &owner, const ItemCounts &counts) noexcept
        : owner_(owner), counts_(counts)
    {
    }

    /* False: it waits for tokens of missing(). Alone: without leases, so never false. */
    bool advance(OpenTable &table, bool alone) noexcept;

    const Decision &decision() const noexcept { return decision_; }
    QuotaName missing() const noexcept { return name_of(step_at(step_)); }
    std::uint64_t wanted() const noexcept { return count_of(step_at(step_)); }

    /* Leases that advance found to be due, beside the one for missing(). */
    const Wish *begin() const noexcept { return wishes_.data(); }
    const Wish *end() const noexcept { return wishes_.data() + wished_; }

private:
    /* Where tokens were taken. */
    struct Held {
        std::int64_t window;
        bool any;
    };
    using HeldPair = std::array<Held, 2>;

    QuotaName name_of(Step step) const noexcept
    {
        return {step.scope == Scope::key ? owner_.key : owner_.project, step.scope, step.category};
    }
    std::uint64_t count_of(Step step) const noexcept
    {
        return counts_[static_cast<std::size_t>(step.category)];
    }
    bool concerns(Step step) const noexcept
    {
        std::uint8_t limited = step.scope == Scope::key ? owner_.key_limited
                                                        : owner_.project_limited;
        return (limited & bit(step.category)) != 0 && count_of(step) > 0
               && (decision_.dropped & bit(step.category)) == 0;
    }
    void wish(const QuotaName &name, std::uint64_t wanted) noexcept
    {
        wishes_[wished_++] = {name, wanted};
    }
    void wish_for_the_rest(OpenTable &table) noexcept;
    void refuse(OpenTable &table, const QuotaSlot &slot, Step step) noexcept;
    void give_back(OpenTable &table, Category category, HeldPair &held, std::uint64_t n) noexcept;
    void settle_all(OpenTable &table) noexcept;

    QuotaOwner owner_;
    ItemCounts counts_;
    Decision decision_;
    std::uint8_t step_ = 0;
    std::uint8_t wished_ = 0;
    HeldPair held_{};               /* of the category of step_ */
    HeldPair held_all_{};
    std::array<Wish, steps> wishes_{};
};

bool Taking::advance(OpenTable &table, bool alone) noexcept
{
    wished_ = 0;
    for (; step_ < steps; step_++) {
        Step step = step_at(step_);
        QuotaSlot *slot = concerns(step) ? table.find(name_of(step)) : nullptr;
        if (slot != nullptr) {
            std::uint64_t n = count_of(step);
            Spending spending = alone ? slot->window.spend_alone(slot->limit, n)
                                      : slot->window.spend(slot->limit, n);
            if (spending == Spending::missing) {
                wish_for_the_rest(table);
                return false;
            }
            if (spending == Spending::refused) {
                refuse(table, *slot, step);
            } else {
                held_[static_cast<std::size_t>(step.scope)] = {slot->window.number, true};
                if (!alone && slot->window.low(slot->limit) && !slot->chunk_under_way()) {
                    wish(slot->name, 0);
                }
            }
        }
        if (step.scope == Scope::project) {
            if (step.category == Category::all) {
                held_all_ = held_;
            }
            held_ = {};
        }
        if ((decision_.dropped & bit(Category::all)) != 0) {
            return true;
        }
    }
    settle_all(table);
    return true;
}

/* What else is missing is asked for at the same time, so that the request waits once. */
void Taking::wish_for_the_rest(OpenTable &table) noexcept
{
    for (std::uint8_t later = step_ + 1; later < steps; later++) {
        Step step = step_at(later);
        QuotaSlot *slot = concerns(step) ? table.find(name_of(step)) : nullptr;
        std::uint64_t n = count_of(step);
        if (slot != nullptr && slot->window.judge(slot->limit, n) == Spending::missing) {
            wish(slot->name, n);
        }
    }
}

void Taking::refuse(OpenTable &table, const QuotaSlot &slot, Step step) noexcept
{
    give_back(table, step.category, held_, count_of(step));
    decision_.exhausted[decision_.used++] = {step.scope, step.category,
                                             table.seconds_left_of(slot)};
    decision_.dropped |= bit(step.category);
    if (step.category == Category::error) {
        decision_.dropped |= bit(Category::attachment);
    }
}

void Taking::give_back(OpenTable &table, Category category, HeldPair &held,
                       std::uint64_t n) noexcept
{
    for (Scope scope : {Scope::key, Scope::project}) {
        Held &from = held[static_cast<std::size_t>(scope)];
        QuotaSlot *slot = from.any ? table.find(name_of({category, scope})) : nullptr;
        if (slot != nullptr) {
            slot->window.give_back(from.window, n);
        }
        from = {};
    }
}

/* Items that are dropped do not count, and nothing left is everything refused. */
void Taking::settle_all(OpenTable &table) noexcept
{
    std::uint64_t dropped = 0;
    for (std::size_t i = 1; i < categories; i++) {
        if ((decision_.dropped & bit(static_cast<Category>(i))) != 0) {
            dropped += counts_[i];
        }
    }
    dropped = std::min<std::uint64_t>(dropped, counts_[0]);
    if (dropped == 0) {
        return;
    }
    give_back(table, Category::all, held_all_, dropped);
    if (dropped == counts_[0]) {
        decision_.dropped |= bit(Category::all);
    }
}

struct Waiter {
    Taking taking;
    std::function<void(const Decision &)> done;
    ngx_msec_t since;

    bool waited_enough() const noexcept { return ngx_current_msec - since >= wait_at_most; }
};
using WaiterPtr = std::unique_ptr<Waiter>;

struct Queue {
    std::vector<WaiterPtr> waiting;     /* in the order in which they came */
    bool leasing = false;
};

/* What has become of a lease. */
struct Answer {
    QuotaName name;
    Lease lease;
    bool whole;                 /* it was the chunk of this nginx */
    const redisReply *reply;    /* null: unknown */

    bool good() const noexcept { return reply != nullptr && reply->type == REDIS_REPLY_INTEGER; }

    /* How many tokens it gave. */
    std::uint64_t tell(OpenTable &table) const noexcept
    {
        QuotaSlot *slot = table.find(name);
        if (slot == nullptr) {
            return 0;
        }
        if (whole) {
            slot->chunk_since = 0;
        }
        if (!good()) {
            slot->window.fail_lease(lease);
            return 0;
        }
        auto value = static_cast<std::uint64_t>(std::max<long long>(reply->integer, 0));
        return slot->window.end_lease(slot->limit, lease, value);
    }
};

}

struct Quotas::Work {
    Work(QuotaZone quotas, RedisLink &link, ngx_log_t *log) noexcept
        : zone(quotas.zone()), link(link), log(log)
    {
    }

    bool redis_there() noexcept;
    bool lease(const QuotaName &name, std::uint64_t wanted);
    bool send(const QuotaName &name, std::uint32_t seconds, const Lease &lease, bool whole);
    void lease_wishes(const Taking &taking);
    void lease_for_waiting(const QuotaName &name);
    void on_lease(const Answer &answer);
    void resume(std::vector<WaiterPtr> waiters, const Answer *answer);

    Zone zone;
    RedisLink &link;
    ngx_log_t *log;
    std::unordered_map<QuotaName, Queue, HashName> queues;
    std::size_t in_flight = 0;
    bool met = false;           /* Redis was connected once, or could not be */
    bool complained = false;    /* about leases that Redis refuses */
};

/* Without Redis nobody waits; only a process that has just started waits for it to
 * be connected, as its other requests do. */
bool Quotas::Work::redis_there() noexcept
{
    met = met || link.connected();
    return met ? link.connected() : link.up();
}

/* False: no lease of this process is under way. */
bool Quotas::Work::lease(const QuotaName &name, std::uint64_t wanted)
{
    auto found = queues.find(name);
    if (found != queues.end() && found->second.leasing) {
        return true;
    }
    if (!redis_there()) {
        return false;
    }
    Lease lease;
    std::uint32_t seconds;
    bool whole;
    {
        OpenTable table(zone);
        QuotaSlot *slot = table.find(name);
        if (slot == nullptr) {
            return false;
        }
        whole = !slot->chunk_under_way();
        if (wanted == 0 && !(whole && slot->window.low(slot->limit))) {
            return false;               // another process was quicker
        }
        if (whole) {
            slot->chunk_since = ngx_current_msec;
        }
        lease = slot->window.begin_lease(slot->limit, wanted, whole);
        seconds = slot->seconds;
    }
    if (send(name, seconds, lease, whole)) {
        queues[name].leasing = true;
        return true;
    }
    OpenTable table(zone);
    Answer{name, lease, whole, nullptr}.tell(table);
    return false;
}

bool Quotas::Work::send(const QuotaName &name, std::uint32_t seconds, const Lease &lease,
                        bool whole)
{
    std::string counter = counter_name(name, seconds, lease.window);
    std::string amount = std::to_string(lease.size + lease.reported);
    std::string life = std::to_string(std::uint64_t{seconds} * 2 + 60);
    // Both or none: a counter that does not expire would stay for ever.
    std::string_view add = "INCRBY";
    std::string_view expire = "EXPIRE";
    if (!link.room_for(add.size() + expire.size() + 2 * counter.size() + amount.size()
                       + life.size())
        || !link.call({add, counter, amount}, [this, name, lease, whole](const redisReply *reply) {
               on_lease({name, lease, whole, reply});
           }))
    {
        return false;
    }
    in_flight++;
    link.call({expire, counter, life}, [](const redisReply *) {});
    return true;
}

void Quotas::Work::lease_wishes(const Taking &taking)
{
    for (const Wish &wish : taking) {
        lease(wish.name, wish.wanted);
    }
}

/* One lease for all that wait, unless one is under way. Without one they do not wait. */
void Quotas::Work::lease_for_waiting(const QuotaName &name)
{
    auto found = queues.find(name);
    if (found == queues.end() || found->second.leasing) {
        return;
    }
    std::uint64_t wanted = 0;
    for (const WaiterPtr &waiter : found->second.waiting) {
        wanted += waiter->taking.wanted();
    }
    if (!lease(name, wanted)) {
        std::vector<WaiterPtr> waiters = std::move(found->second.waiting);
        queues.erase(found);
        resume(std::move(waiters), nullptr);
    }
}

void Quotas::Work::on_lease(const Answer &answer)
{
    in_flight--;
    met = true;
    if (answer.reply != nullptr && answer.good() == complained) {
        complained = !answer.good();
        if (complained) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "redis refuses to lease quotas, nginx applies them alone: %s",
                          answer.reply->type == REDIS_REPLY_ERROR ? answer.reply->str
                                                                  : "unexpected reply");
        }
    }
    std::vector<WaiterPtr> waiters;
    auto found = queues.find(answer.name);
    if (found != queues.end()) {
        waiters = std::move(found->second.waiting);
        queues.erase(found);
    }
    resume(std::move(waiters), &answer);
}

/* Goes on with requests that waited, in order. Without a good answer they are judged
 * alone. The first of them get what the lease gave before others see it. */
void Quotas::Work::resume(std::vector<WaiterPtr> waiters, const Answer *answer)
{
    bool alone = answer == nullptr || !answer->good() || !redis_there();
    std::vector<bool> through(waiters.size());
    std::size_t i = 0;
    do {
        OpenTable table(zone);
        if (i == 0 && answer != nullptr) {
            Counters(zone).add_lease(answer->tell(table) > 0);
        }
        std::size_t end = std::min(i + batch, waiters.size());
        for (; i < end; i++) {
            Waiter &waiter = *waiters[i];
            through[i] = waiter.taking.advance(table, alone || waiter.waited_enough());
        }
    } while (i < waiters.size());

    std::vector<WaiterPtr> ready;
    std::vector<QuotaName> missing;
    for (i = 0; i < waiters.size(); i++) {
        lease_wishes(waiters[i]->taking);
        if (through[i]) {
            ready.push_back(std::move(waiters[i]));
            continue;
        }
        missing.push_back(waiters[i]->taking.missing());
        queues[missing.back()].waiting.push_back(std::move(waiters[i]));
    }
    for (const QuotaName &name : missing) {
        lease_for_waiting(name);
    }
    for (const WaiterPtr &waiter : ready) {
        waiter->done(waiter->taking.decision());
    }
}

Quotas::Quotas(QuotaZone zone, RedisLink &link, ngx_log_t *log)
    : work_(std::make_unique<Work>(zone, link, log))
{
}

Quotas::~Quotas() = default;

std::optional<Exhausted> Quotas::refused(const QuotaOwner &owner) noexcept
{
    std::optional<Exhausted> found;
    if (((owner.key_limited | owner.project_limited) & bit(Category::all)) == 0) {
        return found;
    }
    OpenTable table(work_->zone);
    auto look = [&](Scope scope, std::uint64_t id, std::uint8_t limited) {
        if ((limited & bit(Category::all)) == 0) {
            return;
        }
        QuotaSlot *slot = table.find({id, scope, Category::all});
        if (slot == nullptr || !slot->window.used_up(slot->limit)) {
            return;
        }
        std::uint32_t seconds = table.seconds_left_of(*slot);
        if (!found || found->seconds < seconds) {
            found = Exhausted{scope, Category::all, seconds};
        }
    };
    look(Scope::key, owner.key, owner.key_limited);
    look(Scope::project, owner.project, owner.project_limited);
    return found;
}

void Quotas::take(const QuotaOwner &owner, const ItemCounts &counts,
                  std::function<void(const Decision &)> done)
{
    if ((owner.key_limited | owner.project_limited) == 0) {
        done(Decision());
        return;
    }
    Taking taking(owner, counts);
    bool through;
    {
        bool alone = !work_->redis_there();
        OpenTable table(work_->zone);
        through = taking.advance(table, alone);
    }
    work_->lease_wishes(taking);
    if (through) {
        done(taking.decision());
        return;
    }
    QuotaName name = taking.missing();
    work_->queues[name].waiting.push_back(
        WaiterPtr(new Waiter{taking, std::move(done), ngx_current_msec}));
    work_->lease_for_waiting(name);
}

std::size_t Quotas::leasing() const noexcept
{
    return work_->in_flight;
}

}
