/*
 * Numbers and checksums of a spool segment.
 */

#include "ngx_module/spool_segment.hpp"

#include <zlib.h>

#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

void put_number(char *to, std::uint32_t number) noexcept
{
    for (int i = 0; i < 4; i++) {
        to[i] = static_cast<char>(number >> (8 * i) & 0xff);
    }
}

std::uint32_t number_at(const char *from) noexcept
{
    std::uint32_t number = 0;
    for (int i = 0; i < 4; i++) {
        number |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
    }
    return number;
}

std::uint32_t checksum(std::string_view bytes, std::uint32_t before = 0) noexcept
{
    // Given no address, crc32_z begins anew instead of going on.
    return bytes.empty() ? before
                         : static_cast<std::uint32_t>(crc32_z(
                               before, reinterpret_cast<const Bytef *>(bytes.data()),
                               bytes.size()));
}

}

RecordHeader record_header(std::string_view meta, std::string_view body) noexcept
{
    RecordHeader header;
    put_number(&header[4], static_cast<std::uint32_t>(meta.size()));
    put_number(&header[8], static_cast<std::uint32_t>(body.size()));
    put_number(&header[12], checksum(body, checksum(meta)));
    put_number(&header[0], checksum({&header[4], record_header_size - 4}));
    return header;
}

RecordScanner::Found RecordScanner::next(RecordView &record) noexcept
{
    std::string_view rest = piece_.substr(used_);
    if (rest.size() < record_header_size) {
        needed_ = record_header_size;
        return Found::more;
    }
    const char *header = rest.data();
    if (number_at(header) != checksum(rest.substr(4, record_header_size - 4))) {
        return Found::broken;
    }
    std::uint64_t meta = number_at(header + 4);
    std::uint64_t body = number_at(header + 8);
    if (meta + body > largest_record) {
        return Found::broken;
    }
    std::size_t size = record_header_size + static_cast<std::size_t>(meta + body);
    if (rest.size() < size) {
        needed_ = size;
        return Found::more;
    }
    used_ += size;
    std::string_view content = rest.substr(record_header_size, size - record_header_size);
    if (number_at(header + 12) != checksum(content)) {
        return Found::damaged;
    }
    record = {content.substr(0, meta), content.substr(meta)};
    return Found::record;
}

}
