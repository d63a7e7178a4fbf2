/*
 * The command "errtrack": administration from a shell. Options become bound
 * parameters of a function of sql/api, its answer becomes a table, a record or
 * JSON. What is allowed, and the words of a refusal, are decided in SQL.
 *
 * Parsing only chooses what to do; nothing is connected to before the whole
 * command line is known to be good.
 */

#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "worker/admin_command_line.hpp"
#include "worker/admin_complaint.hpp"
#include "worker/admin_database.hpp"

namespace errtrack {
namespace {

int complain(Exit code, const std::string &message)
{
    std::cout << std::flush;
    std::cerr << "errtrack: " << message << '\n';
    return static_cast<int>(code);
}

}

int administer(int argc, char **argv)
try {
    Options options;
    Action action;
    CommandLine line(options, action);
    try {
        line.app().parse(argc, argv);
    } catch (const CLI::ParseError &e) {
        if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
            return line.app().exit(e);
        }
        return complain(Exit::refused, complaint_of(e, line.app()));
    }
    action(options);
    if (!std::cout.flush()) {
        return complain(Exit::refused, "cannot write the output");
    }
    return static_cast<int>(Exit::done);
} catch (const Failure &failure) {
    return complain(failure.code(), failure.what());
} catch (const std::exception &e) {
    return complain(Exit::refused, e.what());
}

}

int main(int argc, char **argv)
{
    return errtrack::administer(argc, argv);
}
