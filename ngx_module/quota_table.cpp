/*
 * Filling the table of the quotas: a load stamps the slots that it meets, and the rest
 * is swept.
 */

#include "ngx_module/quota_table.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::uint32_t fewest_slots = 16;

}

QuotaTable *make_quota_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept
{
    // The slab hands out whole pages.
    bytes -= bytes % ngx_pagesize;
    std::size_t each = sizeof(QuotaSlot) + sizeof(std::uint32_t);
    if (bytes < sizeof(QuotaTable) + fewest_slots * each) {
        return nullptr;
    }
    std::size_t capacity = std::min<std::size_t>((bytes - sizeof(QuotaTable)) / each, no_slot - 1);
    auto *table = static_cast<QuotaTable *>(
        ngx_slab_calloc(pool, sizeof(QuotaTable) + capacity * each));
    if (table == nullptr) {
        return nullptr;
    }
    table->capacity = static_cast<std::uint32_t>(capacity);
    for (std::uint32_t i = 0; i < table->capacity; i++) {
        table->heads()[i] = no_slot;
        table->slots()[i].next = i + 1 < table->capacity ? i + 1 : no_slot;
    }
    return table;
}

bool QuotaZone::put(std::uint32_t stamp, Scope scope, std::uint64_t id, Category category,
                    std::uint64_t limit, std::uint32_t seconds) noexcept
{
    QuotaName name = {id, scope, category};
    limit = std::min(limit, highest_limit);
    seconds = std::max<std::uint32_t>(seconds, 1);
    ZoneLock lock(zone_.mutex());
    QuotaTable *table = zone_.root().quotas;
    QuotaSlot *slot = table->find(name);
    bool made = slot == nullptr;
    if (made) {
        if (table->free == no_slot) {
            return false;
        }
        slot = &table->slots()[table->free];
        table->free = slot->next;
        slot->name = name;
    }
    if (made || slot->limit != limit || slot->seconds != seconds) {
        slot->limit = limit;
        slot->seconds = seconds;
        slot->window = {};
        slot->chunk_since = 0;
    }
    slot->stamp = stamp;
    if (made) {
        // Linked last: a process that is killed in here leaves no half a quota behind.
        slot->next = table->head(name);
        table->head(name) = static_cast<std::uint32_t>(slot - table->slots());
    }
    return true;
}

void QuotaZone::sweep(std::uint32_t stamp) noexcept
{
    ZoneLock lock(zone_.mutex());
    QuotaTable *table = zone_.root().quotas;
    for (std::uint32_t head = 0; head < table->capacity; head++) {
        std::uint32_t *from = &table->heads()[head];
        while (*from != no_slot) {
            QuotaSlot &slot = table->slots()[*from];
            if (slot.stamp == stamp) {
                from = &slot.next;
                continue;
            }
            std::uint32_t gone = *from;
            *from = slot.next;
            slot.next = table->free;
            table->free = gone;
        }
    }
}

}
