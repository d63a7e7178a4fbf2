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

}

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
