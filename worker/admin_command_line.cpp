#include "worker/admin_command_line.hpp"

#include "worker/admin_accounts.hpp"
#include "worker/admin_database.hpp"
#include "worker/admin_dead.hpp"
#include "worker/admin_doctor.hpp"
#include "worker/admin_export.hpp"
#include "worker/admin_import.hpp"
#include "worker/admin_report.hpp"
#include "worker/admin_retention.hpp"
#include "worker/admin_seal.hpp"
#include "worker/admin_status.hpp"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>

namespace errtrack {

CommandLine::CommandLine(Options &options, Action &action) : options_(options), action_(action)
{
    // CLI11 would take these from the environment once for each command that has the
    // option, and a given one would lose against the last of them.
    for (auto [value, name] : {std::pair{&options_.redis, "ERRTRACK_REDIS"},
                               std::pair{&options_.url, "ERRTRACK_URL"},
                               std::pair{&options_.secrets_key_file, "ERRTRACK_SECRETS_KEY_FILE"}}) {
        if (const char *given = std::getenv(name); given != nullptr && *given != '\0') {
            *value = given;
        }
    }
    app_.require_subcommand(1);
    // So that --database may also stand after the command.
    app_.fallthrough();
    app_.add_option("--database", options_.database,
                    "connection string, URI or name (default: as psql does)")
        ->envname("ERRTRACK_DATABASE");
    add_instance();
    add_retention();
    add_transfer();
    add_organizations();
    add_users();
    add_projects();
    add_keys();
    add_edge();
    add_issues();
    add_privacy();
    add_tokens();
    add_dead();
    add_grouping();
    add_report_logins();
    add_secrets();
    add_channels();
    add_alerts();
    add_trackers();
    add_notifications();
}

CLI::App *CommandLine::group(const std::string &name, const std::string &about)
{
    CLI::App *made = app_.add_subcommand(name, about);
    made->require_subcommand(1);
    return made;
}

CLI::App *CommandLine::command(CLI::App *parent, const std::string &name,
                               const std::string &about, const Action &action)
{
    CLI::App *made = parent->add_subcommand(name, about);
    made->callback([this, action] { action_ = action; });
    return made;
}

void CommandLine::add_json(CLI::App *to)
{
    to->add_flag("--json", options_.json, "print JSON");
}

void CommandLine::add_redis(CLI::App *to)
{
    to->add_option("--redis", options_.redis, "host:port or unix:/path (else ERRTRACK_REDIS)")
        ->capture_default_str();
    to->add_option("--redis-password-file", options_.redis_password_file,
                   "file with the password of Redis");
}

void CommandLine::add_lag(CLI::App *to)
{
    to->add_option("--max-lag", options_.max_lag_seconds, "seconds in the queue from which on it is an alarm")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
}

void CommandLine::add_secrets_key(CLI::App *to)
{
    to->add_option("--secrets-key-file", options_.secrets_key_file,
                   "file of the keys, the first of which seals (else ERRTRACK_SECRETS_KEY_FILE)");
}

void CommandLine::add_id(CLI::App *to, const std::string &option, const std::string &about)
{
    to->add_option(option, options_.id, about)
        ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()));
}

void CommandLine::add_dsn(CLI::App *to)
{
    to->add_option("--url", options_.url, "base URL of the DSN (else ERRTRACK_URL)")
        ->capture_default_str();
    to->add_flag("--gitlab", options_.gitlab, "the form of DSN that GitLab shows");
}

void CommandLine::add_project(CLI::App *to)
{
    to->add_option("project", options_.project, "id, organization/slug, or a slug that is unique")
        ->required();
}

/* A rule of a project; its kind is an argument when there are several. */
void CommandLine::add_rule(CLI::App *to, const std::vector<std::string> &kinds,
                           const std::string &about)
{
    add_project(to);
    if (!kinds.empty()) {
        to->add_option("kind", options_.kind, joined(kinds))
            ->required()
            ->check(CLI::IsMember(kinds));
    }
    to->add_option("value", options_.value, about)->required();
}

void CommandLine::add_instance()
{
    CLI::App *to = command(&app_, "migrate", "bring the database to the schema of this release",
                           [](const Options &o) { migrate(o.database, o.sql_dir); });
    to->add_option("--sql-dir", options_.sql_dir, "folder of the SQL files")
        ->envname("ERRTRACK_SQL")
        ->capture_default_str();

    to = command(&app_, "status", "show how the instance is", show_status);
    add_json(to);
    add_redis(to);
    add_lag(to);
    to->add_option("--watch", options_.watch_seconds, "show it again every so many seconds (2)")
        ->expected(0, 1)
        ->default_str("2")
        ->check(CLI::Range(1, 3600));

    to = command(&app_, "doctor", "look whether everything is as it should be", show_doctor);
    add_json(to);
    add_redis(to);
    add_lag(to);
    to->add_option("--spool", options_.spool, "look also at this errtrack_spool of an nginx on this host");
}

void CommandLine::add_retention()
{
    CLI::App *to = command(&app_, "retention", "remove what is past its time, as the workers do every hour",
                           run_retention);
    to->add_flag("--dry-run", options_.dry_run, "only show what would go");
    to->add_option("--days", options_.days, "days that are kept (default: what the worker keeps)")
        ->check(CLI::Range(8, 3650));
    add_json(to);
    to->get_option("--json")->needs("--dry-run");
}

void CommandLine::add_transfer()
{
    CLI::App *to = command(&app_, "export", "write a project to standard output, as lines of JSON", export_project);
    add_project(to);
    to->add_flag("--without-payloads", options_.without_payloads, "leave out the bodies of events");

    to = command(&app_, "import", "make a project of what export wrote, from standard input", import_project);
    to->add_option("project", options_.project, "organization/slug, of an empty project or a new one")->required();
    add_id(to, "--id", "id of a new project (default: the next free one)");
}

