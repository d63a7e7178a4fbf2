/*
 * How much may be brought with keys that nobody here can check, in each worker process: a
 * megabyte a minute by one address, so that it does not use up what all of them have
 * together, which is sixteen. A small report counts as 4 KiB: each may have a key of its
 * own, and GitLab is asked about ten of these in a second.
 *
 * Addresses are counted in a table of fixed size, by hash: two of them may share a place,
 * and then their megabyte.
 */

#ifndef ERRTRACK_NGX_MODULE_UNVERIFIED_HPP
#define ERRTRACK_NGX_MODULE_UNVERIFIED_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>

namespace errtrack __attribute__((visibility("hidden"))) {

class UnverifiedBudget {
public:
    /* address is a hash, now in seconds. False: used up until the minute ends. */
    bool spend(std::uint64_t address, std::size_t bytes, std::time_t now) noexcept
    {
        bytes = std::max(bytes, least);
        Place &place = places_[(address * 0x9e3779b97f4a7c15u) >> 54];
        if (place.minute != now / 60) {
            place = {now / 60, 0};
        }
        if (all_.minute != now / 60) {
            all_ = {now / 60, 0};
        }
        if (place.bytes + bytes > most || all_.bytes + bytes > most_of_all) {
            return false;
        }
        place.bytes += bytes;
        all_.bytes += bytes;
        return true;
    }

private:
    static constexpr std::size_t least = 4 * 1024;
    static constexpr std::size_t most = 1024 * 1024;
    static constexpr std::size_t most_of_all = 16 * most;

    struct Place {
        std::time_t minute;
        std::size_t bytes;
    };
    std::array<Place, 1024> places_{};
    Place all_{};
};

}

#endif
