#include "worker/admin_report.hpp"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_secret.hpp"

namespace errtrack {

namespace {

/* A password that was brought along is known already and not shown. */
struct Password {
    explicit Password(const Options &options)
        : brought(!options.password_file.empty()),
          text(brought ? read_password(options.password_file) : make_password())
    {
    }

    Fields shown() const { return brought ? Fields{} : Fields{{"password", text}}; }

    /* Once nothing can go wrong any more. */
    void hand_over(const std::string &record) const
    {
        std::cout << record << std::flush;
        if (!brought) {
            std::cerr << "Keep the password now: it is not shown again.\n";
        }
    }

    bool brought;
    std::string text;
};

const char one_login[] = "select login, projects, connections, timeout"
                         " from errtrack_private.report_login_list where login = $1";

void create_report_login(const Options &options)
{
    Password password(options);
    Database database(options.database);
    const std::string projects = joined(options.projects);
    pqxx::result made = database.run(
        "select errtrack_private.create_report_login($1, $2, string_to_array($3, ','), $4, $5)",
        options.login, scram_verifier(password.text), options.projects.empty() ? nullptr : projects.c_str(),
        options.timeout_seconds, options.connections);
    std::ostringstream shown;
    show_record(shown, database, options.json, password.shown(), one_login, options.login);
    database.commit();
    password.hand_over(shown.str());
    if (!made[0][0].as<bool>()) {
        remark("temporary files of its queries are not limited, since only a superuser can do that: alter role \""
               + options.login + "\" set temp_file_limit = '4GB'");
    }
}

void rotate_report_login(const Options &options)
{
    Password password(options);
    Database database(options.database);
    database.run("select errtrack_private.set_report_password($1, $2)", options.login, scram_verifier(password.text));
    std::ostringstream shown;
    show_record(shown, database, options.json, password.shown(), one_login, options.login);
    database.commit();
    password.hand_over(shown.str());
}

void delete_report_login(const Options &options)
{
    Database database(options.database);
    pqxx::result gone = database.run("select errtrack_private.delete_report_login($1)", options.login);
    database.commit();
    // Not before: until then it could log in again.
    bool ended = true;
    if (!gone[0][0].is_null()) {
        database.begin();
        ended = database.run("select errtrack_private.end_sessions($1)", gone[0][0].c_str())[0][0].as<bool>();
        database.commit();
    }
    std::cout << options.login << " is deleted\n";
    if (!ended) {
        remark("sessions of it that are open get errors from the views, but are there until they end by themselves");
    }
}

void list_report_logins(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select login, projects, can_login, connections, timeout, created_at"
              " from errtrack_private.report_login_list order by login");
}

}

void add_report_logins(CLI::App &group, Options &options, std::function<void(const Options &)> &action)
{
    auto command = [&](const std::string &name, const std::string &about, void (*does)(const Options &)) {
        CLI::App *made = group.add_subcommand(name, about);
        made->callback([&action, does] { action = does; });
        return made;
    };
    auto add_name = [&](CLI::App *to) { to->add_option("name", options.login, "name of the login")->required(); };
    auto add_password = [&](CLI::App *to) {
        to->add_option("--password-file", options.password_file,
                       "file with the password on its first line (default: a new one, shown once)");
        to->add_flag("--json", options.json, "print JSON");
    };

    CLI::App *to = command("create", "make a login that reads the views", create_report_login);
    add_name(to);
    to->add_option("--project", options.projects,
                   "sees only this project: id, organization/slug or slug; may be repeated (default: everything)")
        ->delimiter(',')
        // An empty variable of a script must not become a login that sees everything.
        ->check([](const std::string &text) { return text.empty() ? std::string("it is empty") : std::string(); });
    to->add_option("--timeout", options.timeout_seconds, "seconds that a statement may run")
        ->capture_default_str()
        ->check(CLI::Range(1, 86400));
    to->add_option("--connections", options.connections, "so many at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    add_password(to);

    to = command("rotate", "give a login another password", rotate_report_login);
    add_name(to);
    add_password(to);

    to = command("delete", "remove a login and end its sessions", delete_report_login);
    add_name(to);

    to = command("list", "list the logins that read the views", list_report_logins);
    to->add_flag("--json", options.json, "print JSON");
}

}
