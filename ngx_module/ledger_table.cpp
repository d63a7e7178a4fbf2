/*
 * The word of a slot:
 *
 *     63       42 41   40 39                                                 0
 *     generation  state   count
 *
 * A free slot is claimed by exchanging the word; its key is written, and the word that
 * makes it live comes with the first count. Freeing it exchanges the word too, for one
 * of the next generation: an addition that was prepared for the slot as it was cannot
 * succeed any more and is made elsewhere, and the one who frees knows the last count.
 *
 * The same key may have two slots, when two processes claim one at the same time: they
 * are summed up when they are published. A process that is killed between claiming and
 * the first count leaves a slot that nobody uses until nginx is restarted.
 */

#include "ngx_module/ledger_table.hpp"

#include <algorithm>
#include <tuple>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr unsigned count_bits = 40;
constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;
constexpr std::uint64_t state_mask = std::uint64_t{3} << count_bits;
constexpr std::uint64_t claimed = std::uint64_t{1} << count_bits;
constexpr std::uint64_t live = std::uint64_t{2} << count_bits;
constexpr std::uint64_t generation_one = std::uint64_t{4} << count_bits;
constexpr std::uint64_t generation_mask = ~(count_mask | state_mask);

constexpr unsigned reason_bits = 8;
static_assert(reasons < (1u << reason_bits));

/* Slots that are looked at for a project: when so many are taken the table is full. */
constexpr std::size_t most_probes = 32;

bool is_over(std::uint64_t of, std::uint64_t now) noexcept
{
    return of + LedgerTable::kept_hours < now;
}

std::uint64_t hour_of(std::uint64_t cell) noexcept
{
    return cell >> reason_bits;
}

std::size_t reason_of(std::uint64_t cell) noexcept
{
    return static_cast<std::size_t>(cell & ((1u << reason_bits) - 1));
}

std::size_t hash_of(std::uint64_t project, std::uint64_t cell) noexcept
{
    std::uint64_t h = (project + cell * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    h = (h ^ (h >> 31)) * 0x94d049bb133111eb;
    return static_cast<std::size_t>(h ^ (h >> 29));
}

}

std::size_t reason_index(std::string_view word) noexcept
{
    for (std::size_t i = 0; i < reasons; i++) {
        if (reason_words[i] == word) {
            return i;
        }
    }
    return reasons - 1;
}

std::string edge_name(std::string_view host)
{
    constexpr std::size_t longest = 64;
    std::string name(host.substr(0, longest));
    for (char &c : name) {
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                    || c == '_' || c == '.' || c == '-';
        if (!good) {
            c = '-';
        }
    }
    return name.empty() ? "edge" : name;
}

void LedgerTable::add(std::uint64_t hour, std::uint64_t project, std::size_t reason) noexcept
{
    place(hour, project, std::min(reason, reasons - 1), 1);
}

void LedgerTable::place(std::uint64_t hour, std::uint64_t project, std::size_t reason,
                        std::uint64_t count) noexcept
{
    // A clock that was set back, or a process that slept for hours.
    hour = std::max(hour, open_from_.load(std::memory_order_acquire));
    std::uint64_t cell = (hour << reason_bits) | reason;
    if (project != 0
        && place_in(slots_, project_slots, most_probes, project, cell, count))
    {
        return;
    }
    if (!place_in(slots_ + project_slots, reserved_slots, reserved_slots, 0, cell, count)) {
        unplaced_[reason].fetch_add(count, std::memory_order_acq_rel);
    }
}

bool LedgerTable::place_in(Slot *first, std::size_t size, std::size_t probes,
                           std::uint64_t project, std::uint64_t cell,
                           std::uint64_t count) noexcept
{
    Try result;
    do {
        result = try_slots(first, size, probes, project, cell, count);
    } while (result == Try::again);
    return result == Try::added;
}

LedgerTable::Try LedgerTable::try_slots(Slot *first, std::size_t size, std::size_t probes,
                                        std::uint64_t project, std::uint64_t cell,
                                        std::uint64_t count) noexcept
{
    Slot *vacant = nullptr;
    std::uint64_t vacant_word = 0;
    std::size_t at = hash_of(project, cell) % size;
    for (std::size_t probe = 0; probe < probes; probe++) {
        Slot &slot = first[at];
        std::uint64_t word = slot.word.load(std::memory_order_acquire);
        switch (word & state_mask) {
        case live:
            if (add_if(slot, word, project, cell, count)) {
                return Try::added;
            }
            break;
        case 0:
            // Slots are freed in any order, so the key may still follow.
            if (vacant == nullptr) {
                vacant = &slot;
                vacant_word = word;
            }
            break;
        default:
            break;
        }
        at = at + 1 == size ? 0 : at + 1;
    }
    if (vacant == nullptr) {
        return Try::full;
    }
    std::uint64_t generation = vacant_word & generation_mask;
    if (!vacant->word.compare_exchange_strong(vacant_word, generation | claimed,
                                              std::memory_order_acq_rel))
    {
        return Try::again;
    }
    vacant->project.store(project, std::memory_order_release);
    vacant->cell.store(cell, std::memory_order_release);
    vacant->published.store(0, std::memory_order_relaxed);
    vacant->word.store(generation | live | count, std::memory_order_release);
    return Try::added;
}

/* Adds if the slot has that key. When the exchange succeeds the key that was read is
 * that of the word's generation. */
