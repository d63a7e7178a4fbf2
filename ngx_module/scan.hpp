/*
 * Checks the structure of a plain body while it streams by: of an envelope the
 * header, the item headers and the lengths; of a store body the braces and
 * strings. A 200 cannot be taken back, so whatever the worker could not read is
 * refused here; what is inside an item is not looked at. Rules: protocol
 * reference, sections 3.4, 4.1 and 10.3.
 *
 * Memory is bounded: headers up to max_header bytes are kept, bodies never.
 */

#ifndef ERRTRACK_NGX_MODULE_SCAN_HPP
#define ERRTRACK_NGX_MODULE_SCAN_HPP

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

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

/* What the scan found out. */
struct Summary {
    std::string event_id;                       /* 32 lower-case hex digits, or empty */
    std::string dsn;                            /* of the envelope header, as it stands there */
    bool needs_event_id = false;                /* an item of the envelope belongs to an event */
    std::map<std::string, unsigned> items;      /* item type -> how many */
    std::size_t plain_bytes = 0;

    std::string items_text() const;             /* "attachment:2,event:1" */
};

class Scanner {
public:
    explicit Scanner(const ScanLimits &limits) : limits_(limits) {}
    virtual ~Scanner() = default;

    /* Both return the first fault; after one the scanner is not used again. */
    Fault push(std::string_view bytes);
    virtual Fault finish() = 0;

    const Summary &summary() const noexcept { return summary_; }

    /* True once the envelope header has been read: its dsn and event id are known. */
    virtual bool header_known() const noexcept { return true; }

protected:
    virtual Fault scan(std::string_view bytes) = 0;

    ScanLimits limits_;
    Summary summary_;
};

class EnvelopeScanner final : public Scanner {
public:
    using Scanner::Scanner;
    Fault finish() override;
    bool header_known() const noexcept override { return state_ != State::header; }

    static constexpr std::size_t max_header = 64 * 1024;

    /* Of all headers together: they are parsed on the event loop, bodies are not. */
    static constexpr std::size_t max_headers = 512 * 1024;
    static constexpr unsigned max_items = 1000;
    static constexpr unsigned max_sessions = 100;

private:
    enum class State { header, before_item, item_header, counted, counted_end, line };

    Fault scan(std::string_view bytes) override;
    Fault take_line(std::string_view &bytes, bool &complete);
    Fault end_header();
    Fault end_item_header();
    Fault check_payload() const;

    State state_ = State::header;
    std::string line_;          /* the header that is being read */
    std::uint64_t left_ = 0;    /* bytes of the payload still to come, when its length is given */
    std::uint64_t payload_ = 0; /* bytes of the payload so far, when it is not */
    std::size_t headers_ = 0;   /* bytes of headers so far */
    unsigned count_ = 0;
    unsigned sessions_ = 0;
    bool limited_ = false;      /* the current item counts against event_bytes */
};

class StoreScanner final : public Scanner {
public:
    using Scanner::Scanner;
    Fault finish() override;

private:
    enum class Part { before, key, after_key, value, after };

    Fault scan(std::string_view bytes) override;
    Fault step(unsigned char c);
    Fault end_string();
    Fault begin_value(unsigned char c);

    static constexpr unsigned tracked_depth = 512;
    static constexpr std::size_t max_kept = 64;

    Part part_ = Part::before;
    unsigned depth_ = 0;
    std::uint64_t kinds_[tracked_depth / 64] = {};  /* one bit a level: 1 is an array */
    bool in_string_ = false;
    bool escaped_ = false;
    unsigned bom_seen_ = 0;     /* bytes of a byte order mark, which may only come first */
    bool blank_seen_ = false;
    bool is_event_id_ = false;  /* the current member of the top level is the event id */
    std::string kept_;          /* the string that is being read at the top level */
};

}

#endif
