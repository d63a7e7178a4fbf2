/*
 * Bytes as they travelled into bytes as they were meant. Never inflates beyond the
 * limit that the caller names: ten megabytes can hold ten gigabytes of blanks.
 */

#ifndef ERRTRACK_WORKER_INFLATE_HPP
#define ERRTRACK_WORKER_INFLATE_HPP

#include <string>
#include <string_view>

namespace errtrack {

/*
 * encoding is empty, gzip, deflate (zlib's wrapper; without it is read, too), br
 * (windows of up to 4 MB) or zstd (up to 8 MB). Streams of gzip and zstd are joined;
 * what follows the last stream is ignored. What the edge takes is taken here, with
 * the same bytes.
 *
 * Puts the bytes into out and returns reason::none, or why it could not: too_large,
 * invalid_compression, content_encoding. out is then not meant for use.
 */
std::string_view inflate(std::string_view encoding, std::string_view bytes, std::size_t limit,
                         std::string &out);

}

#endif
