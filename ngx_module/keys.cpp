/*
 * The table: two arrays of slots with chains by hash, for keys and for projects with
 * settings, made once when the zone is made, so that a look-up is short. Only the rules
 * of projects come and go, in what the arrays leave of the table's share of the zone. A
 * load stamps the slots that it meets, and the rest is swept.
 *
 * A process may be killed at any place in here, holding the lock: nothing is linked
 * before it is whole, so that what is left behind is a lost slot at most.
 */

#include "ngx_module/keys.hpp"

#include <algorithm>
#include <cstring>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr std::uint32_t none = 0xffffffff;
constexpr time_t load_at_most = 5;      /* seconds without a step before another takes the duty */
constexpr std::int64_t fresh_for = 3000;        /* ms since Redis has confirmed the set */
constexpr std::size_t max_generation = 64;
constexpr std::size_t least_slots = 64;

struct KeySlot {
    std::uint64_t id;
    std::uint64_t project;
    std::uint32_t next;
    std::uint32_t stamp;
    std::uint8_t limited;
    std::uint8_t length;
    char key[max_key_length];
};

struct ProjectSlot {
    std::uint64_t id;
    char *rules;                        /* of the slab; null: none */
    std::uint32_t next;
    std::uint32_t stamp;
    std::uint16_t length;               /* of the rules */
    std::uint8_t limited;
};

std::uint32_t hash_of(const void *data, std::size_t size) noexcept
{
    return ngx_murmur_hash2(static_cast<u_char *>(const_cast<void *>(data)), size);
}

/* A fixed number of slots, in as many chains. Lies in the zone, as do the arrays. */
template <class Slot>
struct Chains {
    static constexpr std::size_t each = sizeof(Slot) + sizeof(std::uint32_t);

    Slot *slots;
    std::uint32_t *heads;
    std::uint32_t capacity;
    std::uint32_t free;                 /* head of the chain of free slots */
    std::uint32_t used;

    /* Takes room for so many slots at this place. Returns the end of it. */
    void *make(void *place, std::size_t count) noexcept
    {
        capacity = static_cast<std::uint32_t>(count);
        slots = static_cast<Slot *>(place);
        heads = reinterpret_cast<std::uint32_t *>(slots + count);
        ngx_memzero(slots, count * sizeof(Slot));
        for (std::uint32_t i = 0; i < capacity; i++) {
            heads[i] = none;
            slots[i].next = i + 1 < capacity ? i + 1 : none;
        }
        free = 0;
        used = 0;
        return heads + count;
    }

    template <class Same>
    Slot *find(std::uint32_t hash, Same same) const noexcept
    {
        for (std::uint32_t i = heads[hash % capacity]; i != none; i = slots[i].next) {
            if (same(slots[i])) {
                return &slots[i];
            }
        }
        return nullptr;
    }

    /* A slot that is in no chain; null when there is none. */
    Slot *claim() noexcept
    {
        if (free == none) {
            return nullptr;
        }
        Slot *slot = &slots[free];
        free = slot->next;
        return slot;
    }

    void link(Slot *slot, std::uint32_t hash) noexcept
    {
        std::uint32_t &head = heads[hash % capacity];
        slot->next = head;
        head = static_cast<std::uint32_t>(slot - slots);
        used++;
    }

    /* Frees the slots of other stamps. Returns whether there were any. */
    template <class Drop>
    bool sweep(std::uint32_t stamp, Drop drop) noexcept
    {
        bool swept = false;
        for (std::uint32_t chain = 0; chain < capacity; chain++) {
            std::uint32_t *from = &heads[chain];
            while (*from != none) {
                Slot &slot = slots[*from];
                if (slot.stamp == stamp) {
                    from = &slot.next;
                    continue;
                }
                std::uint32_t gone = *from;
                *from = slot.next;
                used--;
                drop(slot);
                slot.next = free;
                free = gone;
                swept = true;
            }
        }
        return swept;
    }
};

}

struct KeyTable {
    Chains<KeySlot> keys;
    Chains<ProjectSlot> projects;
    std::uint32_t stamp;                /* of the newest load */
    bool filled;
    bool lost_key;                      /* a key of the load under way found no room */
    time_t loading_at;                  /* last step of the load under way; 0: none is */
    std::uint8_t generation_length;
    char generation[max_generation];

