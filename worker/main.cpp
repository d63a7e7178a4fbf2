/*
 * errtrack-worker: takes accepted reports from the queue and files them in
 * PostgreSQL. One thread; to go faster, start more processes: the consumer group
 * shares the work.
 *
 *     claim what others dropped, or read a batch
 *     read the records into events and outcomes
 *     file them in one transaction, try again while the database is away
 *     acknowledge
 *
 * Nothing is acknowledged before its commit. A crash in between delivers the entry
 * again, and its delivery id tells that it was filed.
 */

#include "worker/grouping.hpp"
#include "worker/ledger.hpp"
#include "worker/projection.hpp"
#include "worker/record.hpp"
#include "worker/store.hpp"
#include "worker/stream.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <thread>

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::atomic<bool> stopping{false};

void on_signal(int) noexcept
{
    stopping = true;
}

struct Settings {
    std::string database;
    RedisSettings redis;
    unsigned batch = 500;
    unsigned claim_after = 30;
    unsigned retention = 90;
    std::size_t attachment_bytes = attachment_bytes_default;
    std::string log_level = "info";
};

constexpr std::size_t batch_bytes = 8 * 1024 * 1024;

/* Longer than a read blocks. */
constexpr int redis_patience = 10;

/* An entry that was handed out so often ends workers, and is not looked at again. */
constexpr long long most_deliveries = 5;

std::int64_t wall_clock()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/* Waits longer each time, and says once why it waits and once that it is over. */
class Patience {
public:
    explicit Patience(const char *what) : what_(what) {}

    void wait(const std::string &why)
    {
        if (why != why_) {
            spdlog::error("{}: {}, retrying", what_, why);
            why_ = why;
        }
        delay_ = std::clamp(delay_ * 2, std::chrono::milliseconds(50),
                            std::chrono::milliseconds(1000));
        std::this_thread::sleep_for(delay_);
    }

    void over()
    {
        if (delay_ != 0ms) {
            spdlog::info("{}: back", what_);
        }
        delay_ = 0ms;
        why_.clear();
    }

private:
    const char *what_;
    std::string why_;
    std::chrono::milliseconds delay_ = 0ms;
};

class Worker {
public:
    explicit Worker(const Settings &settings)
        : settings_(settings), store_(settings.database), projection_(store_), ledger_(store_)
    {
        char host[256] = "";
        gethostname(host, sizeof(host) - 1);
        consumer_ = std::string(host) + ":" + std::to_string(getpid());
    }

    void run()
    {
        Patience patience("queue");
        while (!stopping) {
            try {
                if (!redis_) {
                    redis_ = std::make_unique<Redis>(settings_.redis, redis_patience);
                    stream_.emplace(*redis_, consumer_);
                    again_ = stream_->left_over();
                    patience.over();
                    announce();
                }
                // Entries are taken only while the database is there: whoever takes
                // one and stops leaves it to be handed out again.
                if (keep_house()) {
                    work();
                }
            } catch (const RedisError &e) {
                stream_.reset();
                redis_.reset();
                patience.wait(e.what());
            }
        }
        leave();
    }

private:
    void announce()
    {
        if (!std::exchange(announced_, true)) {
            spdlog::info("ready: {} reads the queue", consumer_);
        }
    }

    /* What has to be done now and then. False: the database is away, and the queue
     * fills meanwhile. Other trouble here must not keep reports from being filed. */
    bool keep_house()
    {
        try {
            chore(keys_due_, 0s, 1s, "projecting the client keys",
                  [this] { projection_.refresh(*redis_); });
            chore(partitions_due_, 1h, 1min, "keeping the partitions", [this] {
                store_.make_partitions();
                store_.drop_partitions(settings_.retention);
                stream_->bury_consumers();
            });
            chore(ledger_due_, 5s, 1min, "booking what edges count", [this] {
                if (!ledger_.book(*redis_)) {
                    ledger_due_ = Clock::now();
                }
            });
            // In short turns between batches, until there is no more.
            chore(purge_due_, 10min, 1min, "purging deleted projects", [this] {
                if (!store_.purge()) {
                    purge_due_ = Clock::now();
                }
            });
            database_.over();
            return true;
        } catch (const StoreError &e) {
            database_.wait(e.what());
            return false;
        }
    }

