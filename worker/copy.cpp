#include "worker/copy.hpp"

#include <cstdio>
#include <ctime>

namespace errtrack {

std::string timestamp(std::int64_t microseconds)
{
    std::int64_t fraction = microseconds % 1'000'000;
    if (fraction < 0) {
        fraction += 1'000'000;
    }
    std::time_t seconds = static_cast<std::time_t>((microseconds - fraction) / 1'000'000);
    std::tm utc = {};
    gmtime_r(&seconds, &utc);
    char text[64];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d.%06d+00",
                  utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                  utc.tm_sec, static_cast<int>(fraction));
    return text;
}

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
