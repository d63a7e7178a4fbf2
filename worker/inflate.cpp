/*
 * The only user of zlib, brotli and zstd. Output grows in steps that follow the size
 * of the input, and stops one byte behind the limit, which tells "just fits" from
 * "too large".
 */

#include "worker/inflate.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <span>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "worker/outcome.hpp"

namespace errtrack {
namespace {

enum class Step { more, ended, failed };

/* What a stream reads and where it writes; both shrink from the front. */
struct Flow {
    std::string_view input;
    std::span<char> room;

    void advance(std::size_t taken, std::size_t made)
    {
        input.remove_prefix(taken);
        room = room.subspan(made);
    }
};

class GzipOrDeflate {
public:
    /* Window bits as zlib wants them: the wrapper is part of the number. */
    static constexpr int gzip = 15 + 16;
    static constexpr int zlib = 15;
    static constexpr int raw = -15;

    explicit GzipOrDeflate(int bits) : members_(bits == gzip)
    {
        ready_ = ::inflateInit2(&stream_, bits) == Z_OK;
    }
    ~GzipOrDeflate() { if (ready_) { ::inflateEnd(&stream_); } }
    GzipOrDeflate(const GzipOrDeflate &) = delete;
    GzipOrDeflate &operator=(const GzipOrDeflate &) = delete;

    bool ready() const { return ready_; }

    Step run(Flow &flow)
    {
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        std::size_t input = std::min(flow.input.size(), most);
        std::size_t room = std::min(flow.room.size(), most);
        stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(flow.input.data()));
        stream_.avail_in = static_cast<uInt>(input);
        stream_.next_out = reinterpret_cast<Bytef *>(flow.room.data());
        stream_.avail_out = static_cast<uInt>(room);
        int code = ::inflate(&stream_, Z_NO_FLUSH);
        flow.advance(input - stream_.avail_in, room - stream_.avail_out);
        if (code == Z_STREAM_END) {
            return Step::ended;
        }
        return code == Z_OK || code == Z_BUF_ERROR ? Step::more : Step::failed;
    }

    bool next(std::string_view rest)
    {
        return members_ && rest.starts_with("\x1f\x8b") && ::inflateReset(&stream_) == Z_OK;
    }

private:
    z_stream stream_{};
    bool members_;
    bool ready_ = false;
};

class Brotli {
public:
    /* RFC 7932, section 9.1: the edge refuses windows above 4 MB. */
    static bool begins(std::string_view bytes)
    {
        return !bytes.empty() && (bytes.front() & 0x0d) != 0x0d;
    }

    bool ready() const { return state_ != nullptr; }

    Step run(Flow &flow)
    {
        auto next_in = reinterpret_cast<const uint8_t *>(flow.input.data());
        auto next_out = reinterpret_cast<uint8_t *>(flow.room.data());
        std::size_t input = flow.input.size();
        std::size_t room = flow.room.size();
        auto result = ::BrotliDecoderDecompressStream(state_.get(), &input, &next_in, &room,
                                                      &next_out, nullptr);
        flow.advance(flow.input.size() - input, flow.room.size() - room);
        if (result == BROTLI_DECODER_RESULT_SUCCESS) {
            return Step::ended;
        }
        return result == BROTLI_DECODER_RESULT_ERROR ? Step::failed : Step::more;
    }

    bool next(std::string_view) { return false; }

private:
    struct Destroy {
        void operator()(BrotliDecoderState *state) const { ::BrotliDecoderDestroyInstance(state); }
    };
    std::unique_ptr<BrotliDecoderState, Destroy> state_{
        ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)};
};

class Zstd {
public:
    /* The library would also read zstd's drafts, which the edge refuses. */
    static bool begins(std::string_view bytes)
    {
        return bytes.starts_with("\x28\xb5\x2f\xfd")
            || (bytes.size() >= 4 && (bytes[0] & 0xf0) == 0x50
                && bytes.substr(1).starts_with("\x2a\x4d\x18"));
    }

    Zstd()
    {
        if (context_) {
            ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log);
        }
    }

    bool ready() const { return context_ != nullptr; }

    /* A header goes in byte by byte: where a whole frame and room for it are there, the
     * library does without the window, and takes what it refuses in pieces. */
    Step run(Flow &flow)
    {
        std::size_t given = taken_ < longest_header ? 1 : flow.input.size();
        ZSTD_inBuffer in{flow.input.data(), std::min(given, flow.input.size()), 0};
        ZSTD_outBuffer out{flow.room.data(), flow.room.size(), 0};
        std::size_t left = ::ZSTD_decompressStream(context_.get(), &out, &in);
        taken_ += in.pos;
        flow.advance(in.pos, out.pos);
        if (::ZSTD_isError(left)) {
            return Step::failed;
        }
        return left == 0 ? Step::ended : Step::more;
    }

    bool next(std::string_view rest)
    {
        taken_ = 0;
        return begins(rest);
    }

private:
    static constexpr int window_log = 23;
    static constexpr std::size_t longest_header = 18;

    struct Free {
        void operator()(ZSTD_DCtx *context) const { ::ZSTD_freeDCtx(context); }
    };
    std::unique_ptr<ZSTD_DCtx, Free> context_{::ZSTD_createDCtx()};
    std::size_t taken_ = 0;
};

template <class Stream>
std::string_view drive(Stream &&stream, std::string_view bytes, std::size_t limit,
                       std::string &out)
{
    if (!stream.ready()) {
        return reason::internal;
    }
    limit = std::min(limit, out.max_size() - 1);
    Flow flow{bytes, {}};
    out.clear();
    for (;;) {
        std::size_t used = out.size() - flow.room.size();
        if (flow.room.empty()) {
            if (used > limit) {
                return reason::too_large;
            }
            std::size_t step = std::max<std::size_t>({used, 4 * bytes.size(), 4096});
            out.resize(std::min(used + step, limit + 1));
            flow.room = std::span(out).subspan(used);
        }
        switch (stream.run(flow)) {
        case Step::failed:
            return reason::invalid_compression;
        case Step::ended:
            used = out.size() - flow.room.size();
            if (used > limit) {
                return reason::too_large;
            }
            if (!stream.next(flow.input)) {
                out.resize(used);
                return reason::none;
            }
            break;
        case Step::more:
            /* Room but no input left: it has ended too early. */
            if (flow.input.empty() && !flow.room.empty()) {
                return reason::invalid_compression;
            }
        }
    }
}

/* RFC 1950, section 2.2: method 8. No encoder begins a raw stream like that. */
int deflate_bits(std::string_view bytes)
{
    unsigned first = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front());
    return (first & 0x0f) == 8 && (first >> 4) <= 7 ? GzipOrDeflate::zlib : GzipOrDeflate::raw;
}

}

std::string_view inflate(std::string_view encoding, std::string_view bytes, std::size_t limit,
                         std::string &out)
{
    if (encoding.empty()) {
        if (bytes.size() > limit) {
            return reason::too_large;
        }
        out.assign(bytes);
        return reason::none;
    }
    if (encoding == "gzip") {
        return drive(GzipOrDeflate(GzipOrDeflate::gzip), bytes, limit, out);
    }
    if (encoding == "deflate") {
        return drive(GzipOrDeflate(deflate_bits(bytes)), bytes, limit, out);
    }
    if (encoding == "br") {
        return Brotli::begins(bytes) ? drive(Brotli(), bytes, limit, out)
                                     : reason::invalid_compression;
    }
    if (encoding == "zstd") {
        return Zstd::begins(bytes) ? drive(Zstd(), bytes, limit, out)
                                   : reason::invalid_compression;
    }
    return reason::content_encoding;
}

}
