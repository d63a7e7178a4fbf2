/*
 * One process has the duty: it keeps it by putting a time stamp in the zone forward, and
 * loses it when it does not. What it sends is the state of the table, so that sending
 * it again, or by another process, does no harm; a slot counts as published only when
 * Redis has acknowledged all commands that went with it.
 */

#include "ngx_module/counter_table.hpp"
#include "ngx_module/counters.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr ngx_msec_t publish_every = 1000;

/* Longer than the timer is late in a process that is only busy. */
constexpr std::uint64_t duty_ms = 5000;

/*
 * After a connection was lost Redis may have forgotten what it acknowledged, or may
 * still find old commands in the socket of a process that has given them up. When that
 * is over all is sent once more.
 */
constexpr std::uint64_t again_after_ms = 10000;

/* A process that is to end at once has a second: then nginx kills it. */
constexpr ngx_msec_t finish_ms = 250;

constexpr std::string_view set_key = "errtrack:ledger";
constexpr std::string_view expire_seconds = "172800";
constexpr std::size_t fields_a_command = 1000;

std::uint64_t wall_ms() noexcept
{
    ngx_time_t *now = ngx_timeofday();
    return static_cast<std::uint64_t>(now->sec) * 1000 + now->msec;
}

}

struct LedgerPublisher::Work {
    Work(Counters counters, RedisLink &link, const std::string &edge, ngx_log_t *log);
    ~Work();
    Work(const Work &) = delete;
    Work &operator=(const Work &) = delete;

    static void on_timer(ngx_event_t *ev) noexcept;
    bool have_duty() noexcept;
    void publish();
    void finish();
    bool send_hour(const LedgerTable::Field *first, std::size_t count);
    bool send(const std::vector<std::string_view> &words);
    void on_answer(const redisReply *reply);
    std::uint64_t hour() const noexcept { return static_cast<std::uint64_t>(ngx_time()) / 3600; }

    CounterTable &table;
    RedisLink &link;
    const std::string name;             /* "{edge}:{boot}" */
    ngx_log_t *log;
    ngx_connection_t timer_owner = {};
    ngx_event_t timer = {};
    std::uint64_t duty = 0;             /* the stamp that we have set; 0: none */
    ngx_uint_t connections = 0;         /* of the link, when it was last looked at */
    LedgerTable::Batch batch;           /* that is being published */
    std::size_t unanswered = 0;
    bool failed = false;                /* some of it */
};

LedgerPublisher::Work::Work(Counters counters, RedisLink &redis, const std::string &edge, ngx_log_t *l)
    : table(*counters.zone_.root().counters), link(redis),
      name(edge_name(edge) + ":" + counters.zone_.state().boot), log(l)
{
    timer_owner.fd = static_cast<ngx_socket_t>(-1);
    timer_owner.data = this;
    timer.data = &timer_owner;
    timer.log = log;
    timer.handler = on_timer;
    timer.cancelable = 1;
    ngx_add_timer(&timer, publish_every);
}

/* Another process need not wait until the duty has run out. */
LedgerPublisher::Work::~Work()
{
    if (timer.timer_set) {
        ngx_del_timer(&timer);
    }
    if (duty != 0) {
        table.ledger_duty.compare_exchange_strong(duty, 0);
    }
}

void LedgerPublisher::Work::on_timer(ngx_event_t *ev) noexcept
{
    auto *work = static_cast<Work *>(static_cast<ngx_connection_t *>(ev->data)->data);
    ngx_add_timer(&work->timer, publish_every);
    guarded(work->log, "publishing the ledger", [work] {
        if (work->have_duty() && work->unanswered == 0) {
            work->publish();
        }
        return NGX_OK;
    });
}

/* Takes the duty when it is free, and keeps it. A process without Redis leaves it to
 * those that have it. */
bool LedgerPublisher::Work::have_duty() noexcept
{
    if (!link.connected() && unanswered == 0) {
        if (duty != 0) {
            table.ledger_duty.compare_exchange_strong(duty, 0);
            duty = 0;
        }
        return false;
    }
    std::uint64_t now = ngx_current_msec;
    std::uint64_t stamp = table.ledger_duty.load();
    if (stamp != duty && stamp > now && stamp - now <= duty_ms) {
        duty = 0;
        return false;
    }
    bool taken = table.ledger_duty.compare_exchange_strong(stamp, now + duty_ms);
    duty = taken ? now + duty_ms : 0;
    return taken;
}

