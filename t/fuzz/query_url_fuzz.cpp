/*
 * Whatever a URL holds: what is text here is text for jansson too, which PostgreSQL is
 * asked with; what is encoded is decoded to the same; arguments that are written anew are
 * the same arguments.
 */

#include "ngx_module/url.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <jansson.h>

using namespace errtrack;

namespace {

void check(bool good)
{
    if (!good) {
        std::abort();
    }
}

bool jansson_takes(std::string_view text)
{
    json_t *string = json_stringn(text.data(), text.size());
    json_decref(string);
    return string != nullptr && text.find('\0') == text.npos;
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    check(is_text(text) == jansson_takes(text));
    std::string encoded = percent_encode(text);
    check(percent_decode(encoded, true) == text && percent_decode(encoded, false) == text);
    check(encoded.find_first_of("/?&=+[]#;\"<> \r\n") == std::string::npos && is_text(encoded));
    check(percent_decode(text, true).size() <= size);

    Arguments arguments = parse_arguments(text);
    check(arguments.size() <= static_cast<std::size_t>(std::count(text.begin(), text.end(), '&')) + 1);
    std::string written;
    for (const auto &[name, value] : arguments) {
        check(!name.empty() && is_text(name));
        written += percent_encode(name) + "=" + percent_encode(value) + "&";
    }
    check(parse_arguments(written) == arguments);

    std::string_view path = text;
    for (std::string_view segment = next_segment(path); !segment.empty(); segment = next_segment(path)) {
        check(segment.find('/') == segment.npos);
    }
    check(path.empty());
    return 0;
}