    template <class Body>
    void chore(Clock::time_point &due, std::chrono::seconds every, std::chrono::seconds retry,
               const char *what, Body body)
    {
        if (Clock::now() < due) {
            return;
        }
        due = Clock::now() + every;
        std::string why;
        try {
            body();
            return;
        } catch (const StoreError &e) {
            if (e.kind == StoreError::Kind::down) {
                due = {};
                throw;
            }
            why = e.what();
        } catch (const RedisRefusal &e) {
            why = e.what();
        }
        spdlog::warn("{}: {}, trying again in {} s", what, why, retry.count());
        due = Clock::now() + retry;
    }

    void work()
    {
        if (again_.empty() && Clock::now() >= claim_due_) {
            again_ = stream_->claim(settings_.claim_after);
            claim_due_ = Clock::now() + std::chrono::seconds(settings_.claim_after) / 2;
        }
        // What was not finished before goes one by one: what ends workers is then
        // alone, and ends as a dead letter.
        while (!again_.empty() && !stopping) {
            EntryRef ref = std::move(again_.back());
            again_.pop_back();
            if (std::optional<QueueEntry> entry = stream_->retake(ref)) {
                handle({std::move(*entry)});
            }
        }
        if (!stopping) {
            handle(stream_->read(settings_.batch));
        }
    }

    /* Records that are filed in one transaction, and the entries that are done with it. */
    struct Batch {
        std::vector<Filing> filings;
        std::size_t bytes = 0;
        std::vector<const QueueEntry *> done;
    };

    /* Files entries in transactions of bounded size, and lets go of them. */
    void handle(const std::vector<QueueEntry> &entries)
    {
        Batch batch;
        for (const QueueEntry &entry : entries) {
            bool several = count_records(entry) > 1;
            Reading reading = several && entry.deliveries > 1 ? Reading::unclear
                                                              : read_entry(entry, batch);
            switch (reading) {
            case Reading::done:
                batch.done.push_back(&entry);
                break;
            case Reading::unclear:
                take_apart(entry);
                break;
            case Reading::not_ours:
                stream_->release({entry.stream, entry.id});
                break;
            case Reading::kept:
                break;
            }
        }
        finish(batch);
    }

    /* False: it is not filed, because the process is to stop: others will claim it. */
    bool finish(Batch &batch)
    {
        Batch ended = std::exchange(batch, {});
        if (!file(ended.filings)) {
            return false;
        }
        std::map<std::string, std::vector<std::string>> ids;
        for (const QueueEntry *entry : ended.done) {
            ids[entry->stream].push_back(entry->id);
        }
        for (const auto &[stream, finished] : ids) {
            stream_->finish(stream, finished);
        }
        return true;
    }

    /*
     * Gives each record of an entry an entry of its own, so that what is wrong with one
     * of them is counted against that one. A Redis that is full does not take them: then
     * each is filed in a transaction of its own, as long as that has not ended too many
     * workers.
     */
    void take_apart(const QueueEntry &entry)
    {
        std::vector<QueueEntry> parts = parts_of(entry);
        if (stream_->replace({entry.stream, entry.id}, parts)) {
            spdlog::warn("entry {} of {} is now {} entries, one for each of its records",
                         entry.id, entry.stream, parts.size());
            return;
        }
        if (entry.deliveries > most_deliveries) {
            spdlog::error("entry {} of {} was handed out {} times and waits until Redis has "
                          "room to take it apart", entry.id, entry.stream, entry.deliveries);
            return;
        }
        bool all = true;
        for (const QueueEntry &part : parts) {
            Batch alone;
            all = read_entry(part, alone) == Reading::done && finish(alone) && all;
        }
        if (all) {
            stream_->finish(entry.stream, {entry.id});
        }
    }

