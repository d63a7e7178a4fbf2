/*
 * The byte repair. Clean text is looked at once and never copied; the first fault
 * starts a copy, and the stretches between faults are appended whole.
 */

#include "worker/repair.hpp"

#include "worker/byte_search.hpp"

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view replacement = "\xef\xbf\xbd";
constexpr std::string_view escaped_replacement = "\\ufffd";

/* What may stand in a string only after a closer look. */
using Unplain = ByteKind<Beyond::yes, 0x20, '"', '\\'>;

class Repairer {
public:
    Repairer(std::string_view text, std::string &buffer) : text_(text), buffer_(buffer) {}

    std::string_view run()
    {
        buffer_.clear();
        while (at_ < text_.size()) {
            if (in_string_) {
                string_byte();
            } else {
                outside_byte();
            }
        }
        if (!copied_) {
            return text_;
        }
        buffer_.append(text_.substr(kept_));
        return buffer_;
    }

private:
    /* Puts with in the place of the next count bytes. */
    void replace(std::size_t count, std::string_view with)
    {
        if (!copied_) {
            buffer_.reserve(text_.size() + text_.size() / 16 + 16);
            copied_ = true;
        }
        buffer_.append(text_.substr(kept_, at_ - kept_));
        buffer_.append(with);
        at_ += count;
        kept_ = at_;
    }

    void outside_byte()
    {
        unsigned char byte = static_cast<unsigned char>(text_[at_]);
        if (byte == '"') {
            in_string_ = true;
            at_++;
        } else if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') {
            replace(1, " ");
        } else if (byte == 'N' || byte == 'I' || byte == '-') {
            for (std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
                if (text_.substr(at_, word.size()) == word) {
                    replace(word.size(), "null");
                    return;
                }
            }
            at_++;
        } else {
            at_++;
        }
    }

    void string_byte()
    {
        const char *end = text_.data() + text_.size();
        at_ = static_cast<std::size_t>(Unplain::find(text_.data() + at_, end) - text_.data());
        if (at_ == text_.size()) {
            return;
        }
        unsigned char byte = static_cast<unsigned char>(text_[at_]);
        if (byte == '"') {
            in_string_ = false;
            at_++;
        } else if (byte == '\\') {
            escape();
        } else if (byte == 0) {
            replace(1, escaped_replacement);
        } else if (byte < 0x20) {
            constexpr std::string_view digits = "0123456789abcdef";
            char escaped[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
            replace(1, std::string_view(escaped, sizeof escaped));
        } else {
            std::size_t invalid = 0;
            std::size_t length = utf8_sequence(text_.substr(at_), invalid);
            if (length > 0) {
                at_ += length;
            } else {
                replace(invalid, replacement);
            }
        }
    }

    void escape()
    {
        constexpr std::string_view known = "\"\\/bfnrt";
        char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (next != '\0' && known.find(next) != known.npos) {
            at_ += 2;
            return;
        }
        std::int32_t unit = escaped_unit(text_, at_);
        if (unit < 0) {
            replace(1, "\\\\");
        } else if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
            replace(6, escaped_replacement);
        } else if (unit >= 0xd800 && unit <= 0xdbff) {
            std::int32_t low = escaped_unit(text_, at_ + 6);
            if (low >= 0xdc00 && low <= 0xdfff) {
                at_ += 12;
            } else {
                replace(6, escaped_replacement);
            }
        } else {
            at_ += 6;
        }
    }

    std::string_view text_;
    std::string &buffer_;
    std::size_t at_ = 0;
    std::size_t kept_ = 0;               /* text before it is already in the buffer */
    bool copied_ = false;
    bool in_string_ = false;
};

}

std::string_view repair(std::string_view text, std::string &buffer)
{
    if (text.starts_with(byte_order_mark)) {
        text.remove_prefix(byte_order_mark.size());
    }
    return Repairer(text, buffer).run();
}

std::int32_t escaped_unit(std::string_view text, std::size_t at)
{
    if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') {
        return -1;
    }
    std::int32_t unit = 0;
    for (char c : text.substr(at + 2, 4)) {
        std::int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                             : c >= 'a' && c <= 'f' ? c - 'a' + 10
                             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                    : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

std::size_t utf8_sequence(std::string_view text, std::size_t &invalid)
{
    auto byte = [&](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    unsigned first = byte(0);
    if (first < 0x80) {
        invalid = text.empty() ? 0 : 1;
        return invalid;
    }
    /* The second byte alone tells overlong forms, surrogates and what lies beyond
     * U+10FFFF from good ones. */
    std::size_t length = 0;
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        low = first == 0xe0 ? 0xa0 : low;
        high = first == 0xed ? 0x9f : high;
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;
    }
    invalid = 1;
    if (length == 0 || byte(1) < low || byte(1) > high) {
        return 0;
    }
    while (++invalid < length) {
        if ((byte(invalid) & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

std::string_view cut_bytes(std::string_view text, std::size_t bytes)
{
    if (text.size() <= bytes) {
        return text;
    }
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) {
        bytes--;
    }
    return text.substr(0, bytes);
}

std::string_view cut_characters(std::string_view text, std::size_t characters)
{
    if (text.size() <= characters) {
        return text;
    }
    for (std::size_t i = 0; i < text.size(); i++) {
        bool starts = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
        if (starts && characters-- == 0) {
            return text.substr(0, i);
        }
    }
    return text;
}

std::string cut_with_dots(std::string_view text, std::size_t characters)
{
    if (cut_characters(text, characters).size() == text.size()) {
        return std::string(text);
    }
    return std::string(cut_characters(text, characters - 3)).append("...");
}

}
