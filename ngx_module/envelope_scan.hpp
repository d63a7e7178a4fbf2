/*
 * An envelope: its header, the item headers, the lengths, and the sizes and counts that
 * its types are allowed. Headers up to max_header bytes are kept while they arrive in
 * pieces, payloads never.
 */

#ifndef ERRTRACK_NGX_MODULE_ENVELOPE_SCAN_HPP
#define ERRTRACK_NGX_MODULE_ENVELOPE_SCAN_HPP

#include "ngx_module/scan.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

struct TypeRule;

class EnvelopeScanner final : public Scanner {
public:
    explicit EnvelopeScanner(const ScanLimits &limits) : Scanner(limits) {}
    bool header_known() const noexcept override { return state_ != State::header; }

    static constexpr std::size_t max_header = 64 * 1024;

    /* Of all headers together: they are parsed on the event loop, payloads are not. */
    static constexpr std::size_t max_headers = 512 * 1024;
    static constexpr unsigned max_items = 1000;

    static constexpr unsigned max_attachments = 30;
    static constexpr unsigned max_sessions = 100;
    static constexpr std::size_t max_session_bytes = 10 * 1024 * 1024;      /* together */
    static constexpr unsigned max_client_reports = 100;
    static constexpr std::size_t max_client_report_bytes = 100 * 1024;      /* together */
    static constexpr std::size_t max_check_in_bytes = 100 * 1024;

private:
    enum class State { header, before_item, item_header, counted, counted_end, line };

    Fault scan(std::string_view bytes) override;
    Fault end() override;
    Fault take_header(std::string_view &bytes);
    Fault end_header(std::string_view line);
    Fault end_envelope_header(std::string_view line);
    Fault end_item_header(std::string_view line);
    Fault begin_item(std::string_view type);
    Fault check_payload() const noexcept;

    static constexpr std::size_t groups = 3;

    State state_ = State::header;
    std::string line_;          /* the header that is being read, when it comes in pieces */
    std::uint64_t left_ = 0;    /* bytes of the payload still to come, when its length is given */
    std::uint64_t payload_ = 0; /* bytes of the payload, so far when its length is not given */
    std::size_t headers_ = 0;   /* bytes of headers so far */
    unsigned count_ = 0;
    const TypeRule *rule_ = nullptr;            /* of the current item */
    unsigned group_items_[groups] = {};
    std::uint64_t group_bytes_[groups] = {};    /* without the current item */
};

}

#endif