    enum class Reading {
        done,           /* to be acknowledged when what it gave is filed */
        unclear,        /* to be taken apart: it is not the fault of all its records */
        not_ours,       /* for a worker that understands it */
        kept,           /* it could not be buried or filed: it is tried again later */
    };

    Reading read_entry(const QueueEntry &entry, Batch &batch)
    {
        std::vector<Record> records;
        bool several = count_records(entry) > 1;
        try {
            records = records_of(entry, wall_clock());
        } catch (const UnknownVersion &e) {
            spdlog::error("entry {} of {}: {}: upgrade this worker", entry.id, entry.stream,
                          e.what());
            return several ? Reading::unclear : Reading::not_ours;
        } catch (const std::invalid_argument &e) {
            if (several) {
                return Reading::unclear;
            }
            spdlog::critical("entry {} of {} is dead: {}", entry.id, entry.stream, e.what());
            return bury(unreadable(entry), e.what()) ? Reading::done : Reading::kept;
        }
        for (Record &record : records) {
            if (entry.deliveries > most_deliveries) {
                spdlog::critical("delivery {} is dead: handed out {} times", record.delivery_id,
                                 entry.deliveries);
                if (!bury(record, "handed out " + std::to_string(entry.deliveries) + " times")) {
                    return Reading::kept;
                }
                continue;
            }
            Content content = read_content(record, settings_.attachment_bytes);
            batch.bytes += record.body.size();
            for (const Event &event : content.events) {
                batch.bytes += event.payload.size();
            }
            for (const Attachment &attachment : content.attachments) {
                batch.bytes += attachment.bytes.size();
            }
            batch.filings.push_back({std::move(record), std::move(content)});
            // Also in the middle of an entry: what of it is filed is known by its
            // delivery ids if the rest is not.
            bool full = batch.bytes >= batch_bytes || batch.filings.size() >= settings_.batch;
            if (full && !finish(batch)) {
                return Reading::kept;
            }
        }
        return Reading::done;
    }

    /* An entry that no edge of ours wrote, in the form of a dead letter. */
    static Record unreadable(const QueueEntry &entry)
    {
        Record record;
        record.meta = entry.stream + " " + entry.id;
        for (const auto &[name, value] : entry.fields) {
            record.body.append(name).append(" ").append(value).append("\n");
        }
        // The parts of an entry have its id while they are not entries of their own.
        record.delivery_id = to_hex(hash_of("entry", record.meta + "\n" + record.body));
        return record;
    }

    /* Files all, whatever it takes. False: not all of it is filed or buried, because the
     * process is to stop, and nothing of it may be acknowledged. */
    bool file(const std::vector<Filing> &filings)
    {
        unsigned attempts = 0;
        while (!filings.empty()) {
            try {
                FiledCounts counts = store_.file(filings);
                database_.over();
                spdlog::debug("filed {} events, {} attachments, {} duplicates, {} requests seen before",
                              counts.stored, counts.attachments, counts.duplicates, counts.seen);
                return true;
            } catch (const StoreError &e) {
                bool alone = filings.size() == 1;
                if (e.kind == StoreError::Kind::refused && alone) {
                    spdlog::critical("delivery {} is dead: {}", filings[0].record.delivery_id,
                                     e.what());
                    return bury(filings[0].record, e.what());
                }
                if (!alone && (e.kind == StoreError::Kind::refused || ++attempts > 5)
                    && e.kind != StoreError::Kind::down)
                {
                    spdlog::warn("a batch of {} failed, filing one by one: {}", filings.size(),
                                 e.what());
                    return std::all_of(filings.begin(), filings.end(),
                                       [this](const Filing &each) { return file({each}); });
                }
                if (stopping) {
                    return false;
                }
                database_.wait(e.what());
            }
        }
        return true;
    }

