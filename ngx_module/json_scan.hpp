/*
 * The structure of JSON that streams by: brackets that match, strings that end, one
 * object (or list) and nothing behind it. Of the top level also the names, since the
 * event id and the type of an event stand there, and the number of elements.
 *
 * What is between brackets and quotes is not checked. The worker mends more than any
 * grammar allows (NaN, control bytes, broken UTF-8), and what it cannot read is counted
 * there as invalid.
 */

#ifndef ERRTRACK_NGX_MODULE_JSON_SCAN_HPP
#define ERRTRACK_NGX_MODULE_JSON_SCAN_HPP

#include "ngx_module/scan.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

class JsonScan {
public:
    enum class Top { object, object_or_list };
    explicit JsonScan(Top top) noexcept : top_(top) {}

    /* Both return the first fault; after one the scan is not used again. */
    Fault push(std::string_view bytes);
    Fault finish() const noexcept;

    bool is_list() const noexcept { return (lists_[0] & 1) != 0; }
    unsigned elements() const noexcept { return elements_; }   /* of the list */

    /* Of an object; of members with the same name the last one counts. */
    const std::string &event_id() const noexcept { return event_id_; }
    bool is_transaction() const noexcept { return transaction_; }

private:
    enum class Part { before, name, colon, value, after };
    enum class Member { other, event_id, type };

    const char *skip_string(const char *at, const char *end);
    Fault top_level(unsigned char c);
    Fault begin_document(unsigned char c);
    Fault begin_value(unsigned char c);
    Fault end_string();
    Fault end_element(unsigned char c);
    Fault open_or_close(unsigned char c);

    static constexpr unsigned tracked_depth = 512;
    static constexpr std::size_t max_kept = 224;    /* a UUID with every character escaped */

    Top top_;
    Part part_ = Part::before;
    Member member_ = Member::other;
    bool in_string_ = false;
    bool escaped_ = false;      /* the last byte was a backslash */
    bool begun_ = false;        /* the element of the top level has begun */
    bool keeping_ = false;      /* the string that is being read is wanted */
    bool blank_seen_ = false;
    bool transaction_ = false;
    unsigned marks_ = 0;        /* bytes of a byte order mark, which may only come first */
    unsigned depth_ = 0;
    unsigned elements_ = 0;
    std::uint64_t lists_[tracked_depth / 64] = {};  /* a bit for each level that is a list */
    std::size_t kept_size_ = 0;     /* more than max_kept: too long to be of interest */
    char kept_[max_kept];
    std::string event_id_;
};

}

#endif
