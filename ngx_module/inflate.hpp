/*
 * Inflates a request body through one fixed window while it arrives, so that its
 * structure can be checked before it is accepted. Nothing is kept: the queue gets
 * the body as it came. What passes here must pass in the worker, so the rules are
 * the same: gzip with any number of members, deflate with or without the zlib
 * wrapper (protocol reference, section 3.1).
 */

#ifndef ERRTRACK_NGX_MODULE_INFLATE_HPP
#define ERRTRACK_NGX_MODULE_INFLATE_HPP

#include <zlib.h>

#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Encoding { identity, gzip, deflate, unknown };

/* By the value of Content-Encoding. Some SDKs send it empty, or "utf-8". */
Encoding parse_encoding(std::string_view value) noexcept;

/* The name that the queue entry carries; empty for identity. */
std::string_view encoding_name(Encoding encoding) noexcept;

class Inflater {
public:
    explicit Inflater(Encoding encoding) noexcept : encoding_(encoding) {}
    ~Inflater();
    Inflater(const Inflater &) = delete;
    Inflater &operator=(const Inflater &) = delete;

    enum class Status { ok, corrupt, stopped };

    /* Hands the plain bytes piece by piece to sink(string_view) -> bool; false stops. */
    template <class Sink>
    Status push(std::string_view bytes, Sink sink)
    {
        if (encoding_ == Encoding::identity) {
            return sink(bytes) ? Status::ok : Status::stopped;
        }
        feed(bytes);
        for (;;) {
            char window[window_size];
            std::size_t made = 0;
            Step step = inflate_step(window, made);
            if (made > 0 && !sink(std::string_view(window, made))) {
                return Status::stopped;
            }
            if (step == Step::failed) {
                return Status::corrupt;
            }
            if (step == Step::drained) {
                return Status::ok;
            }
        }
    }

    /* Whether the input ended where a stream ends. */
    bool complete() const noexcept
    {
        return encoding_ == Encoding::identity || ended_;
    }

private:
    static constexpr std::size_t window_size = 32 * 1024;
    enum class Step { more, drained, failed };

    void feed(std::string_view bytes) noexcept;
    Step inflate_step(char *window, std::size_t &made) noexcept;

    Encoding encoding_;
    bool started_ = false;
    bool ended_ = false;
    bool failed_ = false;
    z_stream stream_ = {};
};

}

#endif