    /* False: it is not kept anywhere but in the queue, where it has to stay. */
    bool bury(const Record &record, const std::string &why)
    {
        for (;;) {
            try {
                store_.bury(record, why);
                return true;
            } catch (const StoreError &e) {
                if (stopping || e.kind == StoreError::Kind::refused) {
                    spdlog::critical("delivery {} cannot be buried, it stays in the queue: {}",
                                     record.delivery_id, e.what());
                    return false;
                }
                database_.wait(e.what());
            }
        }
    }

    void leave() noexcept
    {
        try {
            if (stream_) {
                stream_->leave();
            }
        } catch (const RedisError &e) {
            spdlog::warn("leaving the consumer group: {}", e.what());
        }
        spdlog::info("stopped");
    }

    const Settings settings_;
    Store store_;
    Projection projection_;
    Ledger ledger_;
    std::unique_ptr<Redis> redis_;
    std::optional<Stream> stream_;
    std::string consumer_;
    std::vector<EntryRef> again_;       /* entries to be handed out again */
    Patience database_{"database"};
    Clock::time_point claim_due_ = {};
    Clock::time_point keys_due_ = {};
    Clock::time_point partitions_due_ = {};
    Clock::time_point ledger_due_ = {};
    Clock::time_point purge_due_ = {};
    bool announced_ = false;
};

int run(int argc, char **argv)
{
    Settings settings;
    settings.redis.address = "127.0.0.1:6379";
    CLI::App app("Files the reports that nginx queued in Redis into PostgreSQL.",
                 "errtrack-worker");
    app.add_option("--database", settings.database, "connection string of libpq")
        ->envname("ERRTRACK_DATABASE");
    app.add_option("--redis", settings.redis.address, "host:port or unix:/path")
        ->capture_default_str()->envname("ERRTRACK_REDIS");
    app.add_option("--redis-password-file", settings.redis.password_file,
                   "file that holds the password of Redis");
    app.add_option("--redis-database", settings.redis.database, "number of the Redis database");
    app.add_option("--batch", settings.batch, "records in one transaction, and entries taken at once, at most")
        ->capture_default_str()->check(CLI::Range(1, 1000));
    app.add_option("--claim-after", settings.claim_after,
                   "seconds after which entries of a silent worker are taken over")
        ->capture_default_str()->check(CLI::Range(1, 3600));
    app.add_option("--retention", settings.retention, "days that events and attachments are kept")
        ->capture_default_str()->check(CLI::Range(8, 3650));
    app.add_option("--attachment-size", settings.attachment_bytes,
                   "bytes of an attachment that is kept, at most")
        ->capture_default_str()->check(CLI::Range(std::size_t(1), attachment_bytes_most));
    app.add_option("--log-level", settings.log_level, "debug, info, warn or err")
        ->capture_default_str()->check(CLI::IsMember({"debug", "info", "warn", "err"}));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &e) {
        return app.exit(e) == 0 ? 0 : 1;
    }

    spdlog::set_default_logger(spdlog::stderr_logger_st("errtrack-worker"));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e [%l] %v");
    spdlog::set_level(spdlog::level::from_str(settings.log_level));
    spdlog::info("redis {}, batch {}, claim after {} s, retention {} days",
                 settings.redis.address, settings.batch, settings.claim_after,
                 settings.retention);

    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    // A database host that does not answer must not hold the worker for minutes.
    setenv("PGCONNECT_TIMEOUT", "5", 0);

    try {
        Worker(settings).run();
        return 0;
    } catch (const RedisSettingsError &e) {
        spdlog::critical("--redis: {}", e.what());
        return 1;
    } catch (const std::exception &e) {
        spdlog::critical("{}", e.what());
        return 2;
    }
}

}
}

int main(int argc, char **argv)
{
    return errtrack::run(argc, argv);
}
