#include "worker/copy.hpp"

namespace errtrack {

std::string bytea(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (char c : bytes) {
        unsigned char byte = static_cast<unsigned char>(c);
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

}
