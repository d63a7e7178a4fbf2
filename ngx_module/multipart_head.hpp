/*
 * The parameters of Content-Type and Content-Disposition that multipart bodies hang on.
 * Pure; the texts are bounded by whoever asks.
 */

#ifndef ERRTRACK_NGX_MODULE_MULTIPART_HEAD_HPP
#define ERRTRACK_NGX_MODULE_MULTIPART_HEAD_HPP

#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* As much of Content-Type as the queue entry carries; what stands behind is not read. */
inline constexpr std::size_t max_content_type = 200;

bool is_multipart_type(std::string_view content_type);

/* Of a Content-Type that is multipart; empty when there is none, or when it has other
 * characters than the printable ones of ASCII. */
std::string boundary_of(std::string_view content_type);

struct Disposition {
    std::string name;
    bool file;              /* it has a file name, which may be empty */
    std::string filename;   /* as filename= says it, not filename*= */
};

/* Nothing when the line of headers is no Content-Disposition. */
std::optional<Disposition> disposition_of(std::string_view line);

}

#endif
