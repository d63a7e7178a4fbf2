/* Texts each of which does something where a page is written in the Markdown of GitLab or GitHub. */

#ifndef ERRTRACK_T_UNIT_HOSTILE_MARKDOWN_HPP
#define ERRTRACK_T_UNIT_HOSTILE_MARKDOWN_HPP

#include <string>
#include <vector>

inline const std::vector<std::string> hostile_markdown = {
    "@all", "@here please", "see #1", "!1", "acme/shop#1", "acme/shop!1", "&5", "%\"9.0\"", "~bug", "~\"a b\"", "$7",
    "Closes #1", "/close", "text\n/close\n/assign @root", "\r/close", "\u2028/close", "\u0085/close", "\v/close",
    "```\n/close\n```", "~~~~\n@all", "`@all`", "``@all`` `", "`", "<!-- -->", "--> @all", "<details>\n\n/close\n\n</details>",
    "<img src=x onerror=alert(1)>", "<https://example.com>", "[a](javascript:alert(1))", "![a](https://example.com/x.png)",
    "* item\n\n@all", "# head", ">>>\n/close\n>>>", "- [ ] task", "| a |\n|---|\n| @all |", "[^1]\n\n[^1]: @all", "---\nfront: 1\n---",
    "\t/close", "    /close", "\\`@all", "a  \n/close", "\u202e/close", std::string("a\0/close", 8), "\xff\xfe/close", "$`@all`$"};

#endif
