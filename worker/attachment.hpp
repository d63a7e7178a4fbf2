/*
 * A file that came with an event, as it is stored: the bytes are those of the client, the
 * words about them are made harmless. Pure.
 */

#ifndef ERRTRACK_WORKER_ATTACHMENT_HPP
#define ERRTRACK_WORKER_ATTACHMENT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace errtrack {

/* Bytes of one attachment at most, unless the operator says otherwise. */
inline constexpr std::size_t attachment_bytes_default = 20 * 1024 * 1024;

/* More the operator cannot say: a row of COPY takes several times the memory. */
inline constexpr std::size_t attachment_bytes_most = 100 * 1024 * 1024;

struct Attachment {
    int position = 0;               /* among the attachments of the request */
    std::string name;               /* a label, never empty, never a path */
    std::string content_type;       /* may be empty */
    std::string type;               /* a word of the protocol: event.minidump, ... */
    std::string sha256;             /* 32 bytes */
    std::string bytes;
};

/* As the client wrote them; each may be empty or anything. */
struct AttachmentLabels {
    std::string_view name;
    std::string_view content_type;
    std::string_view type;
};

Attachment make_attachment(int position, const AttachmentLabels &labels, std::string_view bytes);

}

#endif
