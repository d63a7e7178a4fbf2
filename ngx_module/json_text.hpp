/*
 * One JSON object that lies in memory as a whole, as the headers of an envelope do:
 * checked strictly, since the worker reads it again and refuses what is no JSON, but
 * nothing is built from it. Only the members of the object itself that somebody asks
 * for are pointed at. (A general parser costs more than all the rest of an envelope.)
 */

#ifndef ERRTRACK_NGX_MODULE_JSON_TEXT_HPP
#define ERRTRACK_NGX_MODULE_JSON_TEXT_HPP

#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

struct JsonMember {
    std::string_view name;      /* asked for */
    std::string_view token = {};    /* as it stands in the text; of a list or an object only
                                       the bracket; empty when there is no such member */

    bool absent() const noexcept { return token.empty() || token == "null"; }
    bool is_string() const noexcept { return !token.empty() && token.front() == '"'; }
};

/*
 * False when text is not one JSON object, or nested deeper than 64 levels. Of members
 * with the same name the last one counts. Characters that are no UTF-8 and lone
 * surrogates are let through: the worker mends them.
 */
bool read_members(std::string_view text, JsonMember *wanted, std::size_t count);

template <std::size_t count>
bool read_members(std::string_view text, JsonMember (&wanted)[count])
{
    return read_members(text, wanted, count);
}

/* The content of a string, without its quotes. What the edge looks for is ASCII, so an
 * escaped character beyond it becomes "?", and so does an escape that is none. */
std::string unescape(std::string_view text);

/* The string that the member is; empty when it is none. room holds it if it had escapes,
 * which is rare. */
std::string_view text_of(const JsonMember &member, std::string &room);

}

#endif
