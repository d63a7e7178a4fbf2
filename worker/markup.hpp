/*
 * Texts of clients inside the markup of others: they stay text. Nobody can be mentioned by
 * the title of an error, no link made, no command given. Pure.
 */

#ifndef ERRTRACK_WORKER_MARKUP_HPP
#define ERRTRACK_WORKER_MARKUP_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace errtrack {

enum class Markup {
    none,
    entities,                           /* & < > mean something: Slack, cards of Google Chat */
    mattermost,
    discord,
    commonmark,                         /* with the references of GitLab and GitHub */
    references                          /* shown as it is here and as their markdown there: nothing to see */
};

/*
 * Text on one line, in valid UTF-8, without control characters and those that change the
 * direction of writing, and such that markup finds nothing in it. At most that many characters as
 * JavaScript counts them, escapes and all; what is longer is cut before a character and ends
 * with an ellipsis.
 */
std::string inert(std::string_view text, Markup markup, std::size_t most);

/* Characters of UTF-8 as JavaScript counts them: in UTF-16. */
std::size_t units_of(std::string_view text);

}

#endif
