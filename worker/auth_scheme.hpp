/* Credentials behind Bearer and Basic, and what people write there instead. Pure. */

#ifndef ERRTRACK_WORKER_AUTH_SCHEME_HPP
#define ERRTRACK_WORKER_AUTH_SCHEME_HPP

#include <cstddef>
#include <string_view>

namespace errtrack {

/* The length of the scheme that text ends with, 0 when it does not. */
std::size_t auth_scheme_before(std::string_view text);

/* What text begins with that may be credentials; nothing when it is too short for that. */
std::string_view credentials_at(std::string_view text);

/* Whether credentials are no word of a sentence: they have digits, =, capitals inside or are
 * very long. */
bool is_coded(std::string_view credentials);

/* Whether they are none of the words that stand behind a scheme: authentication, required. */
bool may_be_coded(std::string_view credentials);

}

#endif
