#include "worker/markdown.hpp"

#include "worker/markup.hpp"

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::string_view indent = "    ";

/* Of a line, where a caret below it may point to something. */
constexpr std::size_t most_blanks = 200;

}

std::string markdown_span(std::string_view text, std::size_t most)
{
    std::string line = inert(text, Markup::none, most);
    std::size_t longest = 0;
    std::size_t run = 0;
    for (char c : line) {
        run = c == '`' ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    std::string ticks(longest + 1, '`');
    std::string_view pad = line.starts_with('`') || line.ends_with('`') ? " " : "";
    return line.empty() ? "" : std::string(ticks).append(pad).append(line).append(pad).append(ticks);
}

std::string markdown_block(std::string_view text, std::size_t most, std::size_t most_lines)
{
    std::string out;
    std::size_t seen = 0;               // of out, up to the last line with something in it
    for (std::size_t lines = 0; !text.empty() && lines < most_lines; lines++) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        std::size_t blanks = std::min({line.find_first_not_of(' '), line.size(), most_blanks});
        std::string shown = inert(line, Markup::none, most);
        if (!shown.empty()) {
            out.append(indent).append(blanks, ' ').append(shown);
            seen = out.size() + 1;
        }
        if (!out.empty()) {
            out += '\n';
        }
    }
    out.resize(seen);
    return text.empty() || out.empty() ? out : out.append(indent).append("...\n");
}

}
