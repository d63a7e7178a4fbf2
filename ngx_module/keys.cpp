/*
 * The table: an array of slots with chains by hash, made once when the zone is
 * made, so that nothing is allocated later and a look-up is short. A load stamps
 * the slots that it meets, and the rest is swept.
 */

#include "ngx_module/keys.hpp"

#include "worker/entry.hpp"

#include <jansson.h>

#include <algorithm>
#include <cstring>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr std::uint32_t none = 0xffffffff;
constexpr ngx_msec_t poll_every = 1000;
constexpr time_t load_at_most = 5;      /* seconds without a step before another takes the duty */
constexpr std::size_t max_generation = 64;

struct Slot {
    std::uint64_t id;
    std::uint64_t project;
    std::uint32_t next;
    std::uint32_t stamp;
    std::uint8_t length;                /* 0: free */
    char key[max_key_length];
};

/* Released at the end of the scope, whatever happens in it. */
class Lock {
public:
    explicit Lock(ngx_shmtx_t *mutex) noexcept : mutex_(mutex) { ngx_shmtx_lock(mutex_); }
    ~Lock() { ngx_shmtx_unlock(mutex_); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

private:
    ngx_shmtx_t *mutex_;
};

ngx_shmtx_t *mutex_of(ngx_shm_zone_t *zone) noexcept
{
    return &reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr)->mutex;
}

}

struct KeyTable {
    std::uint32_t capacity;
    std::uint32_t buckets;
    std::uint32_t free;                 /* head of the chain of free slots */
    std::uint32_t stamp;                /* of the newest load */
    ngx_uint_t filled;
    time_t loading_at;                  /* last step of the load under way; 0: none is */
    std::uint8_t generation_length;
    char generation[max_generation];

    std::uint32_t *heads() noexcept { return reinterpret_cast<std::uint32_t *>(this + 1); }
    Slot *slots() noexcept
    {
        // buckets is even, so the slots are aligned.
        return reinterpret_cast<Slot *>(heads() + buckets);
    }
    std::uint32_t bucket(std::string_view key) const noexcept
    {
        auto *data = reinterpret_cast<u_char *>(const_cast<char *>(key.data()));
        return ngx_murmur_hash2(data, key.size()) % buckets;
    }
    std::uint32_t find(std::string_view key) noexcept
    {
        for (std::uint32_t i = heads()[bucket(key)]; i != none; i = slots()[i].next) {
            Slot &slot = slots()[i];
            if (slot.length == key.size() && std::memcmp(slot.key, key.data(), key.size()) == 0) {
                return i;
            }
        }
        return none;
    }
};
static_assert(sizeof(KeyTable) % alignof(Slot) == 0);
static_assert(std::is_trivially_destructible_v<KeyTable>);

KeyTable *KeyZone::table() const noexcept
{
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone_->shm.addr);
    return static_cast<KeyTable *>(pool->data);
}

ngx_int_t KeyZone::init(ngx_shm_zone_t *zone, void *old) noexcept
{
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (old != nullptr || zone->shm.exists) {
        return NGX_OK;
    }
    // The slab keeps a page descriptor for each page, and its own header.
    std::size_t overhead = 16 * ngx_pagesize + zone->shm.size / 64;
    std::size_t room = zone->shm.size - std::min(overhead, zone->shm.size);
    std::size_t each = sizeof(Slot) + sizeof(std::uint32_t);
    auto capacity = static_cast<std::uint32_t>((room - sizeof(KeyTable)) / each) & ~1u;

    std::size_t size = sizeof(KeyTable) + capacity * each;
    auto *table = static_cast<KeyTable *>(ngx_slab_alloc(pool, size));
    if (table == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "zone \"%V\" is too small",
                      &zone->shm.name);
        return NGX_ERROR;
    }
    ngx_memzero(table, sizeof(KeyTable));
    table->capacity = capacity;
    table->buckets = capacity;
    for (std::uint32_t i = 0; i < capacity; i++) {
        table->heads()[i] = none;
        table->slots()[i].length = 0;
        table->slots()[i].next = i + 1 < capacity ? i + 1 : none;
    }
    pool->data = table;
    return NGX_OK;
}

