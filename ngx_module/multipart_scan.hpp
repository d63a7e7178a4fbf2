/*
 * Minidumps and attachments: the parts of a multipart body, or a minidump without one.
 * The headers of one part are kept at a time, contents never; they may be anything.
 */

#ifndef ERRTRACK_NGX_MODULE_MULTIPART_SCAN_HPP
#define ERRTRACK_NGX_MODULE_MULTIPART_SCAN_HPP

#include "ngx_module/json_scan.hpp"
#include "ngx_module/scan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/*
 * The grammar of RFC 2046: what comes before the first delimiter and after the closing
 * one is ignored; a line may end with LF alone. Kinds of bodies are told what it finds.
 */
class MultipartScanner : public Scanner {
public:
    /* Reads the boundary; when there is none, push() says so. */
    MultipartScanner(const ScanLimits &limits, std::string_view content_type);

    static constexpr std::size_t max_boundary = 70;
    static constexpr std::size_t max_headers = 8 * 1024;    /* of one part */
    static constexpr unsigned max_parts = 100;
    static constexpr unsigned max_attachments = 30;

protected:
    struct Part {
        std::string name;
        bool file = false;      /* it has a file name */
    };

    /* Content comes in pieces; it may end with a CR that belongs to the delimiter. */
    virtual Fault begin_part(const Part &part) = 0;
    virtual Fault take_content(std::string_view) { return {}; }
    virtual Fault end_part() { return {}; }
    virtual Fault end_parts() = 0;

private:
    enum class State {
        preamble,
        content,
        delimiter,      /* behind the boundary */
        padding,        /* behind the boundary, blanks until the end of the line */
        closing,        /* one dash of two has come */
        headers,
        epilogue,
    };

    Fault scan(std::string_view bytes) override;
    Fault end() override;
    Fault search(std::string_view &bytes);
    Fault end_content();
    Fault take_delimiter(char c);
    Fault take_headers(std::string_view &bytes);
    void read_header(std::string_view line);

    State state_ = State::preamble;
    std::string delimiter_;     /* LF, two dashes, boundary; empty: there is none */
    std::size_t matched_ = 1;   /* bytes of the delimiter: a body may begin with one */
    bool line_begun_ = true;    /* the LF of the match was not part of the content */
    std::string line_;          /* of the headers */
    std::size_t headers_ = 0;   /* bytes of headers of the part so far */
    unsigned parts_ = 0;
    Part part_;
};

/* Every part is an attachment. */
class AttachmentsScanner final : public MultipartScanner {
public:
    using MultipartScanner::MultipartScanner;

private:
    Fault begin_part(const Part &part) override;
    Fault end_parts() override;

    unsigned attachments_ = 0;
};

/* The first bytes of a minidump, or of what it may be compressed with. */
class MinidumpMagic {
public:
    void take(std::string_view bytes) noexcept;
    bool complete() const noexcept { return size_ == sizeof(bytes_); }
    bool good() const noexcept;

private:
    char bytes_[6];
    std::size_t size_ = 0;
};

/* The files are attachments, one of them the minidump; the field sentry may be a JSON
 * object that names the event. */
class MinidumpScanner final : public MultipartScanner {
public:
    using MultipartScanner::MultipartScanner;

    /* Of the field sentry as far as it is looked at; one that is longer, or broken, gives
     * no event id. */
    static constexpr std::size_t max_event_field = 64 * 1024;

private:
    enum class Content { dump, event, field, file };

    Fault begin_part(const Part &part) override;
    Fault take_content(std::string_view content) override;
    Fault end_part() override;
    Fault end_parts() override;

    Content content_ = Content::file;
    MinidumpMagic magic_{};
    std::optional<JsonScan> event_;     /* as long as it has no fault */
    std::size_t event_bytes_ = 0;
    std::size_t field_bytes_ = 0;       /* of all fields */
    unsigned attachments_ = 0;
    bool dump_seen_ = false;
};

/* The body is the minidump. */
class RawMinidumpScanner final : public Scanner {
public:
    explicit RawMinidumpScanner(const ScanLimits &limits) : Scanner(limits) {}

private:
    Fault scan(std::string_view bytes) override;
    Fault end() override;

    MinidumpMagic magic_{};
};

}

#endif
