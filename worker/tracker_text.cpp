#include "worker/tracker_text.hpp"

#include "worker/markdown.hpp"
#include "worker/markup.hpp"
#include "worker/notice_text.hpp"

namespace errtrack {
namespace {

/* All of it together stays far below the 65,536 characters of GitHub. */
constexpr std::size_t most_word = 200;
constexpr std::size_t most_line = 500;
constexpr std::size_t most_lines = 50;

/* "label `text`" behind what there is, unless the text is empty. */
void add(std::string &out, std::string_view label, std::string_view text)
{
    if (std::string span = markdown_span(text, most_word); !span.empty()) {
        out.append(label).append(" ").append(span);
    }
}

void add_line(std::string &out, std::string_view label, std::string_view text)
{
    std::string line;
    add(line, label, text);
    out.append(line.empty() ? "" : "* ").append(line).append(line.empty() ? "" : "\n");
}

/* The issue by its name, with a link to its page. */
std::string name_of(const Notice &notice, const Delivery &delivery)
{
    std::string name = markdown_span(notice.issue->short_id, most_word);
    std::string page = page_of(notice, delivery.base);
    return page.empty() ? name : "[" + name + "](" + page + ")";
}

}

std::string tracker_mark(const Delivery &delivery)
{
    return "<!-- errtrack delivery " + delivery.id + " -->";
}

std::string tracker_title(const Notice &notice, std::size_t most)
{
    std::string title = inert(notice.issue->title, Markup::references, most);
    return title.empty() ? inert(notice.issue->short_id, Markup::references, most) : title;
}

std::string tracker_description(const Notice &notice, const Delivery &delivery)
{
    const Notice::Issue &issue = *notice.issue;
    std::string text = "Reported by errtrack as " + name_of(notice, delivery) + ".\n\n";
    std::string said = issue.type + (issue.type.empty() || issue.value.empty() ? "" : ": ") + issue.value;
    std::string block = markdown_block(said.empty() ? issue.title : said, most_line, most_lines);
    text.append(block).append(block.empty() ? "" : "\n");
    add_line(text, "Culprit:", issue.culprit);
    add_line(text, "Level:", issue.level);
    add_line(text, "Platform:", issue.platform);
    if (notice.event) {
        add_line(text, "Environment:", notice.event->environment);
    }
    text.append("* Events: ").append(std::to_string(issue.events)).append("\n");
    text.append("* Users: ").append(std::to_string(issue.users)).append("\n");
    add_line(text, "First seen:", issue.first_seen);
    add_line(text, "First release:", issue.first_release);
    add_line(text, "Last seen:", issue.last_seen);
    add_line(text, "Last release:", issue.last_release);
    if (notice.event) {
        add_line(text, "Event:", notice.event->id);
    }
    return text + "\n" + tracker_mark(delivery) + "\n";
}

std::string tracker_comment(const Notice &notice, const Delivery &delivery)
{
    std::string resolved;
    add(resolved, " by", notice.reason.resolved_by);
    add(resolved, " in release", notice.reason.resolved_in);
    add(resolved, " at", notice.reason.resolved_at);
    std::string text = "Resolved";
    if (notice.kind == NoticeKind::reopen) {
        text = "Back";
        if (notice.event) {
            add(text, " with event", notice.event->id);
            add(text, " of release", notice.event->release);
            add(text, " in", notice.event->environment);
        }
        text += resolved.empty() ? "" : ", after it was resolved";
    }
    return text + resolved + ": " + name_of(notice, delivery) + " of errtrack.\n\n" + tracker_mark(delivery) + "\n";
}

}
