/*
 * How the commands are written: options, what they may hold, and which function of admin_*
 * does what a command says. Commands about projects are in admin_command_projects.cpp, those
 * about what people are told in admin_command_notify.cpp, all others in admin_command_line.cpp.
 */

#ifndef ERRTRACK_WORKER_ADMIN_COMMAND_LINE_HPP
#define ERRTRACK_WORKER_ADMIN_COMMAND_LINE_HPP

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "worker/admin_options.hpp"

namespace errtrack {

using Action = std::function<void(const Options &)>;

/* Builds the command line. Commands write into options, the last one that was
 * named leaves its action. */
class CommandLine {
public:
    CommandLine(Options &options, Action &action);
    CLI::App &app() { return app_; }

private:
    CLI::App *group(const std::string &name, const std::string &about);
    CLI::App *command(CLI::App *parent, const std::string &name, const std::string &about,
                      const Action &action);
    void add_organizations();
    void add_users();
    void add_projects();
    void add_keys();
    void add_edge();
    void add_issues();
    CLI::App *add_issue(CLI::App *group, const std::string &name, const std::string &about,
                        const Action &action);
    void add_privacy();
    void add_tokens();
    void add_dead();
    void add_grouping();
    void add_instance();
    void add_retention();
    void add_transfer();
    void add_report_logins();
    void add_channels();
    void add_channel_options(CLI::App *to);
    void add_rule_options(CLI::App *to);
    void add_secret(CLI::App *to, const std::string &member, std::string &file, std::string &ref);
    void add_alerts();
    void add_trackers();
    void add_notifications();
    void add_secrets();

    void add_json(CLI::App *to);
    void add_redis(CLI::App *to);
    void add_lag(CLI::App *to);
    void add_secrets_key(CLI::App *to);
    void add_id(CLI::App *to, const std::string &option, const std::string &about);
    void add_dsn(CLI::App *to);
    void add_project(CLI::App *to);
    void add_rule(CLI::App *to, const std::vector<std::string> &kinds, const std::string &about);

    CLI::App app_{"Administration of errtrack, error tracking for nginx fleets.", "errtrack"};
    Options &options_;
    Action &action_;
};

/* An empty variable of a script must not become a command without the option. */
inline const CLI::Validator not_empty(
    [](const std::string &text) { return text.empty() ? std::string("it is empty") : std::string(); },
    "");

}

#endif
