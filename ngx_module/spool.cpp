/*
 * The event loop's part of the spool: what waits to be written, and what is handed over
 * to Redis. Everything that touches files runs in the thread pool (spool_disk.hpp), at
 * most one write and one piece of reading at a time.
 */

#include "ngx_module/spool.hpp"

#include "ngx_module/spool_disk.hpp"
#include "ngx_module/thread_job.hpp"
#include "worker/entry.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::size_t most_waiting = 32 * 1024 * 1024;  /* bytes in memory for the disk */
constexpr ngx_msec_t after_failure = 1000;
constexpr ngx_msec_t longest_pause = 32000;
constexpr ngx_msec_t seal_after = 1000;
constexpr ngx_msec_t scan_every = 1000;
constexpr ngx_msec_t tick_idle = 200;
constexpr ngx_msec_t tick_draining = 20;
constexpr std::size_t sends_per_tick = 100;             /* so 5,000 records a second */
constexpr std::size_t most_in_flight = 64;              /* of one chunk: about a megabyte */
constexpr ngx_msec_t hold_for = 60000;

bool leaving() noexcept
{
    return ngx_exiting || ngx_quit || ngx_terminate;
}

/* The first at once, then at most one line a second with how many there were. */
class Complaint {
public:
    void log(ngx_log_t *log, std::size_t reports, const std::string &why) noexcept
    {
        reports_ += reports;
        if (ngx_time() == at_) {
            return;
        }
        at_ = ngx_time();
        ngx_log_error(NGX_LOG_CRIT, log, 0, "spool: %uz report(s) refused: %s", reports_,
                      why.c_str());
        reports_ = 0;
    }

private:
    time_t at_ = 0;
    std::size_t reports_ = 0;
};

ngx_event_t timer(ngx_connection_t &owner, ngx_log_t *log, ngx_event_handler_pt handler) noexcept
{
    ngx_event_t ev = {};
    ev.data = &owner;
    ev.log = log;
    ev.handler = handler;
    return ev;
}

/* ---- writing --------------------------------------------------------------------- */

class Intake {
public:
    Intake(const SpoolSettings &settings, SpoolBudget &budget, ngx_log_t *log)
        : budget_(budget), log_(log), folder_(view(settings.path)), keep_free_(settings.free),
          writers_{{{folder_, keep_free_, false, budget}, {folder_, keep_free_, true, budget}}},
          job_(settings.threads, log)
    {
        timer_owner_.fd = static_cast<ngx_socket_t>(-1);
        timer_owner_.data = this;
        hold_ = timer(timer_owner_, log, on_hold);
    }
    ~Intake()
    {
        if (hold_.timer_set) {
            ngx_del_timer(&hold_);
        }
    }
    Intake(const Intake &) = delete;
    Intake &operator=(const Intake &) = delete;

    bool room_for(std::size_t bytes, bool unverified) const noexcept;
    bool put(SpoolRecord record, Spool::Callback done);
    bool busy() const noexcept { return job_.running(); }

    /* As a scan of the folder found it. */
    void set_free(std::uint64_t bytes) noexcept { free_ = bytes; }

    /* Whether it has had a segment open for a while without writing to it. */
    bool idle() const noexcept
    {
        return open_ && !job_.running() && ngx_current_msec - wrote_at_ >= seal_after;
    }
    void seal();

private:
    struct Waiting {
        SpoolRecord record;
        Spool::Callback done;

        std::size_t size() const noexcept { return record_size(record.meta, record.body); }
    };

    bool write();
    void write_in_thread();
    void written();

    static void on_hold(ngx_event_t *ev) noexcept;

    SpoolBudget &budget_;
    ngx_log_t *log_;
    const std::string folder_;
    const std::uint64_t keep_free_;
    ngx_connection_t timer_owner_ = {};
    ngx_event_t hold_ = {};             /* ordinary: what waits holds a process that quits */
    std::vector<Waiting> waiting_;
    std::size_t bytes_[2] = {};         /* waiting and being written: verified, unverified */
    ngx_msec_t blocked_until_[2] = {};
    std::uint64_t free_ = std::numeric_limits<std::uint64_t>::max();
    ngx_msec_t wrote_at_ = 0;
    bool open_ = false;                 /* there may be a segment to seal */
    Complaint complaint_;

    /* The thread's, while the job runs. */
    std::vector<Waiting> batch_;
    std::array<SegmentWriter, 2> writers_;
    std::string why_[2];
    std::uint64_t seen_free_ = 0;
    ThreadJob job_;
};

