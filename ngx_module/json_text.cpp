/*
 * A reader of JSON with one bit of memory for each level.
 */

#include "ngx_module/json_text.hpp"

#include "worker/byte_search.hpp"

#include <cstdint>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

/* -1 for what is no digit. */
int hex_value(char c) noexcept
{
    if (is_digit(c)) {
        return c - '0';
    }
    char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

class ObjectReader {
public:
    ObjectReader(std::string_view text, JsonMember *wanted, std::size_t count) noexcept
        : at_(text.data()), end_(text.data() + text.size()), wanted_(wanted), count_(count) {}

    bool run()
    {
        skip_blanks();
        if (!take('{')) {
            return false;
        }
        bool opened = true;     /* nothing has been read since the bracket */
        for (;;) {
            skip_blanks();
            if (at_ == end_) {
                return false;
            }
            bool bracket = false;
            if (!opened || *at_ != closing()) {
                if (!element(bracket)) {
                    return false;
                }
            }
            opened = bracket;
            if (opened) {
                continue;
            }
            skip_blanks();
            while (take(closing())) {
                if (--depth_ == 0) {
                    return at_ == end_;
                }
                skip_blanks();
            }
            if (!take(',')) {
                return false;
            }
        }
    }

private:
    static constexpr unsigned max_depth = 64;

    bool in_list() const noexcept { return (lists_ >> (depth_ - 1) & 1) != 0; }
    char closing() const noexcept { return in_list() ? ']' : '}'; }

    bool take(char c) noexcept
    {
        bool there = at_ != end_ && *at_ == c;
        at_ += there;
        return there;
    }

    void skip_blanks() noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) {
            at_++;
        }
    }

    /* One element with its name; of a list or an object only the bracket. */
    bool element(bool &bracket)
    {
        std::string_view *token = nullptr;
        if (!in_list()) {
            const char *name = at_;
            if (!string()) {
                return false;
            }
            if (depth_ == 1) {
                token = find({name + 1, static_cast<std::size_t>(at_ - name - 2)});
            }
            skip_blanks();
            if (!take(':')) {
                return false;
            }
            skip_blanks();
        }
        const char *begin = at_;
        bool list = at_ != end_ && *at_ == '[';
        bracket = list || (at_ != end_ && *at_ == '{');
        if (bracket) {
            if (depth_ == max_depth) {
                return false;
            }
            std::uint64_t bit = std::uint64_t(1) << depth_;
            lists_ = list ? lists_ | bit : lists_ & ~bit;
            depth_++;
            at_++;
        } else if (!scalar()) {
            return false;
        }
        if (token != nullptr) {
            *token = {begin, static_cast<std::size_t>(at_ - begin)};
        }
        return true;
    }

    std::string_view *find(std::string_view name)
    {
        bool escaped = name.find('\\') != std::string_view::npos;
        for (std::size_t i = 0; i < count_; i++) {
            if (escaped ? unescape(name) == wanted_[i].name : name == wanted_[i].name) {
                return &wanted_[i].token;
            }
        }
        return nullptr;
    }

    bool scalar() noexcept
    {
        if (at_ == end_) {
            return false;
        }
        switch (*at_) {
        case '"':
            return string();
        case 't':
            return word("true");
        case 'f':
            return word("false");
        case 'n':
            return word("null");
        default:
            return number();
        }
    }

    bool word(std::string_view expected) noexcept
    {
        std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
        at_ += expected.size() <= rest.size() ? expected.size() : rest.size();
        return rest.substr(0, expected.size()) == expected;
    }

    bool digits() noexcept
    {
        const char *first = at_;
        while (at_ != end_ && is_digit(*at_)) {
            at_++;
        }
        return at_ != first;
    }

    bool number() noexcept
    {
        take('-');
        if (!take('0') && !digits()) {
            return false;
        }
        if (take('.') && !digits()) {
            return false;
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            return digits();
        }
        return true;
    }

    bool string() noexcept
    {
        if (!take('"')) {
            return false;
        }
        for (;;) {
            at_ = StringEnds::find(at_, end_);
            if (take('"')) {
                return true;
            }
            if (!take('\\') || !escape()) {
                return false;
            }
        }
    }

    bool escape() noexcept
    {
        if (at_ == end_) {
            return false;
        }
        char kind = *at_++;
        if (kind != 'u') {
            return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
        }
        for (int i = 0; i < 4; i++, at_++) {
            if (at_ == end_ || hex_value(*at_) < 0) {
                return false;
            }
        }
        return true;
    }

    const char *at_;
    const char *end_;
    JsonMember *wanted_;
    std::size_t count_;
    unsigned depth_ = 1;
    std::uint64_t lists_ = 0;   /* a bit for each level that is a list */
};

}

bool read_members(std::string_view text, JsonMember *wanted, std::size_t count)
{
    return ObjectReader(text, wanted, count).run();
}

std::string unescape(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out.push_back(text[i]);
            continue;
        }
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        char kind = text[++i];
        if (kind != 'u') {
            std::size_t which = from.find(kind);
            out.push_back(which == std::string_view::npos ? '?' : to[which]);
            continue;
        }
        int code = 0;
        for (int digit = 0; digit < 4; digit++) {
            int value = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
            i += value >= 0;
            code = value < 0 ? 0x80 : code * 16 + value;
        }
        out.push_back(code < 0x80 ? static_cast<char>(code) : '?');
    }
    return out;
}

std::string_view text_of(const JsonMember &member, std::string &room)
{
    if (!member.is_string()) {
        return {};
    }
    std::string_view content = member.token.substr(1, member.token.size() - 2);
    if (content.find('\\') == std::string_view::npos) {
        return content;
    }
    room = unescape(content);
    return room;
}

}
