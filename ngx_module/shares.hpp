/*
 * Who may hold how much of the memory for bodies that are arriving or waiting: one client
 * that sends large bodies slowly must not keep all others out. Half of the buffer is for
 * whoever comes; in the other half a client key or an address may have an eighth of the
 * buffer at most.
 *
 * Holders are counted in a table of fixed size, by hash: two of them may share a place,
 * and then their share.
 */

#ifndef ERRTRACK_NGX_MODULE_SHARES_HPP
#define ERRTRACK_NGX_MODULE_SHARES_HPP

#include <array>
#include <cstddef>
#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {

class Shares {
public:
    explicit Shares(std::size_t buffer) noexcept : buffer_(buffer) {}

    enum class Answer { granted, full, share_used_up };

    /* Takes bytes for a holder of two names (hashes); 0 is nobody's name. */
    Answer hold(std::uint64_t key, std::uint64_t address, std::size_t bytes) noexcept
    {
        if (held_ + bytes > buffer_) {
            return Answer::full;
        }
        if (held_ + bytes > buffer_ / 2
            && (over(key, bytes) || over(address, bytes)))
        {
            return Answer::share_used_up;
        }
        held_ += bytes;
        add(key, bytes);
        add(address, bytes);
        return Answer::granted;
    }

    /* With the names and no more than what was taken under them. */
    void release(std::uint64_t key, std::uint64_t address, std::size_t bytes) noexcept
    {
        held_ -= bytes;
        add(key, std::size_t(0) - bytes);
        add(address, std::size_t(0) - bytes);
    }

    std::size_t held() const noexcept { return held_; }

private:
    std::size_t &place(std::uint64_t name) noexcept
    {
        return places_[(name * 0x9e3779b97f4a7c15u) >> 52];
    }
    bool over(std::uint64_t name, std::size_t bytes) noexcept
    {
        return name != 0 && place(name) + bytes > buffer_ / 8;
    }
    void add(std::uint64_t name, std::size_t bytes) noexcept
    {
        if (name != 0) {
            place(name) += bytes;
        }
    }

    const std::size_t buffer_;
    std::size_t held_ = 0;
    std::array<std::size_t, 4096> places_{};
};

}

#endif
