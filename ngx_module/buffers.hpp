/*
 * Memory of bodies that is used again: what is larger than the caches of the allocator
 * costs it more than the copying of the body does. A few of ordinary size are kept.
 */

#ifndef ERRTRACK_NGX_MODULE_BUFFERS_HPP
#define ERRTRACK_NGX_MODULE_BUFFERS_HPP

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

class Buffers {
public:
    Buffers() { kept_.reserve(most_kept); }

    /* Empty. */
    std::string take() noexcept
    {
        std::string buffer;
        if (!kept_.empty()) {
            buffer = std::move(kept_.back());
            kept_.pop_back();
        }
        return buffer;
    }

    void give(std::string &&buffer) noexcept
    {
        if (buffer.capacity() >= least && buffer.capacity() <= most && kept_.size() < most_kept) {
            buffer.clear();
            kept_.push_back(std::move(buffer));
        }
    }

private:
    static constexpr std::size_t least = 1024;
    static constexpr std::size_t most = 16 * 1024;
    static constexpr std::size_t most_kept = 64;

    std::vector<std::string> kept_;
};

}

#endif