std::optional<KeyInfo> KeyZone::find(std::string_view key) const noexcept
{
    Lock lock(mutex_of(zone_));
    KeyTable *t = table();
    std::uint32_t i = t->find(key);
    if (i == none) {
        return std::nullopt;
    }
    return KeyInfo{t->slots()[i].id, t->slots()[i].project};
}

bool KeyZone::filled() const noexcept
{
    Lock lock(mutex_of(zone_));
    return table()->filled != 0;
}

std::string KeyZone::generation() const
{
    char copy[max_generation];
    std::size_t length;
    {
        Lock lock(mutex_of(zone_));
        length = table()->generation_length;
        std::memcpy(copy, table()->generation, length);
    }
    return {copy, length};
}

bool KeyZone::begin_load(std::uint32_t &stamp) noexcept
{
    Lock lock(mutex_of(zone_));
    KeyTable *t = table();
    time_t age = ngx_time() - t->loading_at;
    if (t->loading_at != 0 && age >= 0 && age < load_at_most) {
        return false;
    }
    t->loading_at = ngx_time();
    stamp = ++t->stamp;
    return true;
}

bool KeyZone::put(std::uint32_t stamp, std::string_view key, const KeyInfo &info) noexcept
{
    Lock lock(mutex_of(zone_));
    KeyTable *t = table();
    if (t->stamp != stamp) {
        return true;                    // the duty was lost: whoever has it goes on
    }
    t->loading_at = ngx_time();
    std::uint32_t i = t->find(key);
    bool made = i == none;
    if (made) {
        if (t->free == none) {
            return false;
        }
        i = t->free;
        t->free = t->slots()[i].next;
    }
    Slot &slot = t->slots()[i];
    slot.id = info.id;
    slot.project = info.project;
    slot.stamp = stamp;
    if (made) {
        // Linked last: a process that is killed in here leaves no half a key behind.
        std::memcpy(slot.key, key.data(), key.size());
        slot.length = static_cast<std::uint8_t>(key.size());
        std::uint32_t head = t->bucket(key);
        slot.next = t->heads()[head];
        t->heads()[head] = i;
    }
    return true;
}

bool KeyZone::finish_load(std::uint32_t stamp, std::string_view generation, bool whole) noexcept
{
    Lock lock(mutex_of(zone_));
    KeyTable *t = table();
    if (t->stamp != stamp) {
        return true;
    }
    bool swept = false;
    for (std::uint32_t head = 0; head < t->buckets; head++) {
        std::uint32_t *from = &t->heads()[head];
        while (*from != none) {
            Slot &slot = t->slots()[*from];
            if (slot.stamp == stamp) {
                from = &slot.next;
                continue;
            }
            std::uint32_t gone = *from;
            *from = slot.next;
            slot.length = 0;
            slot.next = t->free;
            t->free = gone;
            swept = true;
        }
    }
    // What did not fit beside the keys of before may fit now that these are gone: the
    // generation stays unknown, so that the next poll loads again.
    if (!whole && swept) {
        generation = {};
    }
    generation = generation.substr(0, max_generation);
    t->generation_length = static_cast<std::uint8_t>(generation.size());
    std::copy(generation.begin(), generation.end(), t->generation);
    t->filled = whole;
    t->loading_at = 0;
    return !generation.empty();
}

void KeyZone::abandon_load(std::uint32_t stamp) noexcept
{
    Lock lock(mutex_of(zone_));
    if (table()->stamp == stamp) {
        table()->loading_at = 0;
    }
}

KeyLoader::KeyLoader(KeyZone zone, RedisLink &link, ngx_log_t *log)
    : zone_(zone), link_(link), log_(log)
{
    timer_owner_.fd = static_cast<ngx_socket_t>(-1);
    timer_owner_.data = this;
    timer_.data = &timer_owner_;
    timer_.log = log;
    timer_.handler = on_timer;
    timer_.cancelable = 1;
    ngx_add_timer(&timer_, 1);
}

KeyLoader::~KeyLoader()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

