/*
 * The only user of zlib. Output grows in steps that follow the size of the input,
 * and stops one byte behind the limit, which tells "just fits" from "too large".
 */

#include "worker/inflate.hpp"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "worker/outcome.hpp"

namespace errtrack {
namespace {

/* Window bits as zlib wants them: the wrapper is part of the number. */
constexpr int wrapper_gzip = 15 + 16;
constexpr int wrapper_zlib = 15;
constexpr int wrapper_none = -15;

constexpr std::string_view gzip_magic = "\x1f\x8b";

/* Frees the state of zlib on every way out. */
class Inflater {
public:
    explicit Inflater(int wrapper) { ready_ = ::inflateInit2(&stream_, wrapper) == Z_OK; }
    ~Inflater() { if (ready_) { ::inflateEnd(&stream_); } }
    Inflater(const Inflater &) = delete;
    Inflater &operator=(const Inflater &) = delete;

    std::string_view run(std::string_view bytes, std::size_t limit, bool members,
                         std::string &out)
    {
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        if (!ready_ || bytes.size() > most) {
            return ready_ ? reason::too_large : reason::internal;
        }
        limit = std::min(limit, most - 1);
        stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        std::size_t used = 0;
        out.clear();
        for (;;) {
            if (used == out.size()) {
                if (used > limit) {
                    return reason::too_large;
                }
                std::size_t step = std::max<std::size_t>({used, 4 * bytes.size(), 4096});
                out.resize(std::min(used + step, limit + 1));
            }
            stream_.next_out = reinterpret_cast<Bytef *>(out.data() + used);
            stream_.avail_out = static_cast<uInt>(out.size() - used);
            int code = ::inflate(&stream_, Z_NO_FLUSH);
            used = out.size() - stream_.avail_out;
            if (code == Z_STREAM_END) {
                if (used > limit) {
                    return reason::too_large;
                }
                if (members && next_member()) {
                    continue;
                }
                out.resize(used);
                return reason::none;
            }
            /* Z_BUF_ERROR with room left means that the input has ended too early. */
            bool starved = stream_.avail_in == 0 && stream_.avail_out > 0;
            if ((code != Z_OK && code != Z_BUF_ERROR) || starved) {
                return reason::invalid_compression;
            }
        }
    }

private:
    bool next_member()
    {
        std::string_view rest(reinterpret_cast<const char *>(stream_.next_in), stream_.avail_in);
        return rest.starts_with(gzip_magic) && ::inflateReset(&stream_) == Z_OK;
    }

    z_stream stream_{};
    bool ready_ = false;
};

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
        return Inflater(wrapper_gzip).run(bytes, limit, true, out);
    }
    if (encoding == "deflate") {
        std::string_view failed = Inflater(wrapper_zlib).run(bytes, limit, false, out);
        return failed == reason::invalid_compression
                   ? Inflater(wrapper_none).run(bytes, limit, false, out)
                   : failed;
    }
    return reason::content_encoding;
}

}
