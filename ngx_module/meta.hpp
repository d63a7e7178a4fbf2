/*
 * Writes the lines of field m (worker/entry.hpp): every report has about fifteen, so they
 * are put together in place, with no text made for any of them.
 */

#ifndef ERRTRACK_NGX_MODULE_META_HPP
#define ERRTRACK_NGX_MODULE_META_HPP

#include "worker/byte_search.hpp"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

class MetaWriter {
public:
    /* into is overwritten, and must live until finish(). */
    explicit MetaWriter(std::string &into) : text_(into)
    {
        text_.resize(usual);
    }

    /* A line with a value of our own making. An empty value is left out. */
    void own(std::string_view name, std::string_view value)
    {
        if (!value.empty()) {
            put(name, value);
        }
    }

    void number(std::string_view name, std::uint64_t value)
    {
        char digits[24];
        char *end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
        put(name, {digits, static_cast<std::size_t>(end - digits)});
    }

    /* A value that a client wrote: what could end the line becomes a blank. */
    void foreign(std::string_view name, std::string_view value)
    {
        if (value.empty()) {
            return;
        }
        char *at = put(name, value);
        char *end = at + value.size();
        while ((at = const_cast<char *>(Controls::find(at, end))) != end) {
            *at++ = ' ';
        }
    }

    /* Nothing is written after this. */
    void finish() { text_.resize(size_); }

private:
    static constexpr std::size_t usual = 1024;

    /* Returns where the value is. */
    char *put(std::string_view name, std::string_view value)
    {
        std::size_t needed = size_ + name.size() + value.size() + 2;
        if (needed > text_.size()) {
            text_.resize(2 * needed);
        }
        char *at = text_.data() + size_;
        std::memcpy(at, name.data(), name.size());
        at += name.size();
        *at++ = ' ';
        std::memcpy(at, value.data(), value.size());
        at[value.size()] = '\n';
        size_ = needed;
        return at;
    }

    std::string &text_;
    std::size_t size_ = 0;
};

}

#endif
