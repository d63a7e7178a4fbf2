/*
 * The parts of a multipart/form-data body (RFC 7578) that is in memory as a whole, as
 * build tools upload files. Pure.
 */

#ifndef ERRTRACK_NGX_MODULE_FORM_FILES_HPP
#define ERRTRACK_NGX_MODULE_FORM_FILES_HPP

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

struct FormPart {
    std::string name;
    std::string filename;                /* a label, never a path; empty: it is a field */
    std::string_view content;            /* of the bytes of the body */
};

inline constexpr std::size_t max_form_parts = 128;

/* Nothing when it is no such form, or has more parts. content_type holds the boundary. */
std::optional<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

/* SHA-1, by which uploads are known, in hex. */
std::string hex_sha1(std::string_view bytes);

/* RFC 4648, section 4. */
std::string base64(std::string_view bytes);

}

#endif
