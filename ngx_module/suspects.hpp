/*
 * Who floods with bombs. A body is inflated up to where it turns out to be one, which takes
 * milliseconds, as reports of good clients may shrink a lot: whoever sends nothing else could
 * keep the event loop busy with that. So after several bombs within seconds what the same
 * sender compressed is refused unread, until those seconds are over.
 *
 * A sender is a client key together with an address, so that nobody else who reports with
 * that key is concerned. They are counted in a table of fixed size, by hash: senders may
 * share a place, and then their bombs.
 */

#ifndef ERRTRACK_NGX_MODULE_SUSPECTS_HPP
#define ERRTRACK_NGX_MODULE_SUSPECTS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

class Suspects {
public:
    /* Milliseconds, of any clock that goes on. */
    static constexpr std::uint64_t period = 5'000;
    static constexpr unsigned most_bombs = 8;

    void bomb(std::uint64_t key, std::string_view address, std::uint64_t now) noexcept
    {
        Place &sender = place(key, address);
        if (now >= sender.until) {
            sender = {now + period, 0};
        }
        sender.bombs++;
    }

    bool refused(std::uint64_t key, std::string_view address, std::uint64_t now) noexcept
    {
        const Place &sender = place(key, address);
        return sender.bombs >= most_bombs && now < sender.until;
    }

private:
    struct Place {
        std::uint64_t until;
        unsigned bombs;
    };

    Place &place(std::uint64_t key, std::string_view address) noexcept
    {
        std::uint64_t name = key ^ std::hash<std::string_view>()(address);
        return places_[(name * 0x9e3779b97f4a7c15u) >> 54];
    }

    std::array<Place, 1024> places_{};
};

}

#endif
