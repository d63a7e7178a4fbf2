/*
 * How the zone is divided: counters take what they need, quotas an eighth, keys the rest.
 */

#include "ngx_module/zone.hpp"

#include <openssl/rand.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Another layout must not be taken over by a reload with a newer module. */
constexpr std::uint32_t layout = 2;

constexpr std::size_t counter_bytes = 384 * 1024;

}

ngx_int_t Zone::init(ngx_shm_zone_t *zone, void *old) noexcept
{
    Zone made(zone);
    if (old != nullptr || zone->shm.exists) {
        if (made.root().layout == layout) {
            return NGX_OK;
        }
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" was made by another version of errtrack: restart nginx",
                      &zone->shm.name);
        return NGX_ERROR;
    }
    ngx_slab_pool_t *pool = made.pool();
    // The slab keeps a page descriptor for each page, and each table is whole pages.
    std::size_t overhead = 24 * ngx_pagesize + zone->shm.size / 64;
    std::size_t room = zone->shm.size - overhead - counter_bytes;
    auto *root = static_cast<ZoneRoot *>(ngx_slab_calloc(pool, sizeof(ZoneRoot)));
    unsigned char random[16];
    if (root == nullptr || RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }
    ngx_hex_dump(reinterpret_cast<u_char *>(root->state.boot), random, sizeof(random));
    root->layout = layout;
    root->counters = make_counter_table(pool, counter_bytes);
    root->quotas = make_quota_table(pool, room / 8);
    root->keys = make_key_table(pool, room - room / 8);
    if (root->counters == nullptr || root->quotas == nullptr || root->keys == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "zone \"%V\" is too small",
                      &zone->shm.name);
        return NGX_ERROR;
    }
    pool->data = root;
    return NGX_OK;
}

}
