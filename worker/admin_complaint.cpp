#include "worker/admin_complaint.hpp"

#include <vector>

namespace errtrack {
namespace {

/* The command that the line had come to when it went wrong. */
const CLI::App &command_reached(const CLI::App &app)
{
    const std::vector<CLI::App *> parsed = app.get_subcommands();
    return parsed.empty() ? app : command_reached(*parsed.back());
}

std::string words_of(const CLI::App &command)
{
    const CLI::App *parent = command.get_parent();
    return (parent == nullptr ? "" : words_of(*parent) + " ") + command.get_name();
}

}

std::string complaint_of(const CLI::ParseError &e, const CLI::App &app)
{
    const CLI::App &reached = command_reached(app);
    const std::vector<std::string> unknown = app.remaining(true);
    std::string what = e.what();
    if (!unknown.empty() && reached.get_require_subcommand_min() > 0) {
        bool option = unknown.front().starts_with('-');
        what = option ? "The following argument was not expected: " + unknown.front()
                      : "there is no command \"" + words_of(reached) + " " + unknown.front() + "\"";
    }
    return what + " (see " + words_of(reached) + " --help)";
}

}
