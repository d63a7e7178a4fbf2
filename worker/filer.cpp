/*
 * Reading entries, and what is to be done with those that make trouble.
 */

#include "worker/filer.hpp"

#include "worker/grouping.hpp"
#include "worker/record.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>

namespace errtrack {
namespace {

constexpr std::size_t batch_bytes = 8 * 1024 * 1024;
constexpr std::size_t batch_items = 5'000;

/* Of an item or a row of the ledger, beside its text. Requests of 250 bytes make a thousand. */
constexpr std::size_t item_bytes = 256;

/* So often a record may take more time than a statement has, by itself. */
constexpr unsigned most_overruns = 3;

/* An entry that was handed out so often ends workers, and is not looked at again. */
constexpr long long most_deliveries = 5;

std::int64_t wall_clock()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::size_t items_of(const Content &content)
{
    return content.events.size() + content.attachments.size() + content.items.size();
}

/* What is held of a record until it is filed. */
std::size_t bytes_of(const Record &record, const Content &content)
{
    std::size_t read = 0;
    for (const Event &event : content.events) {
        read += event.payload.size();
    }
    for (const Attachment &attachment : content.attachments) {
        read += attachment.bytes.size();
    }
    for (const Item &item : content.items) {
        read += item.row.size();
    }
    // What a body inflates to: it is held in one form or the other.
    return std::max(record.body.size(), read)
           + item_bytes * (items_of(content) + content.outcomes.size());
}

/* An entry that no edge of ours wrote, in the form of a dead letter. */
Record unreadable(const QueueEntry &entry)
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

}

void Filer::handle(Stream &stream, const std::vector<QueueEntry> &entries)
{
    Batch batch;
    unsigned before = transactions_;
    for (const QueueEntry &entry : entries) {
        // One transaction is waited for. What is left then others claim.
        if (stopping_ && transactions_ != before) {
            break;
        }
        bool several = count_records(entry) > 1;
        Reading reading = several && entry.deliveries > 1 ? Reading::unclear
                                                          : read_entry(stream, entry, batch);
        switch (reading) {
        case Reading::done:
            batch.done[entry.stream].push_back(entry.id);
            break;
        case Reading::unclear:
            take_apart(stream, entry);
            break;
        case Reading::not_ours:
            stream.release({entry.stream, entry.id});
            break;
        case Reading::kept:
            break;
        }
    }
    finish(stream, batch);
}

/* Begins to file it. False: what was under way is not filed, and neither is this, because
 * the process is to stop: others will claim it. */
bool Filer::finish(Stream &stream, Batch &batch)
{
    Batch ended = std::exchange(batch, {});
    if (ended.filings.empty() && ended.done.empty()) {
        return true;
    }
    if (!settle(stream)) {
        return false;
    }
    transactions_++;
    filing_ = std::move(ended);
    under_way_ = std::async(std::launch::async, [this] { return file(filing_.filings); });
    return true;
}

bool Filer::settle(Stream &stream)
{
    if (!busy()) {
        return true;
    }
    bool filed = under_way_.get();
    Batch ended = std::exchange(filing_, {});
    if (filed) {
        for (const auto &[name, ids] : ended.done) {
            stream.finish(name, ids);
        }
    }
    return filed;
}

/*
 * Gives each record of an entry an entry of its own, so that what is wrong with one
 * of them is counted against that one. A Redis that is full does not take them: then
 * each is filed in a transaction of its own, as long as that has not ended too many
 * workers.
 */
void Filer::take_apart(Stream &stream, const QueueEntry &entry)
{
    std::vector<QueueEntry> parts = parts_of(entry);
    if (stream.replace({entry.stream, entry.id}, parts)) {
        spdlog::warn("entry {} of {} is now {} entries, one for each of its records",
                     entry.id, entry.stream, parts.size());
        return;
    }
    if (entry.deliveries > most_deliveries) {
        spdlog::error("entry {} of {} was handed out {} times and waits until Redis has "
                      "room to take it apart", entry.id, entry.stream, entry.deliveries);
        return;
    }
    bool all = settle(stream);
    for (const QueueEntry &part : parts) {
        Batch alone;
        all = read_entry(stream, part, alone) == Reading::done && finish(stream, alone)
              && settle(stream) && all;
    }
    if (all) {
        stream.finish(entry.stream, {entry.id});
    }
}

Filer::Reading Filer::read_entry(Stream &stream, const QueueEntry &entry, Batch &batch)
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
        return settle(stream) && bury(unreadable(entry), e.what()) ? Reading::done : Reading::kept;
    }
    for (Record &record : records) {
        if (entry.deliveries > most_deliveries) {
            spdlog::critical("delivery {} is dead: handed out {} times", record.delivery_id,
                             entry.deliveries);
            if (!settle(stream)
                || !bury(record, "handed out " + std::to_string(entry.deliveries) + " times"))
            {
                return Reading::kept;
            }
            continue;
        }
        Content content = read_content(record, settings_.attachment_bytes,
                                       projects_.of(record.project), rules_.of(record.project));
        std::size_t bytes = bytes_of(record, content);
        std::size_t items = items_of(content);
        bool full = batch.bytes + bytes > batch_bytes || batch.items + items > batch_items
                    || batch.filings.size() >= settings_.batch;
        // Also in the middle of an entry: what of it is filed is known by its
        // delivery ids if the rest is not.
        if (full && !batch.filings.empty() && !finish(stream, batch)) {
            return Reading::kept;
        }
        batch.bytes += bytes;
        batch.items += items;
        batch.filings.push_back({std::move(record), std::move(content)});
    }
    return Reading::done;
}