    KeySlot *find_key(std::string_view key) const noexcept
    {
        return keys.find(hash_of(key.data(), key.size()), [key](const KeySlot &slot) {
            return slot.length == key.size() && std::memcmp(slot.key, key.data(), key.size()) == 0;
        });
    }

    ProjectSlot *find_project(std::uint64_t id) const noexcept
    {
        return projects.find(hash_of(&id, sizeof(id)),
                             [id](const ProjectSlot &slot) { return slot.id == id; });
    }

    /* Whether the load of this stamp still has the duty; if so this is a sign of life. */
    bool keep(std::uint32_t load) noexcept
    {
        if (stamp != load) {
            return false;
        }
        loading_at = ngx_time();
        return true;
    }
};
static_assert(sizeof(KeyTable) % alignof(KeySlot) == 0);
static_assert(sizeof(KeySlot) <= 112 && sizeof(KeySlot) % alignof(ProjectSlot) == 0);
static_assert(std::is_trivially_destructible_v<KeyTable>);

namespace {

KeyTable &table_of(const Zone &zone) noexcept
{
    return *zone.root().keys;
}

/* Readers see no rules while they change. False: no room, the ones of before stay. */
bool set_rules(ngx_slab_pool_t *pool, ProjectSlot &slot, std::string_view rules) noexcept
{
    if (rules == std::string_view(slot.rules, slot.length)) {
        return true;
    }
    char *copy = nullptr;
    if (!rules.empty()) {
        copy = static_cast<char *>(ngx_slab_alloc_locked(pool, rules.size()));
        if (copy == nullptr) {
            return false;
        }
        std::memcpy(copy, rules.data(), rules.size());
    }
    char *old = slot.rules;
    slot.length = 0;
    slot.rules = copy;
    slot.length = static_cast<std::uint16_t>(rules.size());
    if (old != nullptr) {
        ngx_slab_free_locked(pool, old);
    }
    return true;
}

}

KeyTable *make_key_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept
{
    // An even number keeps what follows the heads aligned.
    std::size_t projects = std::max(bytes / 64 / Chains<ProjectSlot>::each, least_slots) & ~1ul;
    std::size_t taken = sizeof(KeyTable) + projects * Chains<ProjectSlot>::each;
    std::size_t share = bytes - bytes / 16;
    if (share < taken + least_slots * Chains<KeySlot>::each) {
        return nullptr;
    }
    std::size_t keys = (share - taken) / Chains<KeySlot>::each & ~1ul;
    auto *table = static_cast<KeyTable *>(
        ngx_slab_alloc(pool, taken + keys * Chains<KeySlot>::each));
    if (table == nullptr) {
        return nullptr;
    }
    ngx_memzero(table, sizeof(KeyTable));
    table->projects.make(table->keys.make(table + 1, keys), projects);
    // That there is no room for rules is told by the loader, and once.
    pool->log_nomem = 0;
    return table;
}

std::optional<KeyInfo> KeyZone::find(std::string_view key, RulesBuffer &buffer) const noexcept
{
    ZoneLock lock(zone_.mutex());
    const KeyTable &table = table_of(zone_);
    const KeySlot *slot = table.find_key(key);
    if (slot == nullptr) {
        return std::nullopt;
    }
    KeyInfo info{{slot->id, slot->project, slot->limited, 0}, {}};
    const ProjectSlot *project = table.find_project(slot->project);
    if (project != nullptr) {
        info.owner.project_limited = project->limited;
        std::copy_n(project->rules, project->length, buffer.data());
        info.rules = {buffer.data(), project->length};
    }
    return info;
}

bool KeyZone::filled() const noexcept
{
    ZoneLock lock(zone_.mutex());
    return table_of(zone_).filled;
}

bool KeyZone::stale() const noexcept
{
    std::uint64_t seen = zone_.state().keys_seen_at.load(std::memory_order_relaxed);
    // The clock of the process that has seen it may be a little ahead of ours.
    auto since = static_cast<std::int64_t>(ngx_current_msec - seen);
    return seen == 0 || since > fresh_for || !filled();
}

