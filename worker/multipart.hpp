/*
 * The parts of a multipart body (RFC 2046), as the edge has checked it: whatever it
 * takes is read here to the same parts. Pure.
 */

#ifndef ERRTRACK_WORKER_MULTIPART_HPP
#define ERRTRACK_WORKER_MULTIPART_HPP

#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

struct MultipartPart {
    std::string name;
    bool file = false;              /* it has a file name, which may be empty */
    std::string filename;           /* a label, never a path */
    std::string content_type;
    std::string_view content;       /* part of the body's bytes */
};

/* More parts than the edge lets in. */
inline constexpr std::size_t max_multipart_parts = 1000;

bool is_multipart(std::string_view content_type);

/* content_type holds the boundary. Returns reason::none, invalid_multipart or too_large;
 * parts holds nothing to use then. */
std::string_view parse_multipart(std::string_view content_type, std::string_view bytes,
                                 std::vector<MultipartPart> &parts);

}

#endif
