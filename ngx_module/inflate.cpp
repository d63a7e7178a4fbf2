/*
 * The decoders behind the window, each with bounded memory: zlib 40 KB, brotli a
 * window of 4 MB and its tables, zstd one of 8 MB and its tables. They are made when
 * the first bytes are there.
 */

#include "ngx_module/inflate.hpp"

#include <brotli/decode.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>

namespace errtrack __attribute__((visibility("hidden"))) {

/* One stream after the other, as it is cut by those who call. */
class Decoder {
public:
    struct Room {
        char *to;
        std::size_t left;
    };
    enum class Result { more, ended, failed };

    virtual ~Decoder() = default;

    /* Before the first byte of every stream. */
    virtual bool begin(unsigned char first) noexcept = 0;

    /* Takes bytes from the front of input and fills room, as much as either allows. */
    virtual Result run(std::string_view &input, Room &room) noexcept = 0;
};

namespace {

constexpr int gzip_bits = 15 + 16;
constexpr int zlib_bits = 15;
constexpr int raw_bits = -15;

constexpr std::string_view gzip_magic = "\x1f\x8b";
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";
constexpr std::string_view skippable_magic = "\x2a\x4d\x18";  /* behind 0x50 ... 0x5f */
constexpr int zstd_window_log = 23;

/* RFC 8878, section 3.1.1: magic, descriptor, window, dictionary, size. */
constexpr std::size_t longest_zstd_header = 4 + 1 + 1 + 4 + 8;

bool equals(std::string_view text, std::string_view word) noexcept
{
    return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

/* RFC 1950, section 2.2: method 8. A raw stream begins with such a byte only if it
 * fills a stored block's padding with ones, which no encoder does. */
bool looks_like_zlib(unsigned char first) noexcept
{
    return (first & 0x0f) == 8 && (first >> 4) <= 7;
}

/* RFC 7932, section 9.1: 1101 and 1111 are windows of 8 and 16 MB. The decoder fills
 * its window before a byte comes out, whatever the guard thinks of it, so the window
 * is what a body of 50 bytes can cost. Encoders make 4 MB unless told otherwise. */
bool window_above_4_mb(unsigned char first) noexcept
{
    return (first & 0x0d) == 0x0d;
}

class ZlibDecoder : public Decoder {
public:
    explicit ZlibDecoder(Encoding encoding) noexcept : gzip_(encoding == Encoding::gzip) {}
    ~ZlibDecoder() override
    {
        if (ready_) {
            ::inflateEnd(&stream_);
        }
    }

    bool begin(unsigned char first) noexcept override
    {
        if (ready_) {
            return ::inflateReset(&stream_) == Z_OK;
        }
        int plain = looks_like_zlib(first) ? zlib_bits : raw_bits;
        ready_ = ::inflateInit2(&stream_, gzip_ ? gzip_bits : plain) == Z_OK;
        return ready_;
    }

    Result run(std::string_view &input, Room &room) noexcept override
    {
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        auto given = static_cast<uInt>(std::min(input.size(), most));
        auto space = static_cast<uInt>(std::min(room.left, most));
        stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(input.data()));
        stream_.avail_in = given;
        stream_.next_out = reinterpret_cast<Bytef *>(room.to);
        stream_.avail_out = space;
        int code = ::inflate(&stream_, Z_NO_FLUSH);
        input.remove_prefix(given - stream_.avail_in);
        room.to += space - stream_.avail_out;
        room.left -= space - stream_.avail_out;
        if (code == Z_STREAM_END) {
            return Result::ended;
        }
        return code == Z_OK || code == Z_BUF_ERROR ? Result::more : Result::failed;
    }

private:
    z_stream stream_ = {};
    bool gzip_;
    bool ready_ = false;
};

class BrotliDecoder : public Decoder {
public:
    ~BrotliDecoder() override
    {
        if (state_ != nullptr) {
            ::BrotliDecoderDestroyInstance(state_);
        }
    }

    /* The large windows of later drafts are off unless asked for. */
    bool begin(unsigned char first) noexcept override
    {
        if (window_above_4_mb(first)) {
            return false;
        }
        state_ = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
        return state_ != nullptr;
    }

    Result run(std::string_view &input, Room &room) noexcept override
    {
        auto next_in = reinterpret_cast<const uint8_t *>(input.data());
        auto next_out = reinterpret_cast<uint8_t *>(room.to);
        std::size_t left = input.size();
        auto result = ::BrotliDecoderDecompressStream(state_, &left, &next_in, &room.left,
                                                      &next_out, nullptr);
        input.remove_prefix(input.size() - left);
        room.to = reinterpret_cast<char *>(next_out);
        if (result == BROTLI_DECODER_RESULT_SUCCESS) {
            return Result::ended;
        }
        return result == BROTLI_DECODER_RESULT_ERROR ? Result::failed : Result::more;
    }

private:
    BrotliDecoderState *state_ = nullptr;
};

class ZstdDecoder : public Decoder {
public:
    ~ZstdDecoder() override { ::ZSTD_freeDCtx(context_); }

    bool begin(unsigned char) noexcept override
    {
        taken_ = 0;
        if (context_ == nullptr && (context_ = ::ZSTD_createDCtx()) != nullptr) {
            ::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, zstd_window_log);
        }
        return context_ != nullptr;
    }

