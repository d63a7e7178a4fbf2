/*
 * Ids out of the stock.
 */

#include "ngx_module/ids.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

Ids::Text to_hex(const std::array<unsigned char, 16> &bytes) noexcept
{
    constexpr char digits[] = "0123456789abcdef";
    Ids::Text text;
    for (std::size_t i = 0; i < bytes.size(); i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
    return text;
}

}

Ids::Bytes Ids::draw()
{
    if (used_ == stock_.size()) {
        if (RAND_bytes(stock_.data(), static_cast<int>(stock_.size())) != 1) {
            throw std::runtime_error("no random bytes to be had");
        }
        used_ = 0;
    }
    Bytes bytes;
    std::copy_n(stock_.begin() + static_cast<std::ptrdiff_t>(used_), bytes.size(), bytes.begin());
    used_ += bytes.size();
    return bytes;
}

Ids::Text Ids::event_id()
{
    Bytes bytes = draw();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    return to_hex(bytes);
}

Ids::Text Ids::delivery_id(std::int64_t milliseconds)
{
    Bytes bytes = draw();
    for (std::size_t i = 6; i-- > 0;) {
        bytes[i] = static_cast<unsigned char>(milliseconds & 0xff);
        milliseconds >>= 8;
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x70);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    return to_hex(bytes);
}

}
