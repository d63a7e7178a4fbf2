/*
 * Any bytes may lie in a segment: what is found in them is what would have been written,
 * and reading comes to an end. For clang -fsanitize=fuzzer.
 */

#include "ngx_module/spool_segment.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    using namespace errtrack;
    using Found = RecordScanner::Found;
    // A checksum is not found by chance: the first byte tells where a sound record stands.
    std::string bytes(reinterpret_cast<const char *>(data), size);
    if (size > 1) {
        std::size_t meta = std::min<std::size_t>(data[0], size - 1);
        std::string_view view(bytes);
        RecordHeader header = record_header(view.substr(1, meta), view.substr(1 + meta));
        bytes.insert(1, header.data(), header.size());
        bytes.erase(0, data[0] % 3 == 0 ? 1 : 0);
    }
    RecordScanner scanner(bytes);
    for (;;) {
        std::size_t from = scanner.used();
        RecordView record;
        Found found = scanner.next(record);
        std::size_t passed = scanner.used() - from;
        if (found == Found::more || found == Found::broken) {
            bool short_of = found == Found::broken
                            || (scanner.needed() > bytes.size() - from
                                && scanner.needed() <= largest_record + record_header_size);
            if (passed != 0 || !short_of) {
                std::abort();
            }
            return 0;
        }
        if (passed < record_header_size) {
            std::abort();
        }
        if (found == Found::record) {
            RecordHeader header = record_header(record.meta, record.body);
            std::string again = std::string(header.data(), header.size())
                                    .append(record.meta).append(record.body);
            if (bytes.compare(from, passed, again) != 0) {
                std::abort();
            }
        }
    }
}
