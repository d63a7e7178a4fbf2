/*
 * Quotas over a whole fleet without asking anybody for each request: tokens are leased
 * from a counter in Redis in chunks, kept in shared memory and spent from there.
 *
 * A quota is (scope, category): at most so many items in a window of so many seconds.
 * Windows are floor(clock of Redis / length). A lease is INCRBY and EXPIRE in one
 * pipeline on
 *
 *     errtrack:quota:{key|project}:{id}:{category}:{length}:{window}
 *
 * by chunk = clamp(limit / 100, 1, 1000), halving near the end of the limit, never less
 * than what is asked for; what the counter gave beyond the limit was not granted. So
 * the limit is exact from above, and a refusal is remembered until the window ends.
 * While Redis is away each nginx applies the limit by itself.
 */

#ifndef ERRTRACK_NGX_MODULE_QUOTA_HPP
#define ERRTRACK_NGX_MODULE_QUOTA_HPP

#include "ngx_module/redis_link.hpp"
#include "ngx_module/zone.hpp"
#include "worker/entry.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Scope : std::uint8_t { key, project };

/* Whose quotas a request counts against. A bit of limited for each Category that has a
 * quota: most have none, and then nothing is looked up. */
struct QuotaOwner {
    std::uint64_t key;
    std::uint64_t project;
    std::uint8_t key_limited;
    std::uint8_t project_limited;
};

/* A quota that is used up. */
struct Exhausted {
    Scope scope;
    Category category;
    std::uint32_t seconds;      /* until it is filled again, rounded up, at least 1 */
};

/* Items of a request by category; counts[all] is all of them but client reports. */
using ItemCounts = std::array<std::uint32_t, categories>;

struct Decision {
    std::uint8_t dropped = 0;                   /* bit by Category; bit of all: everything */
    std::uint8_t used = 0;                      /* entries of exhausted */
    std::array<Exhausted, 2 * categories> exhausted{};
};

/* A handle on the table in the zone. */
class QuotaZone {
public:
    explicit QuotaZone(Zone zone) noexcept : zone_(zone) {}

    /* For the loader of the keys (keys.hpp): sets a quota; tokens of the present window
     * stay unless limit or length change. False: no room. seconds is at least 1. */
    bool put(std::uint32_t stamp, Scope scope, std::uint64_t id, Category category,
             std::uint64_t limit, std::uint32_t seconds) noexcept;
    /* Drops every quota that was not put with this stamp. */
    void sweep(std::uint32_t stamp) noexcept;

    Zone zone() const noexcept { return zone_; }

private:
    Zone zone_;
};

/* One for each process, beside its link. */
class Quotas {
public:
    Quotas(QuotaZone zone, RedisLink &link, ngx_log_t *log);
    ~Quotas();
    Quotas(const Quotas &) = delete;
    Quotas &operator=(const Quotas &) = delete;

    /* Whether the quota "all" is known to be used up: one or two look-ups, no round trip,
     * no allocation. The longer one when both scopes are. */
    std::optional<Exhausted> refused(const QuotaOwner &owner) noexcept;

    /*
     * Takes tokens for the items of a request and tells what may stay. done runs exactly
     * once, at once when the tokens are there, else when a lease has come or failed, on
     * the event loop; it must not throw, and what it holds must outlive its request.
     *
     * "all" first: when it is refused everything is. Then the other categories that have
     * items; "error" takes "attachment" along. Whatever is refused in the end takes no
     * tokens: if one scope refuses, the other gets back what it gave.
     */
    void take(const QuotaOwner &owner, const ItemCounts &counts,
              std::function<void(const Decision &)> done);

    /* Leases in flight, for the metrics. */
    std::size_t leasing() const noexcept;

private:
    struct Work;
    std::unique_ptr<Work> work_;
};

}

#endif
