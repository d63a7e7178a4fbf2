/*
 * Inflates a request body through one fixed window while it arrives, so that its
 * structure can be checked before it is accepted. Nothing is kept: the queue gets
 * the body as it came. What passes here must pass in the worker, so the rules are
 * the same (protocol reference, section 3.1): gzip with any number of members,
 * deflate with or without the zlib wrapper, brotli with windows of up to 4 MB, zstd
 * with any number of frames and windows of up to 8 MB. How the body was cut into
 * pieces does not matter.
 */

#ifndef ERRTRACK_NGX_MODULE_INFLATE_HPP
#define ERRTRACK_NGX_MODULE_INFLATE_HPP

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Encoding { identity, gzip, deflate, br, zstd, unknown };

/* By the value of Content-Encoding. Some SDKs send it empty, or "utf-8". */
Encoding parse_encoding(std::string_view value) noexcept;

/* The name that the queue entry carries; empty for identity. */
std::string_view encoding_name(Encoding encoding) noexcept;

class Decoder;

class Inflater {
public:
    explicit Inflater(Encoding encoding) noexcept;
    ~Inflater();
    Inflater(const Inflater &) = delete;
    Inflater &operator=(const Inflater &) = delete;

    /* After anything but ok there is nothing left to push. */
    enum class Status { ok, corrupt, bomb, stopped };

    /* Hands the plain bytes piece by piece to sink(string_view) -> bool; false stops. */
    template <class Sink>
    Status push(std::string_view bytes, Sink sink)
    {
        if (encoding_ == Encoding::identity) {
            return sink(bytes) ? Status::ok : Status::stopped;
        }
        input_ = bytes;
        credit_ = std::min(credit_, most_credit);
        for (;;) {
            char window[window_size];
            std::size_t made = 0;
            Step step = inflate_step(window, made);
            if (made > 0 && !sink(std::string_view(window, made))) {
                return Status::stopped;
            }
            switch (step) {
            case Step::more:
                break;
            case Step::drained:
                return Status::ok;
            case Step::corrupt:
                return Status::corrupt;
            case Step::bomb:
                return Status::bomb;
            }
        }
    }

    /* Whether the input ended where a stream ends. */
    bool complete() const noexcept;

    /* Whether it is a bomb, or was given up for something else when it had cost as much. */
    bool like_a_bomb() const noexcept
    {
        return made_ > free_bytes / 4 && made_ > consumed_ * max_ratio;
    }

private:
    static constexpr std::size_t window_size = 32 * 1024;
    static constexpr std::size_t longest_magic = 4;

    /*
     * The guard against bombs, which no limit of bytes replaces: 16 KB of input can
     * be 500 MB of blanks, and the event loop waits until they are written. Every
     * compressed byte pays for max_ratio plain ones, a body starts with free_bytes,
     * and no more than most_credit is saved up from one push to the next, so that
     * what one push may cost does not depend on what came before.
     *
     * Reports of stack frames that repeat shrink 20 to 60 times, gzip of zeros 1030
     * times, brotli and zstd of zeros more than 10,000 times. A body within
     * free_bytes is never a bomb: that is the largest event.
     */
    static constexpr std::size_t max_ratio = 200;
    static constexpr std::size_t free_bytes = 1024 * 1024;
    static constexpr std::size_t most_credit = 2 * 1024 * 1024;

    enum class Step { more, drained, corrupt, bomb };
    enum class State { between, inside, closed, corrupt, bomb };

    Step inflate_step(char *window, std::size_t &made) noexcept;
    void gather_magic() noexcept;
    bool pay(std::size_t consumed, std::size_t made) noexcept;

    Encoding encoding_;
    State state_ = State::between;
    bool ended_ = false;                /* a stream, at least */
    char magic_[longest_magic] = {};    /* how the next stream begins */
    std::size_t gathered_ = 0;
    std::string_view replay_;           /* what the decoder has not seen of it */
    std::string_view input_;
    std::size_t credit_ = free_bytes;
    std::size_t consumed_ = 0, made_ = 0;
    std::unique_ptr<Decoder> decoder_;
};

}

#endif
