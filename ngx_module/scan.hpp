/*
 * Checks the structure of a plain body while it streams by. A 200 cannot be taken
 * back, so whatever the worker could not read is refused here; what is inside an item
 * is not looked at. One scanner for each kind of body:
 *
 *     envelope_scan.hpp     header, item headers, lengths
 *     store_scan.hpp        one event as JSON, also in the wrappings of old clients
 *     security_scan.hpp     reports of browsers, one or a list
 *     multipart_scan.hpp    minidumps and attachments
 *
 * All are fed by anybody on the network: one pass whatever the pieces, no recursion,
 * no allocation that grows with the body. Rules: protocol reference, sections 3.3 to
 * 3.5, 4 and 10.
 */

#ifndef ERRTRACK_NGX_MODULE_SCAN_HPP
#define ERRTRACK_NGX_MODULE_SCAN_HPP

#include "ngx_module/endpoint.hpp"
#include "worker/entry.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace errtrack __attribute__((visibility("hidden"))) {

/* What is wrong with a body. Texts are literals, for the answer to the client. */
struct Fault {
    std::string_view reason;    /* a word of worker/outcome.hpp; empty: nothing is wrong */
    std::string_view detail;
    std::string_view cause;

    explicit operator bool() const noexcept { return !reason.empty(); }
};

struct ScanLimits {
    std::size_t event_bytes;    /* of one event or transaction item, or a store body */
    std::size_t plain_bytes;    /* of the whole body when inflated */
};

/* How many items of each type, in the order of the types. No heap: the usual request
 * has one. A type that could not be written into the summary, that is longer than any
 * known one, or that comes after too many others, counts as "other". */
class TypeCounts {
public:
    static constexpr std::size_t max_types = 24;
    static constexpr std::size_t max_type = 64;
    static constexpr std::size_t max_kept = 16;     /* "profile_chunk_ui" */

    struct Entry {
        std::uint32_t count;
        std::uint8_t size;
        char text[max_kept];

        std::string_view type() const noexcept { return {text, size}; }
    };

    /* type has at most max_type bytes. */
    void add(std::string_view type, std::uint32_t count) noexcept;

    const Entry *begin() const noexcept { return entries_; }
    const Entry *end() const noexcept { return entries_ + size_; }

private:
    std::size_t size_ = 0;
    Entry entries_[max_types + 1];
};

/* What the scan found out. Counts are complete after finish(). */
struct Summary {
    std::string event_id;               /* 32 lower-case hex digits, or empty */
    std::string dsn;                    /* of the envelope header, as it stands there */
    bool needs_event_id = false;        /* an item of the body belongs to an event */
    TypeCounts items;
    std::array<std::uint32_t, categories> counts{};     /* all: without client reports */
    std::size_t plain_bytes = 0;

    void add(std::string_view type, std::uint32_t count) noexcept;

    std::string items_text() const;     /* "attachment:2,event:1" */
};

class Scanner {
public:
    explicit Scanner(const ScanLimits &limits) : limits_(limits) {}
    virtual ~Scanner() = default;
    Scanner(const Scanner &) = delete;
    Scanner &operator=(const Scanner &) = delete;

    /* Both return the first fault; after one the scanner is not used again. */
    Fault push(std::string_view bytes);
    Fault finish();

    const Summary &summary() const noexcept { return summary_; }

    /* Once, after finish(). */
    std::string take_event_id() noexcept { return std::move(summary_.event_id); }

    /* True once the envelope header has been read: its dsn and event id are known. */
    virtual bool header_known() const noexcept { return true; }

protected:
    virtual Fault scan(std::string_view bytes) = 0;
    virtual Fault end() = 0;

    ScanLimits limits_;
    Summary summary_{};
};

/*
 * The scanner for what an endpoint takes; null for endpoints whose body is neither of
 * the above. content_type tells the boundary of a multipart body, and whether a minidump
 * comes in one; kinds of store bodies tell themselves.
 */
std::unique_ptr<Scanner> make_scanner(Endpoint endpoint, const ScanLimits &limits,
                                      std::string_view content_type);

}

#endif
