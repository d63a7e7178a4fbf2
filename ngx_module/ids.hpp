/*
 * Ids of events and deliveries. Random bytes are drawn in stocks: to ask for each id
 * costs more than all the rest of it. One for each process, made after the fork, or two
 * processes would make the same ids.
 */

#ifndef ERRTRACK_NGX_MODULE_IDS_HPP
#define ERRTRACK_NGX_MODULE_IDS_HPP

#include <array>
#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {

class Ids {
public:
    using Text = std::array<char, 32>;

    /* 32 random hex digits in the form of a UUID of version 4. Throws when there is no
     * randomness: ids would collide, and events be taken for duplicates. */
    Text event_id();

    /* The same of version 7 (RFC 9562): they grow with time, so that the index of the
     * deliveries grows at its end. */
    Text delivery_id(std::int64_t milliseconds);

private:
    using Bytes = std::array<unsigned char, 16>;

    Bytes draw();

    std::array<unsigned char, 4096> stock_;
    std::size_t used_ = sizeof(stock_);
};

}

#endif
