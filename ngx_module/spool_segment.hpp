/*
 * The bytes of a spool segment. Knows nothing of files, nor of nginx.
 *
 *     segment   magic "errspool", version (32 bits), records
 *     record    CRC of the next three words, bytes of meta, bytes of body, CRC of meta and
 *               body (32 bits each), meta, body
 *
 * Numbers are little-endian, CRCs are zlib's. Lengths have a CRC of their own: a record
 * whose content was damaged can be skipped, and an end that is torn off differs from a
 * length that is wrong.
 */

#ifndef ERRTRACK_NGX_MODULE_SPOOL_SEGMENT_HPP
#define ERRTRACK_NGX_MODULE_SPOOL_SEGMENT_HPP

#include <array>
#include <cstddef>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

inline constexpr std::string_view segment_header{"errspool\1\0\0\0", 12};
inline constexpr std::size_t record_header_size = 16;

/* Bytes of meta and body together at most: bounds what a reader must hold. */
inline constexpr std::size_t largest_record = 128 * 1024 * 1024;

using RecordHeader = std::array<char, record_header_size>;

/* What stands before meta and body, which are at most largest_record bytes. */
RecordHeader record_header(std::string_view meta, std::string_view body) noexcept;

inline std::size_t record_size(std::string_view meta, std::string_view body) noexcept
{
    return record_header_size + meta.size() + body.size();
}

struct RecordView {
    std::string_view meta;
    std::string_view body;
};

/* Finds the records in a piece of a segment that begins with a record. */
class RecordScanner {
public:
    enum class Found {
        record,     /* whole and sound; passed */
        damaged,    /* its content is not what was written; passed */
        more,       /* the piece ends before the record does: torn, if nothing follows */
        broken,     /* no record begins here, so that none behind it can be found */
    };

    explicit RecordScanner(std::string_view piece) noexcept : piece_(piece) {}

    /* The views point into the piece. */
    Found next(RecordView &record) noexcept;

    /* Bytes that were passed. */
    std::size_t used() const noexcept { return used_; }

    /* After more: bytes behind used() that it takes to know more; never above
     * largest_record and a header. */
    std::size_t needed() const noexcept { return needed_; }

private:
    std::string_view piece_;
    std::size_t used_ = 0;
    std::size_t needed_ = 0;
};

}

#endif