bool LedgerTable::add_if(Slot &slot, std::uint64_t word, std::uint64_t project,
                         std::uint64_t cell, std::uint64_t count) noexcept
{
    while ((word & state_mask) == live
           && slot.project.load(std::memory_order_relaxed) == project
           && slot.cell.load(std::memory_order_relaxed) == cell)
    {
        if (slot.word.compare_exchange_weak(word, word + count, std::memory_order_acq_rel,
                                            std::memory_order_acquire))
        {
            return true;
        }
    }
    return false;
}

LedgerTable::Batch LedgerTable::collect(std::uint64_t hour)
{
    struct Seen {
        std::uint64_t cell;
        std::uint64_t project;
        std::uint64_t word;
        std::size_t slot;
        bool changed;
    };
    place_unplaced(hour);
    std::uint64_t open_from = open_from_.load(std::memory_order_acquire);
    std::vector<Seen> seen;
    bool any = false;
    for (std::size_t i = 0; i < slots; i++) {
        Slot &slot = slots_[i];
        std::uint64_t word = slot.word.load(std::memory_order_acquire);
        if ((word & state_mask) != live) {
            continue;
        }
        std::uint64_t cell = slot.cell.load(std::memory_order_acquire);
        std::uint64_t project = slot.project.load(std::memory_order_acquire);
        if (((slot.word.load(std::memory_order_acquire) ^ word) & generation_mask) != 0) {
            continue;               // a process that lost the duty still frees slots
        }
        if (hour_of(cell) < open_from) {
            settle(slot, word, hour);
            continue;
        }
        // An hour that is over is sent until its slots are free.
        bool changed = is_over(hour_of(cell), hour)
                       || slot.published.load(std::memory_order_relaxed) != (word & count_mask);
        any |= changed;
        seen.push_back({cell, project, word, i, changed});
    }
    Batch batch;
    if (!any) {
        return batch;
    }
    std::sort(seen.begin(), seen.end(), [](const Seen &a, const Seen &b) {
        return std::tie(a.cell, a.project) < std::tie(b.cell, b.project);
    });
    for (std::size_t from = 0, to; from < seen.size(); from = to) {
        const Seen &key = seen[from];
        std::uint64_t value = 0;
        bool changed = false;
        for (to = from; to < seen.size() && seen[to].cell == key.cell
                        && seen[to].project == key.project; to++)
        {
            value += seen[to].word & count_mask;
            changed |= seen[to].changed;
        }
        if (!changed) {
            continue;
        }
        std::uint64_t of = hour_of(key.cell);
        batch.fields.push_back({of, key.project, reason_of(key.cell), value});
        for (std::size_t i = from; i < to; i++) {
            batch.marks.push_back({seen[i].slot, seen[i].word, is_over(of, hour)});
        }
    }
    return batch;
}

void LedgerTable::published(const Batch &batch, std::uint64_t hour) noexcept
{
    auto still = [this](const Batch::Mark &mark, std::uint64_t &word) {
        word = slots_[mark.slot].word.load(std::memory_order_acquire);
        return ((word ^ mark.word) & ~count_mask) == 0;
    };
    std::uint64_t word;
    std::uint64_t open_from = open_from_.load(std::memory_order_acquire);
    for (const Batch::Mark &mark : batch.marks) {
        if (!still(mark, word)) {
            continue;
        }
        Slot &slot = slots_[mark.slot];
        slot.published.store(mark.word & count_mask, std::memory_order_relaxed);
        if (mark.over) {
            std::uint64_t cell = slot.cell.load(std::memory_order_relaxed);
            open_from = std::max(open_from, hour_of(cell) + 1);
        }
    }
    // Closed before anything is freed: a field never falls back to a smaller number.
    open_from_.store(open_from, std::memory_order_release);
    for (const Batch::Mark &mark : batch.marks) {
        if (mark.over && still(mark, word)) {
            settle(slots_[mark.slot], word, hour);
        }
    }
}

void LedgerTable::forget_published() noexcept
{
    std::uint64_t open_from = open_from_.load(std::memory_order_acquire);
    for (Slot &slot : slots_) {
        // What was sent of a closed hour is not sent again: its slots are only freed.
        if (hour_of(slot.cell.load(std::memory_order_acquire)) >= open_from) {
            slot.published.store(0, std::memory_order_relaxed);
        }
    }
}

void LedgerTable::place_unplaced(std::uint64_t hour) noexcept
{
    for (std::size_t reason = 0; reason < reasons; reason++) {
        if (unplaced_[reason].load(std::memory_order_relaxed) != 0) {
            place(hour, 0, reason, unplaced_[reason].exchange(0, std::memory_order_acq_rel));
        }
    }
}

/* Frees a slot whose hour is closed. What came after it was published for the last time
 * counts under the present hour. */
void LedgerTable::settle(Slot &slot, std::uint64_t word, std::uint64_t hour) noexcept
{
    std::uint64_t project = slot.project.load(std::memory_order_relaxed);
    std::uint64_t cell = slot.cell.load(std::memory_order_relaxed);
    std::uint64_t sent = slot.published.load(std::memory_order_relaxed);
    while (!slot.word.compare_exchange_weak(word, (word & generation_mask) + generation_one,
                                            std::memory_order_acq_rel,
                                            std::memory_order_acquire))
    {
    }
    std::uint64_t late = (word & count_mask) - sent;
    if (late != 0) {
        place(hour, project, reason_of(cell), late);
    }
}

}