void LedgerPublisher::Work::publish()
{
    if (!link.connected()) {
        return;
    }
    std::uint64_t now = ngx_current_msec;
    if (link.connections() != connections) {
        connections = link.connections();
        table.ledger_again_at.store(now + again_after_ms);
    }
    std::uint64_t again_at = table.ledger_again_at.load();
    if (again_at != 0 && again_at <= now
        && table.ledger_again_at.compare_exchange_strong(again_at, 0))
    {
        table.ledger.forget_published();
    }
    batch = table.ledger.collect(hour());
    const std::vector<LedgerTable::Field> &fields = batch.fields;
    if (fields.empty()) {
        return;
    }
    // Also when an exception comes in between. Answers come later, on the event loop.
    failed = true;
    bool sent = true;
    for (std::size_t from = 0, to; from < fields.size(); from = to) {
        for (to = from; to < fields.size() && fields[to].hour == fields[from].hour; to++) {
        }
        sent = send_hour(&fields[from], to - from) && sent;
    }
    failed = !sent;
}

/* Another process may have the duty: one that ends too gives it up soon, and one that stays
 * publishes for us. */
void LedgerPublisher::Work::finish()
{
    link.settle(finish_ms);
    ngx_msec_t began = ngx_current_msec;
    while (unanswered > 0 || !have_duty()) {
        if (!link.connected() || ngx_current_msec - began >= finish_ms) {
            return;
        }
        ngx_msleep(5);
        ngx_time_update();
    }
    publish();
    link.settle(finish_ms);
}

/* False: some of it was not taken. */
bool LedgerPublisher::Work::send_hour(const LedgerTable::Field *first, std::size_t count)
{
    std::string member = std::to_string(first->hour) + ":" + name;
    std::string key = std::string(set_key) + ":" + member;
    for (std::size_t from = 0; from < count; from += fields_a_command) {
        std::size_t to = std::min(count, from + fields_a_command);
        std::vector<std::string> texts;
        texts.reserve(2 * (to - from));         // views into it must stay good
        std::vector<std::string_view> words = {"HSET", key};
        for (std::size_t i = from; i < to; i++) {
            const LedgerTable::Field &field = first[i];
            words.push_back(texts.emplace_back(std::to_string(field.project)
                                               .append(" ")
                                               .append(reason_words[field.reason])));
            words.push_back(texts.emplace_back(std::to_string(field.value)));
        }
        if (!send(words)) {
            return false;
        }
    }
    // The score last: whoever sees it finds what it announces.
    return send({"EXPIRE", key, expire_seconds})
           && send({"ZADD", set_key, std::to_string(wall_ms()), member});
}

bool LedgerPublisher::Work::send(const std::vector<std::string_view> &words)
{
    // The destructor need not wait for answers: the link is closed next, and drops them.
    bool sent = link.call(words, [this](const redisReply *reply) { on_answer(reply); });
    unanswered += sent;
    return sent;
}

void LedgerPublisher::Work::on_answer(const redisReply *reply)
{
    if (reply == nullptr) {
        failed = true;
        table.ledger_again_at.store(ngx_current_msec + again_after_ms);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        if (!failed) {
            link.complain(reply);
        }
        failed = true;
    }
    if (--unanswered > 0) {
        return;
    }
    // Not if another process has taken over in between: it sends its own.
    if (!failed && have_duty()) {
        table.ledger.published(batch, hour());
    }
    batch = {};
}

LedgerPublisher::LedgerPublisher(Counters counters, RedisLink &link, const std::string &edge,
                                 ngx_log_t *log)
    : work_(std::make_unique<Work>(counters, link, edge, log))
{
}

LedgerPublisher::~LedgerPublisher() = default;

void LedgerPublisher::finish() noexcept
{
    guarded(work_->log, "publishing the ledger", [this] {
        work_->finish();
        return NGX_OK;
    });
}

}