void CommandLine::add_organizations()
{
    CLI::App *org = group("org", "organizations");
    CLI::App *to = command(org, "create", "make an organization", create_organization);
    to->add_option("slug", options_.slug, "short name for addresses")->required();
    to->add_option("--name", options_.name, "name for people (default: the slug, with capitals)");
    add_id(to, "--id", "id, for example that of the GitLab group (default: the next free one)");
    add_json(to);

    add_json(command(org, "list", "list organizations", list_organizations));
}

void CommandLine::add_users()
{
    CLI::App *user = group("user", "people and their roles");
    CLI::App *to = command(user, "create", "make a user", create_user);
    to->add_option("email", options_.email, "e-mail address")->required();
    to->add_option("--name", options_.name, "name for people");
    to->add_flag("--admin", options_.administrator, "owner of every organization");
    add_json(to);

    to = command(user, "role", "give a user a role, or take it away", set_role);
    to->add_option("email", options_.email, "e-mail address")->required();
    to->add_option("org", options_.organization, "id or slug of the organization")->required();
    to->add_option("role", options_.role, "reporter, developer, maintainer, owner or none")
        ->required();

    add_json(command(user, "list", "list users", list_users));
}

void CommandLine::add_tokens()
{
    CLI::App *token = group("token", "tokens of people and of GitLab");
    CLI::App *to = command(token, "create", "make a token; it is shown once", create_token);
    to->add_option("--user", options_.email, "e-mail address of its owner")->required();
    to->add_option("--org", options_.organization,
                   "only this organization (default: all of the owner's)");
    to->add_option("--project", options_.project, "only this project");
    to->add_option("--scope", options_.scopes, "may be repeated (default: all of the role)")
        ->delimiter(',');
    to->add_option("--label", options_.label, "what the token is for");
    to->add_option("--expires", options_.expires_days, "days (default: never)")
        ->check(CLI::Range(1, 36500));
    add_json(to);

    to = command(token, "import", "take over the secret of GitLab from standard input",
                 import_token);
    to->add_option("--label", options_.label, "which GitLab it is");

    add_json(command(token, "list", "list tokens", list_tokens));

    to = command(token, "revoke", "end a token at once", revoke_token);
    add_id(to, "token", "id of the token");
    to->get_option("token")->required();
}

void CommandLine::add_dead()
{
    CLI::App *dead = group("dead", "dead letters: requests that could not be filed");
    CLI::App *to = command(dead, "list", "list dead letters, the newest first", list_dead);
    to->add_option("--project", options_.project, "only of this project");
    to->add_option("--limit", options_.limit_rows, "so many at most")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    add_json(to);

    to = command(dead, "show", "show what is known of one", show_dead);
    add_id(to, "letter", "id of the dead letter");
    to->get_option("letter")->required();
    to->add_flag("--body", options_.body, "write its body, as the client sent it, and nothing else");
    add_json(to);

    to = command(dead, "delete", "remove dead letters that are hopeless", delete_dead);
    to->add_option("letters", options_.ids, "ids of dead letters")->required();

    to = command(dead, "replay", "put dead letters back into the queue", replay_dead);
    CLI::Option *ids = to->add_option("letters", options_.ids, "ids of dead letters");
    CLI::Option *project = to->add_option("--project", options_.project, "all of this project");
    CLI::Option *all = to->add_flag("--all", options_.all, "all there are");
    ids->excludes(project)->excludes(all);
    project->excludes(all);
    add_redis(to);
}

void CommandLine::add_report_logins()
{
    CLI::App *logins = group("report-user", "logins of analysts, who report with SQL");
    auto add_name = [&](CLI::App *to) { to->add_option("name", options_.login, "name of the login")->required(); };
    auto add_password = [&](CLI::App *to) {
        to->add_option("--password-file", options_.password_file,
                       "file with the password on its first line (default: a new one, shown once)");
        add_json(to);
    };

    CLI::App *to = command(logins, "create", "make a login that reads the views", create_report_login);
    add_name(to);
    to->add_option("--project", options_.projects,
                   "sees only this project: id, organization/slug or slug; may be repeated (default: everything)")
        ->delimiter(',')
        ->check(not_empty);
    to->add_option("--timeout", options_.timeout_seconds, "seconds that a statement may run")
        ->capture_default_str()
        ->check(CLI::Range(1, 86400));
    to->add_option("--connections", options_.connections, "so many at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    add_password(to);

    to = command(logins, "rotate", "give a login another password", rotate_report_login);
    add_name(to);
    add_password(to);

    add_name(command(logins, "delete", "remove a login and end its sessions", delete_report_login));
    add_json(command(logins, "list", "list the logins that read the views", list_report_logins));
}

void CommandLine::add_secrets()
{
    CLI::App *to = command(&app_, "secrets-key", "make a key that secrets of channels and trackers are sealed with",
                           make_secrets_key);
    to->add_option("file", options_.file, "new file to write it to (default: standard output)")->check(not_empty);

    to = command(&app_, "seal", "print a secret sealed, as the database keeps it", seal_secret);
    to->add_option("of", options_.kind, "channel or tracker")
        ->required()
        ->check(CLI::IsMember({"channel", "tracker"}));
    to->add_option("member", options_.value, "what it is there: url, secret or token")
        ->required()
        ->check(CLI::IsMember({"url", "secret", "token"}));
    to->add_option("--file", options_.file, "file with the secret on its first line (default: standard input)")
        ->check(not_empty);
    add_secrets_key(to);
}

}
