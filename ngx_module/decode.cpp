/*
 * One step is one character. Rare clients, small bodies: plain beats fast.
 */

#include "ngx_module/decode.hpp"

#include <algorithm>
#include <array>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view parameter = "sentry_data";

constexpr std::array<std::int8_t, 256> base64_values = [] {
    std::array<std::int8_t, 256> values{};
    for (std::int8_t &value : values) {
        value = -1;
    }
    std::int8_t next = 0;
    for (unsigned char c :
         std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
    {
        values[c] = next++;
    }
    return values;
}();

bool is_blank(unsigned char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex_value(unsigned char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}

DecodeStep Base64Decoder::step(unsigned char c, unsigned char &byte) noexcept
{
    if (is_blank(c)) {
        return DecodeStep::nothing;
    }
    if (c == '=') {
        return ++padding_ <= 2 ? DecodeStep::nothing : DecodeStep::bad;
    }
    std::int8_t value = base64_values[c];
    if (value < 0 || padding_ > 0) {
        return DecodeStep::bad;
    }
    bits_ = bits_ << 6 | static_cast<std::uint32_t>(value);
    held_ += 6;
    digits_ = (digits_ + 1) % 4;
    if (held_ < 8) {
        return DecodeStep::nothing;
    }
    held_ -= 8;
    byte = static_cast<unsigned char>(bits_ >> held_ & 0xff);
    return DecodeStep::made;
}

DecodeStep FormDecoder::step(unsigned char c, unsigned char &byte) noexcept
{
    if (escape_ > 0) {
        int value = hex_value(c);
        if (value < 0) {
            return DecodeStep::bad;
        }
        code_ = code_ << 4 | static_cast<unsigned>(value);
        return --escape_ == 0 ? deliver(static_cast<unsigned char>(code_ & 0xff), byte)
                              : DecodeStep::nothing;
    }
    if (c == '&') {
        part_ = Part::name;
        matched_ = 0;
        return DecodeStep::nothing;
    }
    switch (part_) {
    case Part::name:
        if (c == '=') {
            bool wanted = matched_ == parameter.size() && !found_;
            found_ |= wanted;
            part_ = wanted ? Part::value : Part::skipped;
        } else if (matched_ < parameter.size()
                   && c == static_cast<unsigned char>(parameter[matched_]))
        {
            matched_++;
        } else {
            matched_ = parameter.npos;
        }
        return DecodeStep::nothing;
    case Part::value:
        if (c == '%') {
            escape_ = 2;
            code_ = 0;
            return DecodeStep::nothing;
        }
        return deliver(c == '+' && (json_ || !begun_) ? ' ' : c, byte);
    default:
        return DecodeStep::nothing;
    }
}

DecodeStep FormDecoder::deliver(unsigned char c, unsigned char &byte) noexcept
{
    if (!begun_ && !is_blank(c)) {
        begun_ = true;
        json_ = c == '{';
    }
    byte = c;
    return DecodeStep::made;
}

bool looks_like_form(std::string_view beginning) noexcept
{
    beginning = beginning.substr(0, form_lookahead);
    std::size_t sign = beginning.substr(0, form_lookahead - 1).find_first_of("=&");
    if (sign == std::string_view::npos
        || !std::all_of(beginning.begin(), beginning.begin() + sign, [](char c) { return c > ' ' && c < 0x7f; }))
    {
        return false;
    }
    if (beginning[sign] == '&') {
        return true;
    }
    unsigned char next = sign + 1 < beginning.size()
                             ? static_cast<unsigned char>(beginning[sign + 1]) : '=';
    return next != '=' && !is_blank(next);
}

}
