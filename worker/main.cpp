/*
 * errtrack-worker: takes accepted reports from the queue and files them in
 * PostgreSQL. One thread reads, another files what was read before, a third tends the
 * issues; to go faster, start more processes: the consumer group shares the work.
 *
 *     claim what others dropped, or read a batch
 *     read the records into events and outcomes
 *     file them in one transaction, try again while the database is away
 *     acknowledge
 *
 * Nothing is acknowledged before its commit. A crash in between delivers the entry
 * again, and its delivery id tells that it was filed.
 */

#include "worker/filer.hpp"
#include "worker/key_verifier.hpp"
#include "worker/ledger.hpp"
#include "worker/metrics.hpp"
#include "worker/notifier.hpp"
#include "worker/patience.hpp"
#include "worker/projection.hpp"
#include "worker/record.hpp"
#include "worker/rule_book.hpp"
#include "worker/secret_store.hpp"
#include "worker/settings_cache.hpp"
#include "worker/store.hpp"
#include "worker/stream.hpp"
#include "worker/tender.hpp"
#include "worker/watch.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
    GitlabSettings gitlab;
    WebClientSettings web;
    SecretSettings secrets;
    NotifierSettings notifier;
    FilerSettings filer;
    unsigned claim_after = 30;
    unsigned retention = 90;
    std::string listen;             /* empty: nobody may ask */
    std::string log_level = "info";
};

/* Longer than a read blocks. */
constexpr int redis_patience = 10;

class Worker {
public:
    explicit Worker(const Settings &settings)
        : settings_(settings), secrets_(settings.secrets), store_(settings.database), projection_(store_), ledger_(store_),
          rules_(store_), event_settings_(store_),
          filing_store_(settings.database, !settings.gitlab.url.empty()),
          filer_(settings.filer, filing_store_, event_settings_, rules_, database_, metrics_, stopping),
          tender_(settings.database)
    {
        if (!settings.listen.empty()) {
            watch_.emplace(settings.listen, settings.redis, metrics_);
        }
        if (!settings.gitlab.url.empty()) {
            verifier_.emplace(settings.database, settings.redis, settings.gitlab, settings.web, metrics_);
        }
        if (!secrets_.keys().empty()) {
            spdlog::info("{} holds the keys {}", settings.secrets.key_file, secrets_.keys());
        }
        char host[256] = "";
        gethostname(host, sizeof(host) - 1);
        consumer_ = std::string(host) + ":" + std::to_string(getpid());
        if (settings.notifier.enabled) {
            notifier_.emplace(settings.database, consumer_, settings.redis, settings.notifier, settings.web,
                              secrets_, metrics_);
        }
    }

    /* Whatever ends this, nobody waits for a database that is away. */
    ~Worker() { stopping = true; }
    Worker(const Worker &) = delete;
    Worker &operator=(const Worker &) = delete;

