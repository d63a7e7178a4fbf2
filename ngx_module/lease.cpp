/*
 * The life of a token: leased from the counter, spent, perhaps given back, worthless
 * when its window ends.
 */

#include "ngx_module/lease.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::uint64_t biggest_chunk = 1000;

}

std::int64_t window_at(std::int64_t now_ms, std::uint32_t seconds) noexcept
{
    return std::max<std::int64_t>(now_ms, 0) / 1000 / seconds;
}

std::uint32_t seconds_left(std::int64_t now_ms, std::int64_t window,
                           std::uint32_t seconds) noexcept
{
    std::int64_t left = (window + 1) * seconds * 1000 - now_ms;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>((left + 999) / 1000, 1, seconds));
}

std::uint64_t chunk_of(std::uint64_t limit, std::uint64_t seen) noexcept
{
    std::uint64_t chunk = std::clamp<std::uint64_t>(limit / 100, 1, biggest_chunk);
    std::uint64_t left = limit - std::min(seen, limit);
    while (chunk > 1 && chunk * 4 > left) {
        chunk /= 2;
    }
    return chunk;
}

void QuotaWindow::enter(std::int64_t window) noexcept
{
    if (window != number && window != number - 1) {
        *this = {};
        number = window;
    }
}

Spending QuotaWindow::judge(std::uint64_t limit, std::uint64_t n) const noexcept
{
    if (used + n > limit) {
        return Spending::refused;
    }
    if (tokens < n) {
        return drained ? Spending::refused : Spending::missing;
    }
    return Spending::spent;
}

Spending QuotaWindow::spend(std::uint64_t limit, std::uint64_t n) noexcept
{
    Spending verdict = judge(limit, n);
    if (verdict == Spending::spent) {
        tokens -= n;
        used += n;
    }
    return verdict;
}

Spending QuotaWindow::spend_alone(std::uint64_t limit, std::uint64_t n) noexcept
{
    Spending verdict = spend(limit, n);
    if (verdict == Spending::missing) {
        unreported += n - tokens;
        tokens = 0;
        used += n;
        verdict = Spending::spent;
    }
    return verdict;
}

void QuotaWindow::give_back(std::int64_t window, std::uint64_t n) noexcept
{
    if (window != number) {
        return;
    }
    n = std::min(n, used);
    used -= n;
    // Tokens, whether they were leased or not: what is unreported backs them.
    tokens += n;
}

bool QuotaWindow::low(std::uint64_t limit) const noexcept
{
    return !drained && used + tokens < limit && tokens < chunk_of(limit, seen) / 4;
}

Lease QuotaWindow::begin_lease(std::uint64_t limit, std::uint64_t wanted, bool whole) noexcept
{
    std::uint64_t size = wanted - std::min(wanted, tokens);
    if (whole) {
        size = std::max(size, chunk_of(limit, seen));
    }
    // Beyond that this nginx could not spend it.
    size = std::min(size, limit - std::min(limit, used + tokens));
    Lease lease = {number, std::max<std::uint64_t>(size, 1), unreported, seen};
    unreported = 0;
    return lease;
}

std::uint64_t QuotaWindow::end_lease(std::uint64_t limit, const Lease &lease,
                                     std::uint64_t value) noexcept
{
    if (lease.window != number) {
        return 0;
    }
    // A counter that stands below what it once showed has forgotten (a Redis that came
    // back empty, a replica that lagged). It is told again, as far as it was told by us.
    std::uint64_t told = lease.size + lease.reported;
    std::uint64_t before = value - std::min(value, told);
    if (before < lease.seen) {
        unreported = std::min(unreported + lease.seen - before, used + tokens);
    }
    seen = value;
    drained = value >= limit;
    std::uint64_t beyond = value - std::min(value, limit);
    std::uint64_t granted = lease.size - std::min(lease.size, beyond);
    tokens += granted;
    return granted;
}

void QuotaWindow::fail_lease(const Lease &lease) noexcept
{
    if (lease.window == number) {
        unreported += lease.reported;
    }
}

}