    /* A header goes in byte by byte: with the whole frame before it, the library does
     * without its window, and does not look how large it should have been. */
    Result run(std::string_view &input, Room &room) noexcept override
    {
        std::size_t given = taken_ < longest_zstd_header ? 1 : input.size();
        ZSTD_inBuffer in = {input.data(), std::min(given, input.size()), 0};
        ZSTD_outBuffer out = {room.to, room.left, 0};
        std::size_t left = ::ZSTD_decompressStream(context_, &out, &in);
        taken_ = std::min(taken_ + in.pos, longest_zstd_header);
        input.remove_prefix(in.pos);
        room.to += out.pos;
        room.left -= out.pos;
        if (::ZSTD_isError(left)) {
            return Result::failed;
        }
        return left == 0 ? Result::ended : Result::more;
    }

private:
    ZSTD_DCtx *context_ = nullptr;
    std::size_t taken_ = 0;             /* of this frame, as far as that matters */
};

/* How many bytes tell whether another stream begins. */
std::size_t magic_size(Encoding encoding) noexcept
{
    switch (encoding) {
    case Encoding::gzip:
        return gzip_magic.size();
    case Encoding::zstd:
        return zstd_magic.size();
    default:
        return 1;
    }
}

/* The library reads zstd's own drafts, too, with windows that nobody bounds. */
bool begins_stream(Encoding encoding, std::string_view magic) noexcept
{
    switch (encoding) {
    case Encoding::gzip:
        return magic == gzip_magic;
    case Encoding::zstd:
        return magic == zstd_magic
            || ((magic[0] & 0xf0) == 0x50 && magic.substr(1) == skippable_magic);
    default:
        return true;
    }
}

std::unique_ptr<Decoder> make_decoder(Encoding encoding) noexcept
{
    switch (encoding) {
    case Encoding::gzip:
    case Encoding::deflate:
        return std::unique_ptr<Decoder>(new (std::nothrow) ZlibDecoder(encoding));
    case Encoding::br:
        return std::unique_ptr<Decoder>(new (std::nothrow) BrotliDecoder);
    case Encoding::zstd:
        return std::unique_ptr<Decoder>(new (std::nothrow) ZstdDecoder);
    default:
        return nullptr;
    }
}

}

Encoding parse_encoding(std::string_view value) noexcept
{
    if (value.empty() || equals(value, "identity") || equals(value, "utf-8")) {
        return Encoding::identity;
    }
    if (equals(value, "x-gzip")) {
        return Encoding::gzip;
    }
    for (Encoding encoding : {Encoding::gzip, Encoding::deflate, Encoding::br, Encoding::zstd}) {
        if (equals(value, encoding_name(encoding))) {
            return encoding;
        }
    }
    return Encoding::unknown;
}

std::string_view encoding_name(Encoding encoding) noexcept
{
    switch (encoding) {
    case Encoding::gzip:
        return "gzip";
    case Encoding::deflate:
        return "deflate";
    case Encoding::br:
        return "br";
    case Encoding::zstd:
        return "zstd";
    default:
        return {};
    }
}

Inflater::Inflater(Encoding encoding) noexcept : encoding_(encoding) {}

Inflater::~Inflater() = default;

bool Inflater::complete() const noexcept
{
    return encoding_ == Encoding::identity || state_ == State::closed
        || (state_ == State::between && ended_);
}

Inflater::Step Inflater::inflate_step(char *window, std::size_t &made) noexcept
{
    if (state_ == State::between) {
        gather_magic();
    }
    switch (state_) {
    case State::between:
    case State::closed:
        return Step::drained;
    case State::corrupt:
        return Step::corrupt;
    case State::bomb:
        return Step::bomb;
    case State::inside:
        break;
    }
    std::string_view &source = replay_.empty() ? input_ : replay_;
    std::size_t offered = source.size();
    Decoder::Room room = {window, window_size};
    Decoder::Result result = decoder_->run(source, room);
    std::size_t consumed = offered - source.size();
    made = window_size - room.left;
    if (!pay(consumed, made)) {
        made = 0;
        state_ = State::bomb;
        return Step::bomb;
    }
    if (result == Decoder::Result::failed) {
        state_ = State::corrupt;
        return Step::corrupt;
    }
    if (result == Decoder::Result::ended) {
        ended_ = true;
        bool joined = encoding_ == Encoding::gzip || encoding_ == Encoding::zstd;
        state_ = joined ? State::between : State::closed;
        gathered_ = 0;
        return Step::more;
    }
    bool input_left = !replay_.empty() || !input_.empty();
    return room.left == 0 || input_left ? Step::more : Step::drained;
}

/* Where a stream may begin. What does not look like one behind the first is left
 * alone to the end of the body, as most decoders do. */
void Inflater::gather_magic() noexcept
{
    std::size_t wanted = magic_size(encoding_);
    std::size_t taken = std::min(wanted - gathered_, input_.size());
    std::copy_n(input_.data(), taken, magic_ + gathered_);
    gathered_ += taken;
    input_.remove_prefix(taken);
    if (gathered_ < wanted) {
        return;
    }
    replay_ = std::string_view(magic_, wanted);
    if (!begins_stream(encoding_, replay_)) {
        state_ = ended_ ? State::closed : State::corrupt;
        return;
    }
    if (!decoder_) {
        decoder_ = make_decoder(encoding_);
    }
    bool ready = decoder_ && decoder_->begin(static_cast<unsigned char>(magic_[0]));
    state_ = ready ? State::inside : State::corrupt;
}

bool Inflater::pay(std::size_t consumed, std::size_t made) noexcept
{
    consumed_ += consumed;
    made_ += made;
    credit_ += consumed * max_ratio;
    if (made > credit_) {
        return false;
    }
    credit_ -= made;
    return true;
}

}