bool Intake::room_for(std::size_t bytes, bool unverified) const noexcept
{
    std::size_t waiting = bytes_[0] + bytes_[1];
    if (bytes > largest_record || ngx_current_msec < blocked_until_[unverified]
        || (waiting > 0 && waiting + bytes > most_waiting))
    {
        return false;
    }
    bytes += record_header_size;
    return waiting + bytes <= free_
           && budget_.room_for(waiting + bytes, unverified ? bytes_[1] + bytes : 0);
}

bool Intake::put(SpoolRecord record, Spool::Callback done)
{
    Waiting waiting = {std::move(record), std::move(done)};
    std::size_t size = waiting.size();
    bool unverified = waiting.record.unverified;
    if (!room_for(size - record_header_size, unverified)) {
        return false;
    }
    waiting_.push_back(std::move(waiting));
    bytes_[unverified] += size;
    if (!job_.running() && !write()) {
        waiting_.clear();               // nothing else waits while none is running
        bytes_[unverified] -= size;
        return false;
    }
    if (!hold_.timer_set) {
        ngx_add_timer(&hold_, hold_for);
    }
    return true;
}

/* Everything that waits, in one go. */
bool Intake::write()
{
    batch_.swap(waiting_);
    if (!job_.start([this] { write_in_thread(); }, [this] { written(); })) {
        batch_.swap(waiting_);
        return false;
    }
    open_ = true;
    return true;
}

void Intake::write_in_thread()
{
    for (bool unverified : {false, true}) {
        std::vector<SpoolRecord *> records;
        for (Waiting &waiting : batch_) {
            if (waiting.record.unverified == unverified) {
                records.push_back(&waiting.record);
            }
        }
        why_[unverified] = writers_[unverified].append(records);
    }
    seen_free_ = free_bytes(folder_, keep_free_);
}

/* Also when nothing was written, but something came to wait. */
void Intake::written()
{
    std::vector<Waiting> batch = std::move(batch_);
    batch_.clear();
    wrote_at_ = ngx_current_msec;
    free_ = seen_free_;
    std::size_t refused[2] = {};
    for (const Waiting &waiting : batch) {
        bytes_[waiting.record.unverified] -= waiting.size();
        refused[waiting.record.unverified] += waiting.record.kept ? 0 : 1;
    }
    for (bool unverified : {false, true}) {
        if (refused[unverified] > 0) {
            blocked_until_[unverified] = ngx_current_msec + after_failure;
            complaint_.log(log_, refused[unverified], why_[unverified]);
        }
    }
    if (!waiting_.empty() && !write()) {
        for (Waiting &waiting : waiting_) {
            bytes_[waiting.record.unverified] -= waiting.size();
            batch.push_back(std::move(waiting));
        }
        complaint_.log(log_, waiting_.size(), "the thread pool is full");
        waiting_.clear();
    }
    // Whoever is told may put more, and may end the last request of a process that quits.
    if (!job_.running() && hold_.timer_set) {
        ngx_del_timer(&hold_);
    }
    for (Waiting &waiting : batch) {
        waiting.done(waiting.record.kept);
    }
}

void Intake::seal()
{
    open_ = !job_.start([this] { writers_[0].seal(); writers_[1].seal(); }, [this] {
        if (!waiting_.empty()) {
            written();
        }
    });
}

void Intake::on_hold(ngx_event_t *ev) noexcept
{
    ngx_add_timer(ev, hold_for);
}

/* ---- draining -------------------------------------------------------------------- */

class Drain {
public:
    Drain(const SpoolSettings &settings, EdgeState &state, RedisLinks &links, SpoolBudget &budget,
          Intake &intake, ngx_log_t *log, std::function<bool()> open)
        : state_(state), links_(links), budget_(budget), intake_(intake), log_(log),
          folder_(view(settings.path)), keep_free_(settings.free), open_(std::move(open)),
          job_(settings.threads, log)
    {}
    Drain(const Drain &) = delete;
    Drain &operator=(const Drain &) = delete;

    void tick();

    /* A segment is being drained. */
    bool active() const noexcept { return active_; }

    /* The last look found nothing that could be drained, and could have drained it. */
    bool nothing_left() const noexcept { return nothing_left_ && allowed(); }

private:
    bool allowed() const
    {
        return !leaving() && links_.main.connected() && ngx_current_msec >= resume_at_ && open_();
    }
    void look();
    void looked(bool wanted);
    void go_on();
    void send();
    bool send_one(std::size_t index);
    void on_reply(std::size_t index, const redisReply *reply);
    void finish();
    void finished();
    void let_go();