std::string KeyZone::generation() const
{
    char copy[max_generation];
    std::size_t length;
    {
        ZoneLock lock(zone_.mutex());
        const KeyTable &table = table_of(zone_);
        length = table.generation_length;
        std::memcpy(copy, table.generation, length);
    }
    return {copy, length};
}

std::size_t KeyZone::size() const noexcept
{
    ZoneLock lock(zone_.mutex());
    return table_of(zone_).keys.used;
}

bool KeyZone::begin_load(std::uint32_t &stamp) noexcept
{
    ZoneLock lock(zone_.mutex());
    KeyTable &table = table_of(zone_);
    time_t age = ngx_time() - table.loading_at;
    if (table.loading_at != 0 && age >= 0 && age < load_at_most) {
        return false;
    }
    table.loading_at = ngx_time();
    table.lost_key = false;
    stamp = ++table.stamp;
    return true;
}

bool KeyZone::keep_load(std::uint32_t stamp) noexcept
{
    ZoneLock lock(zone_.mutex());
    return table_of(zone_).keep(stamp);
}

bool KeyZone::put_key(std::uint32_t stamp, std::string_view key, const QuotaOwner &owner) noexcept
{
    ZoneLock lock(zone_.mutex());
    KeyTable &table = table_of(zone_);
    if (!table.keep(stamp)) {
        return true;                    // whoever has the duty goes on
    }
    KeySlot *slot = table.find_key(key);
    bool made = slot == nullptr;
    if (made) {
        slot = table.keys.claim();
    }
    if (slot == nullptr) {
        table.lost_key = true;
        return false;
    }
    slot->id = owner.key;
    slot->project = owner.project;
    slot->limited = owner.key_limited;
    slot->stamp = stamp;
    if (made) {
        slot->length = static_cast<std::uint8_t>(key.size());
        std::memcpy(slot->key, key.data(), key.size());
        table.keys.link(slot, hash_of(key.data(), key.size()));
    }
    return true;
}

bool KeyZone::put_project(std::uint32_t stamp, std::uint64_t project, std::uint8_t limited,
                          std::string_view rules) noexcept
{
    ZoneLock lock(zone_.mutex());
    KeyTable &table = table_of(zone_);
    if (!table.keep(stamp)) {
        return true;
    }
    ProjectSlot *slot = table.find_project(project);
    bool made = slot == nullptr;
    if (made) {
        slot = table.projects.claim();
    }
    if (slot == nullptr) {
        return false;
    }
    if (made) {
        slot->id = project;
        slot->rules = nullptr;
        slot->length = 0;
    }
    slot->limited = limited;
    slot->stamp = stamp;
    bool kept = set_rules(zone_.pool(), *slot, rules.substr(0, max_rules));
    if (made) {
        table.projects.link(slot, hash_of(&project, sizeof(project)));
    }
    return kept;
}

bool KeyZone::finish_load(std::uint32_t stamp, std::string_view generation, bool whole) noexcept
{
    ZoneLock lock(zone_.mutex());
    KeyTable &table = table_of(zone_);
    if (table.stamp != stamp) {
        return true;
    }
    bool swept = table.keys.sweep(stamp, [](KeySlot &) {});
    swept |= table.projects.sweep(stamp, [this](ProjectSlot &slot) {
        set_rules(zone_.pool(), slot, {});
    });
    // What did not fit beside the set of before may fit now that this is gone: the
    // generation stays unknown, so that the next poll loads again.
    if (!whole && swept) {
        generation = {};
    }
    generation = generation.substr(0, max_generation);
    table.generation_length = static_cast<std::uint8_t>(generation.size());
    std::copy(generation.begin(), generation.end(), table.generation);
    // Settings that did not fit are missing, but every key is there to be judged.
    table.filled = !table.lost_key;
    table.loading_at = 0;
    return !generation.empty();
}

void KeyZone::abandon_load(std::uint32_t stamp) noexcept
{
    ZoneLock lock(zone_.mutex());
    if (table_of(zone_).stamp == stamp) {
        table_of(zone_).loading_at = 0;
    }
}

void KeyZone::confirm() noexcept
{
    zone_.state().keys_seen_at.store(ngx_current_msec | 1, std::memory_order_relaxed);
}

}
