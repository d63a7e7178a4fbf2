/*
 * The set of client keys as a file, so that an edge that starts while Redis is away
 * knows its keys all the same:
 *
 *     errtrack-keys 1 GENERATION
 *     NAME JSON                       a field of the projection (worker/entry.hpp)
 *     ...
 *     crc32 XXXXXXXX                  of everything before this line, in hex
 *
 * Pure but for the two functions that read and write the file; those wait for the disk.
 */

#ifndef ERRTRACK_NGX_MODULE_KEY_SNAPSHOT_HPP
#define ERRTRACK_NGX_MODULE_KEY_SNAPSHOT_HPP

#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* In this order: begin, append for each field, end. A name has no blank in it. */
std::string begin_snapshot(std::string_view generation);
void append_snapshot(std::string &text, std::string_view name, std::string_view json);
void end_snapshot(std::string &text);

/* The lines of the fields; nothing when the text is not whole. */
std::optional<std::string_view> snapshot_lines(std::string_view text) noexcept;

/* Cuts one field off the front; false at the end. */
bool next_field(std::string_view &lines, std::string_view &name, std::string_view &json) noexcept;

/* Both return 0 or an errno. The file is there as a whole or not at all, for its owner alone;
 * one of more than most bytes is not read (EFBIG). */
int write_snapshot(const std::string &path, std::string_view text);
int read_snapshot(const std::string &path, std::size_t most, std::string &text);

}

#endif
