#include "ngx_module/url.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') { return c - '0'; }
    if (c >= 'a' && c <= 'f') { return c - 'a' + 10; }
    if (c >= 'A' && c <= 'F') { return c - 'A' + 10; }
    return -1;
}

}

std::string percent_decode(std::string_view text, bool plus_is_space)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '%' && i + 2 < text.size()
            && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0)
        {
            out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

std::string percent_encode(std::string_view text)
{
    static const char digits[] = "0123456789ABCDEF";
    std::string out;
    for (char c : text) {
        bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                          || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved) {
            out.push_back(c);
        } else {
            unsigned char byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        }
    }
    return out;
}

bool is_text(std::string_view s)
{
    for (std::size_t i = 0; i < s.size();) {
        unsigned char c = static_cast<unsigned char>(s[i]);
        std::size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || more > s.size() - i - 1) {
            return false;
        }
        for (std::size_t k = 1; k <= more; k++) {
            if ((static_cast<unsigned char>(s[i + k]) & 0xc0) != 0x80) {
                return false;
            }
        }
        unsigned char next = more > 0 ? static_cast<unsigned char>(s[i + 1]) : 0;
        if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f)
            || (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
        {
            return false;
        }
        i += more + 1;
    }
    return true;
}

Arguments parse_arguments(std::string_view arguments)
{
    Arguments list;
    while (!arguments.empty()) {
        std::string_view pair = arguments.substr(0, arguments.find('&'));
        arguments.remove_prefix(std::min(pair.size() + 1, arguments.size()));
        std::size_t equals = pair.find('=');
        std::string name = percent_decode(pair.substr(0, equals), true);
        std::string value = equals == std::string_view::npos
            ? std::string() : percent_decode(pair.substr(equals + 1), true);
        std::size_t bracket = name.find('[');
        if (bracket != std::string::npos && name.back() == ']') {
            std::string_view index(name.data() + bracket + 1, name.size() - bracket - 2);
            if (index.find_first_not_of("0123456789") == std::string_view::npos) {
                name.resize(bracket);
            }
        }
        if (!name.empty() && is_text(name)) {
            list.emplace_back(std::move(name), std::move(value));
        }
    }
    return list;
}

std::string_view next_segment(std::string_view &path)
{
    std::size_t start = path.find_first_not_of('/');
    path.remove_prefix(start == std::string_view::npos ? path.size() : start);
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

}
