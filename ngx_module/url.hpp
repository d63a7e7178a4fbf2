/*
 * The bytes of a URL. Pure: no nginx. What a value means is the business of whoever
 * asked for it; here it is only what the client wrote.
 */

#ifndef ERRTRACK_NGX_MODULE_URL_HPP
#define ERRTRACK_NGX_MODULE_URL_HPP

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

using Arguments = std::vector<std::pair<std::string, std::string>>;

/* A % that no two hex digits follow stands for itself. */
std::string percent_decode(std::string_view text, bool plus_is_space);

/* All but the unreserved characters of RFC 3986, section 2.3. */
std::string percent_encode(std::string_view text);

/* UTF-8 that PostgreSQL takes: no NUL, no surrogates, no overlong forms. */
bool is_text(std::string_view text);

/*
 * Names and values, decoded: percent, + as space, name[]= and name[0]= as name. In the
 * order of the request. Names that are no text are left out.
 */
Arguments parse_arguments(std::string_view arguments);

/* The next segment of a path; empty at its end. Any number of slashes is one. */
std::string_view next_segment(std::string_view &path);

}

#endif