    void run()
    {
        Patience patience("queue", Service::redis, metrics_);
        while (!stopping) {
            metrics_.turned();
            try {
                if (!redis_) {
                    redis_ = std::make_unique<Redis>(settings_.redis, redis_patience);
                    stream_.emplace(*redis_, consumer_);
                    filer_.settle(*stream_);
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
            chore(rules_due_, 1s, 10s, "reading the rules for grouping", [this] { rules_.refresh(); });
            chore(partitions_due_, 1h, 15s, "keeping the partitions", [this] {
                store_.make_partitions();
                store_.sweep(settings_.retention);
                store_.forget_items(settings_.retention);
                stream_->bury_consumers();
            });
            chore(retention_due_, 1h, 1min, "removing what is past the retention",
                  [this] { retain(); });
            chore(ledger_due_, 5s, 1min, "booking what edges count", [this] {
                if (!ledger_.book(*redis_)) {
                    ledger_due_ = Clock::now();
                }
            });
            // A check-in that waits in the queue is not missed.
            if (caught_up_) {
                chore(monitors_due_, 1min, 1min, "looking for missed check-ins", [this] {
                    if (unsigned found = store_.mark_missed_check_ins()) {
                        spdlog::info("{} monitors missed a check-in or ran too long", found);
                    }
                });
            }
            chore(reports_due_, 1min, 1min, "ending long reports", [this] {
                if (unsigned ended = store_.end_long_reports()) {
                    spdlog::warn("{} sessions of report logins were ended: their transactions held up others", ended);
                }
            });
            chore(purge_due_, 10min, 1min, "purging deleted projects", [this] {
                if (!store_.purge()) {
                    purge_due_ = Clock::now();
                }
            });
            chore(alarms_due_, 1min, 1min, "looking for alarms", [this] {
                metrics_.alarms(store_.alarms());
            });
            chore(settings_due_, 0s, 1s, "reading the settings of projects",
                  [this] { event_settings_.refresh(); });
            if (!event_settings_.known()) {
                database_.wait("the settings of projects are not known");
                return false;
            }
            database_.over();
            return true;
        } catch (const StoreError &e) {
            database_.wait(e.what());
            return false;
        }
    }

    /* For half a second, so that reports do not wait for it. */
    void retain()
    {
        auto until = Clock::now() + std::chrono::milliseconds(500);
        Store::Retained turn = Store::Retained::more;
        while (turn == Store::Retained::more && Clock::now() < until && !stopping) {
            turn = store_.retain(settings_.retention);
        }
        if (turn != Store::Retained::all) {
            retention_due_ = turn == Store::Retained::busy ? Clock::now() + 1min : Clock::now();
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
                filer_.handle(*stream_, {std::move(*entry)});
                filer_.settle(*stream_);
            }
        }
        if (!stopping) {
            // About a batch of records: what is held for too long others take to be left.
            unsigned wanted = std::max(settings_.filer.batch / records_per_entry_, 1u);
            std::vector<QueueEntry> entries = stream_->read(wanted, !filer_.busy());
            if (!entries.empty() && !know_settings()) {
                return;                     // stopping: others will claim them
            }
            filer_.handle(*stream_, entries);
            // As long as more waits, it is read while this is filed.
            bool drained = entries.size() < wanted;
            caught_up_ = drained && filer_.settle(*stream_) && again_.empty();
            std::size_t records = 0;
            for (const QueueEntry &entry : entries) {
                records += count_records(entry);
            }
            if (!entries.empty()) {
                records_per_entry_ = static_cast<unsigned>(std::max<std::size_t>(records / entries.size(), 1));
            }
        }
    }

    /* Waiting for entries takes a while, and what was forbidden meanwhile must not be
     * stored. False: stopping. */
    bool know_settings()
    {
        while (!stopping) {
            try {
                event_settings_.refresh();
                return true;
            } catch (const StoreError &e) {
                if (e.kind != StoreError::Kind::down) {
                    return true;        // the last ones hold; keep_house() says why
                }
                database_.wait(e.what());
            }
        }
        return false;
    }

    void leave() noexcept
    {
        try {
            if (stream_) {
                filer_.settle(*stream_);
                stream_->leave();
            }
        } catch (const RedisError &e) {
            spdlog::warn("leaving the consumer group: {}", e.what());
        }
        spdlog::info("stopped");
    }

    const Settings settings_;
    const SecretStore secrets_;         /* of what people have the worker call */
    Metrics metrics_;
    std::optional<Watch> watch_;
    Store store_;
    Projection projection_;
    Ledger ledger_;
    Patience database_{"database", Service::database, metrics_};
    RuleBook rules_;
    SettingsCache event_settings_;
    Store filing_store_;
    Filer filer_;
    Tender tender_;
    std::optional<KeyVerifier> verifier_;
    std::optional<Notifier> notifier_;
    std::unique_ptr<Redis> redis_;
    std::optional<Stream> stream_;
    std::string consumer_;
    std::vector<EntryRef> again_;       /* entries to be handed out again */
    Clock::time_point claim_due_ = {};
    Clock::time_point keys_due_ = {};
    Clock::time_point partitions_due_ = {};
    Clock::time_point retention_due_ = {};
    Clock::time_point rules_due_ = {};
    Clock::time_point ledger_due_ = {};
    Clock::time_point purge_due_ = {};
    Clock::time_point alarms_due_ = {};
    Clock::time_point settings_due_ = {};
    Clock::time_point monitors_due_ = {};
    Clock::time_point reports_due_ = {};
    unsigned records_per_entry_ = 8;    /* of those that were read last; a guess at first */
    bool caught_up_ = false;            /* what waited when the queue was last read is filed */
    bool announced_ = false;
};

int run(int argc, char **argv)
{
    Settings settings;
    settings.redis.address = "127.0.0.1:6379";
    settings.notifier.mail.from_name = "errtrack";
    std::string starttls = "required";
    CLI::App app("Files the reports that nginx queued in Redis into PostgreSQL.",
                 "errtrack-worker");
    app.add_option("--database", settings.database, "connection string of libpq")
        ->envname("ERRTRACK_DATABASE");
    app.add_option("--redis", settings.redis.address, "host:port or unix:/path")
        ->capture_default_str()->envname("ERRTRACK_REDIS");
    app.add_option("--redis-password-file", settings.redis.password_file,
                   "file that holds the password of Redis");
    app.add_option("--redis-database", settings.redis.database, "number of the Redis database");
    app.add_option("--batch", settings.filer.batch, "records in one transaction, and entries taken at once, at most")
        ->capture_default_str()->check(CLI::Range(1, 1000));
    app.add_option("--claim-after", settings.claim_after,
                   "seconds after which entries of a silent worker are taken over")
        ->capture_default_str()->check(CLI::Range(1, 3600));
    app.add_option("--retention", settings.retention, "days that events and attachments are kept")
        ->capture_default_str()->check(CLI::Range(8, 3650));
    app.add_option("--attachment-size", settings.filer.attachment_bytes,
                   "bytes of an attachment that is kept, at most")
        ->capture_default_str()->check(CLI::Range(std::size_t(1), attachment_bytes_most));
    app.add_option("--gitlab", settings.gitlab.url,
                   "address of a GitLab that client keys live in (default: none)");
    app.add_option("--gitlab-token-file", settings.gitlab.token_file,
                   "file that holds its error tracking access token");
    std::vector<std::string> allowed;
    app.add_option("--allow-address", allowed,
                   "address or network that people may have requests sent to, though it is not a public one, "
                   "such as 10.0.0.0/8 or 10.1.2.3:443; may be given again (default: none)")
        ->allow_extra_args(false);
    app.add_option("--ca-file", settings.web.ca_file,
                   "certificates of the authorities that are trusted instead of the system's, in PEM")
        ->check(CLI::ExistingFile);
    app.add_option("--secrets-key-file", settings.secrets.key_file,
                   "file of the keys that open the secrets of channels and trackers");
    app.add_option("--secrets-dir", settings.secrets.dir,
                   "folder of the files that such secrets may be in instead");
    bool silent = false;
    app.add_flag("--no-notifications", silent, "leave it to other workers to tell people");
    app.add_option("--public-url", settings.notifier.public_url,
                   "where people see the pages, for links in messages: https://errors.example.com (default: no links)");
    app.add_option("--mail-server", settings.notifier.mail.server, "smtp://host:587 or smtps://host (default: no mail)");
    app.add_option("--mail-starttls", starttls, "of smtp://: required, offered or none")
        ->capture_default_str()->check(CLI::IsMember({"required", "offered", "none"}));
    app.add_option("--mail-user", settings.notifier.mail.user, "who logs in to the mail server (default: nobody)");
    app.add_option("--mail-password-file", settings.notifier.mail_password_file, "file that holds the password");
    app.add_option("--mail-from", settings.notifier.mail.from, "sender of mail: errors@example.com");
    app.add_option("--mail-from-name", settings.notifier.mail.from_name, "what readers show for the sender")
        ->capture_default_str();
    app.add_option("--mail-domain", settings.notifier.mail.domains,
                   "domain whose addresses people may have mail sent to: example.org; may be given again (default: all)")
        ->allow_extra_args(false);
    app.add_option("--listen", settings.listen,
                   "host:port for /metrics, /live and /ready (default: none)");
    app.add_option("--log-level", settings.log_level, "debug, info, warn or err")
        ->capture_default_str()->check(CLI::IsMember({"debug", "info", "warn", "err"}));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &e) {
        return app.exit(e) == 0 ? 0 : 1;
    }

