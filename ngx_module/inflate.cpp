/*
 * The zlib side of the window.
 */

#include "ngx_module/inflate.hpp"

#include <strings.h>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr int gzip_bits = 15 + 16;
constexpr int zlib_bits = 15;
constexpr int raw_bits = -15;
constexpr unsigned char gzip_magic = 0x1f;

bool equals(std::string_view text, std::string_view word) noexcept
{
    return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

/* RFC 1950, section 2.2: method 8, and the first two bytes divide by 31. Only
 * the first byte is looked at, since the second may not be there yet. */
bool looks_like_zlib(unsigned char first) noexcept
{
    return (first & 0x0f) == 8 && (first >> 4) <= 7;
}

}

Encoding parse_encoding(std::string_view value) noexcept
{
    if (value.empty() || equals(value, "identity") || equals(value, "utf-8")) {
        return Encoding::identity;
    }
    if (equals(value, "gzip") || equals(value, "x-gzip")) {
        return Encoding::gzip;
    }
    return equals(value, "deflate") ? Encoding::deflate : Encoding::unknown;
}

std::string_view encoding_name(Encoding encoding) noexcept
{
    switch (encoding) {
    case Encoding::gzip:
        return "gzip";
    case Encoding::deflate:
        return "deflate";
    default:
        return {};
    }
}

Inflater::~Inflater()
{
    if (started_) {
        inflateEnd(&stream_);
    }
}

void Inflater::feed(std::string_view bytes) noexcept
{
    stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    if (started_ || failed_ || bytes.empty()) {
        return;
    }
    int bits = gzip_bits;
    if (encoding_ == Encoding::deflate) {
        bits = looks_like_zlib(*stream_.next_in) ? zlib_bits : raw_bits;
    }
    started_ = inflateInit2(&stream_, bits) == Z_OK;
    failed_ = !started_;
}

Inflater::Step Inflater::inflate_step(char *window, std::size_t &made) noexcept
{
    if (failed_) {
        return Step::failed;
    }
    if (ended_) {
        if (stream_.avail_in == 0) {
            return Step::drained;
        }
        // Several gzip members in a row are one body; anything else behind the
        // stream is left alone, as most decoders do.
        if (encoding_ != Encoding::gzip || *stream_.next_in != gzip_magic
            || inflateReset(&stream_) != Z_OK)
        {
            stream_.avail_in = 0;
            return Step::drained;
        }
        ended_ = false;
    }
    if (!started_) {
        return Step::drained;
    }
    stream_.next_out = reinterpret_cast<Bytef *>(window);
    stream_.avail_out = window_size;
    int rc = inflate(&stream_, Z_NO_FLUSH);
    made = window_size - stream_.avail_out;
    if (rc == Z_STREAM_END) {
        ended_ = true;
        return Step::more;
    }
    if (rc != Z_OK && rc != Z_BUF_ERROR) {
        failed_ = true;
        return Step::failed;
    }
    bool output_left = stream_.avail_out == 0;
    return output_left ? Step::more : Step::drained;
}

}
