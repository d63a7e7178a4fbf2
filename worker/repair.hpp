/*
 * Makes received bytes acceptable to strict readers, a JSON parser and PostgreSQL,
 * without changing what they mean: SDKs truncate strings in the middle of a
 * character, write NaN, and let NUL through. It does not check grammar: text that is
 * no JSON stays none. Also owns the cuts of text that have to know about characters.
 */

#ifndef ERRTRACK_WORKER_REPAIR_HPP
#define ERRTRACK_WORKER_REPAIR_HPP

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/words.hpp"

namespace errtrack {

/*
 * One linear pass. A leading byte order mark goes. Outside strings NaN, Infinity
 * and -Infinity become null and control bytes blanks. Inside strings, keys too,
 * invalid UTF-8, NUL and lone surrogates become U+FFFD, control bytes are escaped,
 * and the backslash of an unknown escape is doubled.
 *
 * Returns a part of text when nothing else was wrong, else a view of buffer.
 */
std::string_view repair(std::string_view text, std::string &buffer);

/* Length of the valid UTF-8 sequence at the front of text, 0 when there is none.
 * After a 0, invalid is the number of bytes that one U+FFFD stands for. */
std::size_t utf8_sequence(std::string_view text, std::size_t &invalid);

/* The code unit of the escape \uXXXX at that place of text, -1 when there is none. */
std::int32_t escaped_unit(std::string_view text, std::size_t at);

/* The longest beginning of valid UTF-8 with at most that many bytes. */
std::string_view cut_bytes(std::string_view text, std::size_t bytes);

/* At most that many characters, the last three of them "..." when text is longer. */
std::string cut_with_dots(std::string_view text, std::size_t characters);

/* The longest beginning with at most that many characters. */
std::string_view cut_characters(std::string_view text, std::size_t characters);

}

#endif