    EdgeState &state_;
    RedisLinks &links_;
    SpoolBudget &budget_;
    Intake &intake_;
    ngx_log_t *log_;
    const std::string folder_;
    const std::uint64_t keep_free_;
    const std::function<bool()> open_;
    bool was_connected_ = false;
    bool active_ = false;
    bool nothing_left_ = false;
    ngx_msec_t looked_at_ = 0;
    ngx_msec_t resume_at_ = 0;
    ngx_msec_t pause_ = after_failure;
    ngx_uint_t segment_ = 0;                /* number of the present one: older replies are late */
    std::size_t next_ = 0;                  /* records of the chunk that were sent once */
    std::vector<std::size_t> again_;        /* of these, what was not taken */
    std::size_t in_flight_ = 0;
    std::size_t taken_ = 0;                 /* records of the chunk that Redis has */
    std::size_t taken_of_segment_ = 0;
    std::size_t sent_in_tick_ = 0;
    bool refused_ = false;                  /* the last one */
    time_t logged_at_ = 0;

    /* The thread's, while the job runs. */
    SpoolScan scan_;
    std::uint64_t seen_free_ = 0;
    std::vector<std::string> skipped_;      /* drained, but they cannot be removed */
    std::unique_ptr<SegmentReader> reader_;
    std::shared_ptr<SegmentReader::Chunk> chunk_ = std::make_shared<SegmentReader::Chunk>();
    std::string why_;
    ThreadJob job_;
};

void Drain::tick()
{
    bool came_up = links_.main.connected() && !was_connected_;
    was_connected_ = links_.main.connected();
    sent_in_tick_ = 0;
    if (job_.running()) {
        return;
    }
    if (leaving()) {
        let_go();
    } else if (active_) {
        go_on();
    } else if (came_up || looked_at_ == 0 || ngx_current_msec - looked_at_ >= scan_every) {
        look();
    }
}

/* Counts what there is, also while nothing can be drained. */
void Drain::look()
{
    looked_at_ = ngx_current_msec;
    bool wanted = allowed();
    job_.start(
        [this, wanted] {
            scan_ = scan_spool(folder_);
            seen_free_ = free_bytes(folder_, keep_free_);
            if (wanted) {
                reader_ = open_oldest(folder_, scan_, skipped_);
            }
        },
        [this, wanted] { looked(wanted); });
}

void Drain::looked(bool wanted)
{
    if (!scan_.error.empty()) {
        if (ngx_time() - logged_at_ >= 60) {
            logged_at_ = ngx_time();
            ngx_log_error(NGX_LOG_ERR, log_, 0, "spool: %s", scan_.error.c_str());
        }
    } else {
        state_.spool_bytes = scan_.bytes;
        state_.spool_unverified_bytes = scan_.unverified_bytes;
        state_.spool_segments = static_cast<std::int64_t>(scan_.segments.size());
        state_.spool_oldest = scan_.oldest;
    }
    intake_.set_free(seen_free_);
    active_ = reader_ != nullptr;
    nothing_left_ = wanted && !active_;
    taken_of_segment_ = 0;
    if (active_) {
        go_on();
    }
}

/* The next step of a segment. */
void Drain::go_on()
{
    if (taken_ < chunk_->records.size()) {
        send();
    } else if (in_flight_ > 0 || job_.running()) {
        return;
    } else if (chunk_->last) {
        finish();
    } else if (allowed()) {
        job_.start([this] { reader_->read(*chunk_); },
                   [this] {
                       next_ = 0;
                       taken_ = 0;
                       go_on();
                   });
    }
}

void Drain::send()
{
    // After a refusal one is enough to see whether it is over.
    while (in_flight_ < (refused_ ? 1 : most_in_flight) && sent_in_tick_ < sends_per_tick
           && allowed())
    {
        std::size_t index = next_;
        if (!again_.empty()) {
            index = again_.back();
            again_.pop_back();
        } else if (next_ < chunk_->records.size()) {
            next_++;
        } else {
            return;
        }
        if (!send_one(index)) {
            again_.push_back(index);
            return;
        }
        in_flight_++;
        sent_in_tick_++;
    }
}

bool Drain::send_one(std::size_t index)
{
    const RecordView &record = chunk_->records[index];
    bool large = record.body.size() > large_body;
    RedisLink &link = links_.of(large);
    std::string stream = stream_key(0, large);
    // The link reads a large one until it has the reply: the chunk stays until then.
    bool sent = link.call(
        {"XADD", stream, "*", field_meta, record.meta, field_body, record.body},
        [this, &link, index, chunk = chunk_, segment = segment_](const redisReply *reply) {
            if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
                link.complain(reply);
            }
            if (segment == segment_) {
                on_reply(index, reply);
            }
        });
    if (!sent && link.connected() && link.in_flight() == 0) {
        resume_at_ = ngx_current_msec + after_failure;
        ngx_log_error(NGX_LOG_CRIT, log_, 0,
                      "spool: a report of %uz bytes does not fit into \"errtrack_redis_buffer\"",
                      record.meta.size() + record.body.size());
    }
    return sent;
}

