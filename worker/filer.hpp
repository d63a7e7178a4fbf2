/*
 * Entries into PostgreSQL, whatever it takes: in transactions of bounded size, again while
 * the database is away, one by one when one is at fault, as dead letters at last. An entry
 * leaves the queue after the commit that has it.
 *
 * While a transaction is filed, by a thread of its own, the next one is read: reading and
 * filing cost much the same. There is one such thread at a time, and only it uses the store.
 */

#ifndef ERRTRACK_WORKER_FILER_HPP
#define ERRTRACK_WORKER_FILER_HPP

#include "worker/metrics.hpp"
#include "worker/patience.hpp"
#include "worker/rule_book.hpp"
#include "worker/settings_cache.hpp"
#include "worker/store.hpp"
#include "worker/stream.hpp"

#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <string>
#include <vector>

namespace errtrack {

struct FilerSettings {
    unsigned batch = 500;               /* records in a transaction */
    std::size_t attachment_bytes = attachment_bytes_default;
};

class Filer {
public:
    /* When stopping becomes true it does not wait for the database any more: what is not
     * filed stays in the queue. */
    Filer(const FilerSettings &settings, Store &store, const SettingsCache &projects,
          const RuleBook &rules, Patience &database, Metrics &metrics,
          const std::atomic<bool> &stopping)
        : settings_(settings), store_(store), projects_(projects), rules_(rules),
          database_(database), metrics_(metrics), stopping_(stopping)
    {
    }

    /* Files entries of the stream, and lets go of them, but for the last transaction, which
     * may still be under way. Throws RedisError. */
    void handle(Stream &stream, const std::vector<QueueEntry> &entries);

    /* Waits until nothing is under way. False: what was is not filed, since the process is
     * to stop. Throws RedisError. */
    bool settle(Stream &stream);

    bool busy() const noexcept { return under_way_.valid(); }

private:
    /* Records that are filed in one transaction, and the entries that are done with it. */
    struct Batch {
        std::vector<Filing> filings;
        std::size_t bytes = 0;          /* that they hold */
        std::size_t items = 0;
        std::map<std::string, std::vector<std::string>> done;   /* ids by stream */
    };
    enum class Reading {
        done,           /* to be acknowledged when what it gave is filed */
        unclear,        /* to be taken apart: it is not the fault of all its records */
        not_ours,       /* for a worker that understands it */
        kept,           /* it could not be buried or filed: it is tried again later */
    };

    Reading read_entry(Stream &stream, const QueueEntry &entry, Batch &batch);
    void take_apart(Stream &stream, const QueueEntry &entry);
    bool finish(Stream &stream, Batch &batch);
    bool file(const std::vector<Filing> &filings);
    bool bury(const Record &record, const std::string &why);

    const FilerSettings settings_;
    Store &store_;
    const SettingsCache &projects_;
    const RuleBook &rules_;
    Patience &database_;
    Metrics &metrics_;
    const std::atomic<bool> &stopping_;
    unsigned transactions_ = 0;         /* so far */
    Batch filing_;                      /* under way: the thread reads it, nobody writes it */
    std::future<bool> under_way_;       /* waits for the thread when it goes */
};

}

#endif