    settings.notifier.enabled = !silent;
    using StartTls = Mail::StartTls;
    settings.notifier.mail.starttls = starttls == "none" ? StartTls::none
                                      : starttls == "offered" ? StartTls::if_offered : StartTls::required;

    spdlog::set_default_logger(spdlog::stderr_logger_mt("errtrack-worker"));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e [%l] %v");
    spdlog::set_level(spdlog::level::from_str(settings.log_level));
    spdlog::info("redis {}, batch {}, claim after {} s, retention {} days",
                 settings.redis.address, settings.filer.batch, settings.claim_after,
                 settings.retention);

    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    // A database host that does not answer must not hold the worker for minutes.
    setenv("PGCONNECT_TIMEOUT", "5", 0);

    try {
        settings.web.guard = AddressGuard(allowed);
        Worker(settings).run();
        return 0;
    } catch (const AddressGuardError &e) {
        spdlog::critical("--allow-address: {}", e.what());
        return 1;
    } catch (const RedisSettingsError &e) {
        spdlog::critical("--redis: {}", e.what());
        return 1;
    } catch (const GitlabSettingsError &e) {
        spdlog::critical("--gitlab: {}", e.what());
        return 1;
    } catch (const SecretSettingsError &e) {
        spdlog::critical("{}", e.what());
        return 1;
    } catch (const NotifierSettingsError &e) {
        spdlog::critical("{}", e.what());
        return 1;
    } catch (const ListenerError &e) {
        spdlog::critical("--listen: {}", e.what());
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
