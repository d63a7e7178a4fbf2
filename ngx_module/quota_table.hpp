/*
 * The quotas in the zone: a table of slots, made with the zone, so that nothing is
 * allocated later. Only under the zone's lock, and never across a callback.
 */

#ifndef ERRTRACK_NGX_MODULE_QUOTA_TABLE_HPP
#define ERRTRACK_NGX_MODULE_QUOTA_TABLE_HPP

#include "ngx_module/lease.hpp"
#include "ngx_module/quota.hpp"

#include <type_traits>

namespace errtrack __attribute__((visibility("hidden"))) {

struct QuotaName {
    std::uint64_t id;
    Scope scope;
    Category category;

    bool operator==(const QuotaName &other) const noexcept
    {
        return id == other.id && scope == other.scope && category == other.category;
    }
};

/* Of a table or a map. */
struct HashName {
    std::size_t operator()(const QuotaName &name) const noexcept
    {
        std::uint64_t word = name.id << 4 | static_cast<std::uint64_t>(name.scope) << 3
                             | static_cast<std::uint64_t>(name.category);
        return static_cast<std::size_t>((word * 0x9e3779b97f4a7c15) >> 32);
    }
};

inline constexpr std::uint32_t no_slot = 0xffffffff;

struct QuotaSlot {
    /* A process that was killed with a chunk on its way holds up the others no longer. */
    static constexpr ngx_msec_int_t chunk_at_most = 1000;

    QuotaName name;
    std::uint64_t limit;
    QuotaWindow window;
    ngx_msec_t chunk_since;     /* a process leases a chunk since then; 0: none does */
    std::uint32_t seconds;
    std::uint32_t stamp;
    std::uint32_t next;

    bool chunk_under_way() const noexcept
    {
        // Signed: the clock of a process may be a little behind that of another.
        return chunk_since != 0
               && static_cast<ngx_msec_int_t>(ngx_current_msec - chunk_since) < chunk_at_most;
    }
};

/* Slots with chains by hash. */
struct QuotaTable {
    std::uint32_t capacity;
    std::uint32_t free;         /* head of the chain of free slots */

    QuotaSlot *slots() noexcept { return reinterpret_cast<QuotaSlot *>(this + 1); }
    std::uint32_t *heads() noexcept
    {
        return reinterpret_cast<std::uint32_t *>(slots() + capacity);
    }
    std::uint32_t &head(const QuotaName &name) noexcept
    {
        return heads()[HashName{}(name) % capacity];
    }
    QuotaSlot *find(const QuotaName &name) noexcept
    {
        for (std::uint32_t i = head(name); i != no_slot; i = slots()[i].next) {
            if (slots()[i].name == name) {
                return &slots()[i];
            }
        }
        return nullptr;
    }
};
static_assert(sizeof(QuotaTable) % alignof(QuotaSlot) == 0);
static_assert(std::is_trivially_copyable_v<QuotaSlot>);

/* The table while it is locked, at one moment of Redis' clock. */
class OpenTable {
public:
    explicit OpenTable(Zone zone) noexcept : lock_(zone.mutex()), table_(zone.root().quotas)
    {
        const ngx_time_t *now = ngx_timeofday();
        now_ms_ = static_cast<std::int64_t>(now->sec) * 1000 + static_cast<std::int64_t>(now->msec)
                  + zone.state().redis_ahead_ms.load(std::memory_order_relaxed);
    }

    /* The quota in its present window. Null: there is none (any more), nothing is limited. */
    QuotaSlot *find(const QuotaName &name) noexcept
    {
        QuotaSlot *slot = table_->find(name);
        if (slot != nullptr) {
            slot->window.enter(window_at(now_ms_, slot->seconds));
        }
        return slot;
    }

    std::uint32_t seconds_left_of(const QuotaSlot &slot) const noexcept
    {
        return seconds_left(now_ms_, slot.window.number, slot.seconds);
    }

private:
    ZoneLock lock_;
    QuotaTable *table_;
    std::int64_t now_ms_;
};

}

#endif