/* Files all, whatever it takes. False: not all of it is filed or buried, because the
 * process is to stop, and nothing of it may be acknowledged. */
bool Filer::file(const std::vector<Filing> &filings)
{
    unsigned attempts = 0;
    unsigned overruns = 0;
    while (!filings.empty()) {
        try {
            auto began = std::chrono::steady_clock::now();
            FiledCounts counts = store_.file(filings);
            metrics_.filed(counts, filings.size(), std::chrono::steady_clock::now() - began);
            database_.over();
            spdlog::debug("filed {} events, {} attachments, {} duplicates, {} requests seen before",
                          counts.stored, counts.attachments, counts.duplicates, counts.seen);
            return true;
        } catch (const StoreError &e) {
            bool alone = filings.size() == 1;
            bool overrun = e.kind == StoreError::Kind::overrun;
            bool refused = e.kind == StoreError::Kind::refused;
            if (alone && (refused || (overrun && ++overruns == most_overruns))) {
                spdlog::critical("delivery {} is dead: {}", filings[0].record.delivery_id,
                                 e.what());
                return bury(filings[0].record, e.what());
            }
            // A batch that ran out of time once would do so again.
            if (!alone && (refused || overrun || ++attempts > 5) && e.kind != StoreError::Kind::down) {
                spdlog::warn("a batch of {} failed, filing one by one: {}", filings.size(),
                             e.what());
                return std::all_of(filings.begin(), filings.end(),
                                   [this](const Filing &each) { return file({each}); });
            }
            if (stopping_) {
                return false;
            }
            database_.wait(e.what());
        }
    }
    return true;
}

/* False: it is not kept anywhere but in the queue, where it has to stay. */
bool Filer::bury(const Record &record, const std::string &why)
{
    for (;;) {
        try {
            store_.bury(record, why);
            metrics_.buried();
            return true;
        } catch (const StoreError &e) {
            if (stopping_ || e.kind == StoreError::Kind::refused) {
                spdlog::critical("delivery {} cannot be buried, it stays in the queue: {}",
                                 record.delivery_id, e.what());
                return false;
            }
            database_.wait(e.what());
        }
    }
}

}
