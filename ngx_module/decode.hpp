/*
 * The wrappings in which old clients send an event, undone while it streams by: base64,
 * and the parameter of a form. Output goes to a sink(string_view) -> bool in pieces of
 * bounded size; false from the sink stops.
 */

#ifndef ERRTRACK_NGX_MODULE_DECODE_HPP
#define ERRTRACK_NGX_MODULE_DECODE_HPP

#include <cstdint>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Decoded { ok, bad, stopped };

enum class DecodeStep { nothing, made, bad };

template <class Sink, class Step>
Decoded decode_each(std::string_view text, Sink &sink, Step step)
{
    char made[4096];
    std::size_t size = 0;
    for (char c : text) {
        unsigned char byte;
        DecodeStep result = step(static_cast<unsigned char>(c), byte);
        if (result == DecodeStep::bad) {
            // What came before it may be bad for another reason, and that is first.
            return size == 0 || sink(std::string_view(made, size)) ? Decoded::bad : Decoded::stopped;
        }
        if (result == DecodeStep::nothing) {
            continue;
        }
        made[size++] = static_cast<char>(byte);
        if (size == sizeof(made)) {
            if (!sink(std::string_view(made, size))) {
                return Decoded::stopped;
            }
            size = 0;
        }
    }
    return size == 0 || sink(std::string_view(made, size)) ? Decoded::ok : Decoded::stopped;
}

/* The standard alphabet; padding may be absent, blanks and line breaks are skipped. */
class Base64Decoder {
public:
    template <class Sink>
    Decoded push(std::string_view text, Sink sink)
    {
        return decode_each(text, sink, [this](unsigned char c, unsigned char &byte) {
            return step(c, byte);
        });
    }

    /* Whether the text may end here. */
    bool complete() const noexcept { return digits_ % 4 != 1; }

private:
    DecodeStep step(unsigned char c, unsigned char &byte) noexcept;

    std::uint32_t bits_ = 0;
    unsigned held_ = 0;
    unsigned digits_ = 0;       /* modulo 4 */
    unsigned padding_ = 0;
};

/*
 * The first value of the parameter sentry_data, without its percent encoding. A "+"
 * is a blank if the value is JSON, which begins with a brace, and else a digit of base64
 * that somebody forgot to encode.
 */
class FormDecoder {
public:
    template <class Sink>
    Decoded push(std::string_view text, Sink sink)
    {
        return decode_each(text, sink, [this](unsigned char c, unsigned char &byte) {
            return step(c, byte);
        });
    }

    bool complete() const noexcept { return escape_ == 0; }

private:
    enum class Part { name, value, skipped };
    DecodeStep step(unsigned char c, unsigned char &byte) noexcept;
    DecodeStep deliver(unsigned char c, unsigned char &byte) noexcept;

    Part part_ = Part::name;
    bool found_ = false;        /* the parameter has come */
    bool begun_ = false;        /* something that is no blank has been delivered */
    bool json_ = false;
    std::size_t matched_ = 0;   /* bytes of the name; npos: it is another */
    unsigned escape_ = 0;       /* characters of the escape that are still to come */
    unsigned code_ = 0;
};

/* Whether the beginning of a body, no less than form_lookahead bytes of it unless it is
 * shorter, is that of a form: a name of visible ASCII (RFC 1866, section 8.2.1, escapes the
 * rest), and something behind it that is no padding. */
inline constexpr std::size_t form_lookahead = 66;
bool looks_like_form(std::string_view beginning) noexcept;

}

#endif
