/*
 * Whatever a form with files is: it is none, or its parts lie in the body, one behind the
 * other, and none of them goes on over a delimiter.
 *
 * The input is a line of the content type, and the body.
 */

#include "ngx_module/form_files.hpp"
#include "ngx_module/multipart_head.hpp"

#include <cstdint>
#include <cstdlib>

using namespace errtrack;

namespace {

void check(bool good)
{
    if (!good) {
        std::abort();
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    std::string_view content_type = text.substr(0, text.find('\n'));
    std::string_view body = text.substr(std::min(content_type.size() + 1, size));
    check(base64(body).size() == 4 * ((body.size() + 2) / 3) && hex_sha1(body).size() == 40);
    std::optional<std::vector<FormPart>> parts = parse_form(content_type, body);
    if (!parts) {
        return 0;
    }
    check(parts->size() <= max_form_parts);
    std::string delimiter = "\n--" + boundary_of(content_type) + "\r\n";
    const char *before = body.data();
    for (const FormPart &part : *parts) {
        check(part.content.data() >= before && part.content.data() + part.content.size() <= body.data() + body.size());
        check(part.content.find(delimiter) == part.content.npos);
        before = part.content.data() + part.content.size();
    }
    return 0;
}
