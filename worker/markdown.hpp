/*
 * Texts of the public in the Markdown of GitLab and GitHub, as code: neither of them looks into
 * it for people to call, for issues to refer to, for HTML. A block of it is indented and not
 * fenced: there is no fence that a text could close, and no line begins with what the text
 * holds. GitLab takes a line that begins with a slash for a command, and a fence for closed at
 * any three backticks. Pure.
 */

#ifndef ERRTRACK_WORKER_MARKDOWN_HPP
#define ERRTRACK_WORKER_MARKDOWN_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace errtrack {

/* One line as a span of code, to stand behind a word and a blank; empty when there is nothing to
 * see. */
std::string markdown_span(std::string_view text, std::size_t most);

/* The lines of a text, at most that many characters in each and that many lines, as a block of
 * code to stand between empty lines behind a paragraph; empty when there is nothing to see. */
std::string markdown_block(std::string_view text, std::size_t most, std::size_t most_lines);

}

#endif
