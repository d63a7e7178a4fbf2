/*
 * The edge inflates in pieces what the worker inflates at once: both must take the
 * same bodies and make the same bytes of them, however the pieces are cut. Only what
 * the edge calls a bomb may pass in the worker. What comes out of it is checked as an
 * envelope while it streams, which must say the same as a check of the whole.
 *
 * Two bytes choose encoding, damage and pieces. The rest is a body as it stands, or
 * what is packed to one, since no fuzzer guesses checksums.
 */

#include "ngx_module/inflate.hpp"
#include "t/unit/edge_agreement.hpp"
#include "worker/inflate.hpp"
#include "worker/outcome.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

namespace {

using namespace errtrack;

constexpr std::size_t limit = 16 * 1024 * 1024;

struct Packing {
    Encoding encoding;
    int bits;                           /* of zlib's window and wrapper */
};

constexpr Packing packings[] = {
    {Encoding::gzip, 15 + 16}, {Encoding::deflate, 15}, {Encoding::deflate, -15},
    {Encoding::br, 0}, {Encoding::zstd, 0},
};

std::string pack(Packing packing, std::string_view plain)
{
    std::string out(2 * plain.size() + 1024, '\0');
    auto from = reinterpret_cast<const std::uint8_t *>(plain.data());
    auto to = reinterpret_cast<std::uint8_t *>(out.data());
    std::size_t size = out.size();
    if (packing.encoding == Encoding::br) {
        BrotliEncoderCompress(4, 18, BROTLI_MODE_GENERIC, plain.size(), from, &size, to);
    } else if (packing.encoding == Encoding::zstd) {
        size = ZSTD_compress(to, size, from, plain.size(), 1);
    } else {
        z_stream stream = {};
        deflateInit2(&stream, 4, Z_DEFLATED, packing.bits, 8, Z_DEFAULT_STRATEGY);
        stream.next_in = const_cast<std::uint8_t *>(from);
        stream.avail_in = static_cast<uInt>(plain.size());
        stream.next_out = to;
        stream.avail_out = static_cast<uInt>(size);
        deflate(&stream, Z_FINISH);
        size = stream.total_out;
        deflateEnd(&stream);
    }
    out.resize(size);
    return out;
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    std::minstd_rand random(data[1] + 1);
    Packing packing = packings[data[0] % std::size(packings)];
    unsigned way = data[0] / std::size(packings);
    std::string body(reinterpret_cast<const char *>(data) + 2, size - 2);
    if (way & 1) {
        std::size_t half = way & 2 ? random() % (body.size() + 1) : body.size();
        std::string rest = body.substr(half);
        body = pack(packing, std::string_view(body).substr(0, half));
        body += way & 4 ? pack(packing, rest) : rest;
        if (way & 8) {
            body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
        }
    }

    Inflater inflater(packing.encoding);
    std::unique_ptr<Scanner> scanner = make_scanner(Endpoint::envelope, test_limits, {});
    Fault broken;
    auto status = Inflater::Status::ok;
    std::string plain;
    for (std::string_view left = body; !left.empty() && status == Inflater::Status::ok;) {
        std::string_view piece = left.substr(0, 1 + random() % (1u << random() % 15));
        /* A copy of its own shows who keeps a view of it. */
        std::string copy(piece);
        status = inflater.push(copy, [&](std::string_view part) {
            plain.append(part);
            broken = broken ? broken : scanner->push(part);
            return true;
        });
        left.remove_prefix(piece.size());
    }
    if (status == Inflater::Status::bomb) {
        return 0;
    }
    bool taken = status == Inflater::Status::ok && inflater.complete();
    std::string whole;
    std::string_view fault = inflate(encoding_name(packing.encoding), body,
                                     taken ? plain.size() : limit, whole);
    if (taken != (fault == reason::none) || (taken && plain != whole)) {
        if (taken || fault != reason::too_large) {
            std::abort();
        }
    }
    if (taken) {
        broken = broken ? broken : scanner->finish();
        Scanned scanned = scan_body(Endpoint::envelope, plain);
        // A body that is too large may also be wrong, and the pieces decide what is seen first.
        bool large = broken.reason == reason::too_large || scanned.reason == reason::too_large;
        if (large ? scanned.reason.empty() || !broken : broken.reason != scanned.reason) {
            std::abort();
        }
    }
    return 0;
}
