#include "worker/admin_privacy.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"

#include <iostream>

namespace errtrack {
namespace {

void change_scrubbing(const Options &options, bool present)
{
    Database database(options.database);
    database.run("select errtrack_private.change_event_setting("
                 "errtrack_private.find_project($1), $2, $3, $4::boolean)",
                 options.project, options.kind, options.value, present ? "true" : "false");
    database.commit();
    std::cout << options.kind << ' ' << options.value << (present ? " is set in " : " is not set in ")
              << options.project << '\n';
}

}

void list_scrubbing(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select s.setting, s.value"
              " from errtrack_private.privacy_list(errtrack_private.find_project($1)) as s",
              options.project);
}

void set_scrubbing(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.set_privacy("
                 "errtrack_private.find_project($1), $2, $3::boolean)",
                 options.project, options.kind, options.value);
    database.commit();
    std::cout << "scrubbing of " << options.kind << " is " << options.value << " in "
              << options.project << '\n';
}

void add_scrubbing(const Options &options)
{
    change_scrubbing(options, true);
}

void remove_scrubbing(const Options &options)
{
    change_scrubbing(options, false);
}

}