void Drain::on_reply(std::size_t index, const redisReply *reply)
{
    in_flight_--;
    if (reply != nullptr && reply->type == REDIS_REPLY_STRING) {
        taken_++;
        taken_of_segment_++;
        refused_ = false;
        pause_ = after_failure;
    } else {
        // Without a reply nobody knows: the worker knows what it gets twice.
        again_.push_back(index);
        refused_ = true;
        if (reply == nullptr && ngx_current_msec >= resume_at_) {
            // A report that takes too long to send costs all on its link: ever less often.
            resume_at_ = ngx_current_msec + pause_;
            pause_ = std::min(pause_ * 2, longest_pause);
        } else if (reply != nullptr) {
            resume_at_ = ngx_current_msec + after_failure;
        }
    }
    go_on();
}

void Drain::finish()
{
    job_.start([this] { why_ = reader_->finish(budget_); }, [this] { finished(); });
}

void Drain::finished()
{
    const std::string &path = reader_->path();
    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "spool: %uz report(s) of %s handed to redis",
                  taken_of_segment_, path.c_str());
    if (!reader_->damage().empty()) {
        ngx_log_error(NGX_LOG_CRIT, log_, 0, "spool: %s is damaged and kept aside: %s",
                      path.c_str(), reader_->damage().c_str());
    }
    if (!why_.empty()) {
        ngx_log_error(NGX_LOG_CRIT, log_, 0, "spool: %s", why_.c_str());
        skipped_.push_back(path);
    }
    let_go();
    look();
}

/* What was not handed over is drained by another process, from its start. */
void Drain::let_go()
{
    segment_++;
    active_ = false;
    reader_.reset();
    chunk_ = std::make_shared<SegmentReader::Chunk>();
    again_.clear();
    next_ = 0;
    taken_ = 0;
    in_flight_ = 0;
}

}

/* ---- the spool of this process --------------------------------------------------- */

struct Spool::Work {
    Work(const SpoolSettings &settings, Zone zone, RedisLinks &links, ngx_log_t *log_,
         std::function<bool()> open)
        : log(log_),
          budget(zone.state().spool_bytes, zone.state().spool_unverified_bytes, settings.size),
          intake(settings, budget, log),
          drain(settings, zone.state(), links, budget, intake, log, std::move(open))
    {
        timer_owner.fd = static_cast<ngx_socket_t>(-1);
        timer_owner.data = this;
        clock = timer(timer_owner, log, on_tick);
        clock.cancelable = 1;
        ngx_add_timer(&clock, 1);
    }
    ~Work()
    {
        if (clock.timer_set) {
            ngx_del_timer(&clock);
        }
    }

    void tick()
    {
        drain.tick();
        // Not while others wait to be drained: an outage should not leave many small files.
        if (intake.idle() && (leaving() || drain.nothing_left())) {
            intake.seal();
        }
    }

    static void on_tick(ngx_event_t *ev) noexcept
    {
        auto *work = static_cast<Work *>(static_cast<ngx_connection_t *>(ev->data)->data);
        guarded(work->log, "draining the spool", [work] {
            work->tick();
            return NGX_OK;
        });
        ngx_add_timer(ev, work->drain.active() ? tick_draining : tick_idle);
    }

    ngx_log_t *log;
    SpoolBudget budget;
    Intake intake;
    Drain drain;
    ngx_connection_t timer_owner = {};
    ngx_event_t clock = {};
};

Spool::Spool(const SpoolSettings &settings, Zone zone, RedisLinks &links, ngx_log_t *log,
             std::function<bool()> open)
{
    if (settings.path.len > 0) {
        work_ = std::make_unique<Work>(settings, zone, links, log, std::move(open));
    }
}

Spool::~Spool() = default;

bool Spool::room_for(size_t bytes, bool unverified) const noexcept
{
    return work_ != nullptr && work_->intake.room_for(bytes, unverified);
}

bool Spool::put(std::string meta, std::string body, bool unverified, Callback done)
{
    return work_ != nullptr
           && work_->intake.put({std::move(meta), std::move(body), unverified}, std::move(done));
}

bool Spool::busy() const noexcept
{
    return work_ != nullptr && (work_->intake.busy() || work_->drain.active());
}

}
