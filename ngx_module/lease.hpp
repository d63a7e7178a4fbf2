/*
 * The arithmetic of leased quotas: windows, how much to lease, what a value of the
 * counter grants, and what to do without a counter. Knows neither nginx nor Redis, and
 * nothing is allocated: the state is plain data that lies in shared memory.
 *
 * What must stay true: the sizes granted by one counter never add up to more than the
 * limit, and one nginx never spends more than the limit in a window, whatever happens
 * to the counter.
 */

#ifndef ERRTRACK_NGX_MODULE_LEASE_HPP
#define ERRTRACK_NGX_MODULE_LEASE_HPP

#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Limits above this one are cut to it, so that no sum here or in Redis overflows. */
inline constexpr std::uint64_t highest_limit = std::uint64_t{1} << 60;

std::int64_t window_at(std::int64_t now_ms, std::uint32_t seconds) noexcept;

/* Until that window ends: rounded up, at least 1. */
std::uint32_t seconds_left(std::int64_t now_ms, std::int64_t window,
                           std::uint32_t seconds) noexcept;

/* How much is leased at a time when the counter stands at seen: less and less towards
 * the limit, so that little lies about where nobody asks for it. */
std::uint64_t chunk_of(std::uint64_t limit, std::uint64_t seen) noexcept;

/* A lease on its way: to the counter of window go size + reported. */
struct Lease {
    std::int64_t window;
    std::uint64_t size;         /* tokens that are asked for */
    std::uint64_t reported;     /* what was spent without asking */
    std::uint64_t seen;         /* where the counter stood at least when this was sent */
};

enum class Spending : std::uint8_t {
    spent,
    refused,    /* until the window ends */
    missing,    /* a lease may help */
};

/* What one nginx knows of a quota in one window. All zero is a good beginning. */
struct QuotaWindow {
    std::int64_t number;
    std::uint64_t tokens;       /* leased and not spent */
    std::uint64_t used;         /* spent by this nginx, leased or not */
    std::uint64_t unreported;   /* of what was spent or given back: unknown to the counter */
    std::uint64_t seen;         /* by the counter, when it last answered */
    bool drained;               /* the counter has reached the limit: nothing to lease */

    /* Forgets a window that has ended. Clocks of processes differ a little, so the window
     * just before this one still means this one. */
    void enter(std::int64_t window) noexcept;

    /* What spend would say now. */
    Spending judge(std::uint64_t limit, std::uint64_t n) const noexcept;

    /* Takes tokens for n items, when they are there. */
    Spending spend(std::uint64_t limit, std::uint64_t n) noexcept;

    /* The same without a counter: the limit is this nginx's alone. Never missing. */
    Spending spend_alone(std::uint64_t limit, std::uint64_t n) noexcept;

    /* What spend took in that window; nothing when it has ended. */
    void give_back(std::int64_t window, std::uint64_t n) noexcept;

    /* Nobody gets anything any more in this window. */
    bool used_up(std::uint64_t limit) const noexcept
    {
        return used >= limit || (drained && tokens == 0);
    }

    /* Time to lease before anybody waits. */
    bool low(std::uint64_t limit) const noexcept;

    /* A lease for waiting requests of wanted items in all; whole: a chunk, if that is more. */
    Lease begin_lease(std::uint64_t limit, std::uint64_t wanted, bool whole) noexcept;

    /* The counter stands at value now. Tells how much was granted, which may be nothing. */
    std::uint64_t end_lease(std::uint64_t limit, const Lease &lease, std::uint64_t value) noexcept;

    /* It is not known whether the counter was told. Then it is told again: too much is
     * counted rather than too little. */
    void fail_lease(const Lease &lease) noexcept;
};

}

#endif