void KeyLoader::on_timer(ngx_event_t *ev) noexcept
{
    auto *loader = static_cast<KeyLoader *>(static_cast<ngx_connection_t *>(ev->data)->data);
    guarded(loader->log_, "polling the client keys", [loader] {
        loader->poll();
        return NGX_OK;
    });
    if (!ngx_exiting) {
        // Until there is a set nobody can be let in: look often.
        ngx_add_timer(ev, loader->zone_.filled() ? poll_every : poll_every / 10);
    }
}

void KeyLoader::poll()
{
    if (busy_ || !link_.up() || ngx_exiting) {
        return;
    }
    busy_ = link_.call({"HGET", keys_hash, keys_marker},
                       [this](const redisReply *reply) { on_generation(reply); });
}

void KeyLoader::on_generation(const redisReply *reply)
{
    busy_ = false;
    if (reply == nullptr || reply->type != REDIS_REPLY_STRING) {
        // New or flushed: not the same as a set without keys. The known set stays.
        if (reply != nullptr && reply->type == REDIS_REPLY_NIL && !missing_logged_) {
            missing_logged_ = true;
            ngx_log_error(NGX_LOG_WARN, log_, 0,
                          "redis holds no client keys: is errtrack-worker running?");
        }
        return;
    }
    missing_logged_ = false;
    std::string generation(reply->str, reply->len);
    if (generation == zone_.generation()) {
        return;
    }
    if (!zone_.begin_load(stamp_)) {
        return;
    }
    loading_ = std::move(generation);
    loaded_ = 0;
    overflow_ = false;
    busy_ = true;
    read_step("0");
}

void KeyLoader::read_step(const std::string &cursor)
{
    if (!link_.call({"HSCAN", keys_hash, cursor, "COUNT", "500"},
                    [this](const redisReply *reply) { on_step(reply); }))
    {
        give_up();
    }
}

void KeyLoader::on_step(const redisReply *reply)
{
    if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[1]->type != REDIS_REPLY_ARRAY)
    {
        give_up();
        return;
    }
    const redisReply *pairs = reply->element[1];
    for (std::size_t i = 0; i + 1 < pairs->elements; i += 2) {
        put(pairs->element[i], pairs->element[i + 1]);
    }
    std::string cursor(reply->element[0]->str, reply->element[0]->len);
    if (cursor != "0") {
        read_step(cursor);
    } else if (!link_.call({"HGET", keys_hash, keys_marker}, [this](const redisReply *last) {
                   on_last_generation(last);
               }))
    {
        give_up();
    }
}

void KeyLoader::put(const redisReply *key, const redisReply *value)
{
    if (key->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
        return;
    }
    std::string_view name(key->str, key->len);
    if (!is_public_key(name)) {
        return;                         // the marker
    }
    json_int_t id = 0;
    json_int_t project = 0;
    json_t *info = json_loadb(value->str, value->len, 0, nullptr);
    bool good = info != nullptr
                && json_unpack(info, "{s:I, s:I}", "id", &id, "project", &project) == 0;
    json_decref(info);
    if (!good) {
        return;
    }
    if (!zone_.put(stamp_, name, {static_cast<std::uint64_t>(id),
                                  static_cast<std::uint64_t>(project)}))
    {
        overflow_ = true;
    }
    loaded_++;
}

/* The set was exchanged while it was read: what was read is a mixture. */
void KeyLoader::on_last_generation(const redisReply *reply)
{
    if (reply == nullptr || reply->type != REDIS_REPLY_STRING
        || std::string_view(reply->str, reply->len) != loading_)
    {
        give_up();
        return;
    }
    busy_ = false;
    bool settled = zone_.finish_load(stamp_, loading_, !overflow_);
    ngx_log_error(NGX_LOG_INFO, log_, 0, "client keys loaded: %uz", loaded_);
    if (overflow_ && settled) {
        ngx_log_error(NGX_LOG_CRIT, log_, 0,
                      "the errtrack_zone is too small for %uz client keys: enlarge it", loaded_);
    }
}

void KeyLoader::give_up()
{
    busy_ = false;
    zone_.abandon_load(stamp_);
}

}
