/*
 * Every change is one call of a function of sql/api, which judges what is asked for.
 */

#include "worker/admin_edge.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"

#include <iostream>

namespace errtrack {
namespace {

std::string quota_owner(const Options &options)
{
    return options.id == 0 ? options.project : "key " + std::to_string(options.id);
}

/* Filters that the worker applies, since they need the body. */
bool needs_body(const std::string &kind)
{
    return kind == "event" || kind == "message" || kind == "release";
}

void change_filter(const Options &options, bool present)
{
    Database database(options.database);
    std::string function = needs_body(options.kind) ? "change_event_setting" : "change_edge_setting";
    database.run("select errtrack_private." + function
                     + "(errtrack_private.find_project($1), $2, $3, $4::boolean)",
                 options.project, options.kind, options.value, present ? "true" : "false");
    database.commit();
}

/* Returns how many origins the project has then. */
int change_origin(const Options &options, bool present)
{
    Database database(options.database);
    pqxx::result left = database.run(
        "select errtrack_private.change_edge_setting("
        "errtrack_private.find_project($1), 'origin', $2, $3::boolean)",
        options.project, options.value, present ? "true" : "false");
    database.commit();
    return left[0][0].as<int>();
}

}

void list_quotas(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select q.key, q.category, q.items, q.seconds, q.limit"
              " from errtrack_private.quota_list(errtrack_private.find_project($1)) as q",
              options.project);
}

void set_quota(const Options &options)
{
    Database database(options.database);
    std::string key = number_or_empty(options.id);
    pqxx::result set = database.run(
        "select errtrack_private.set_quota(errtrack_private.find_project($1), $2, $3, $4)",
        options.project, null_if_empty(key), options.category, options.limit);
    database.commit();
    std::cout << options.category << " of " << quota_owner(options) << " is limited to "
              << set[0][0].c_str() << '\n';
}

void remove_quota(const Options &options)
{
    Database database(options.database);
    std::string key = number_or_empty(options.id);
    database.run(
        "select errtrack_private.remove_quota(errtrack_private.find_project($1), $2, $3)",
        options.project, null_if_empty(key), options.category);
    database.commit();
    std::cout << options.category << " of " << quota_owner(options) << " is not limited\n";
}

void list_filters(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select s.kind, s.value"
              " from errtrack_private.edge_setting_list(errtrack_private.find_project($1)) as s"
              " where s.kind <> 'origin'"
              " union all"
              " select s.kind, s.value"
              " from errtrack_private.event_filter_list(errtrack_private.find_project($1)) as s",
              options.project);
}

void add_filter(const Options &options)
{
    change_filter(options, true);
    std::cout << options.kind << ' ' << options.value << " is filtered in " << options.project
              << '\n';
}

void remove_filter(const Options &options)
{
    change_filter(options, false);
    std::cout << options.kind << ' ' << options.value << " is not filtered in "
              << options.project << '\n';
}

void list_origins(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select s.value as origin"
              " from errtrack_private.edge_setting_list(errtrack_private.find_project($1)) as s"
              " where s.kind = 'origin'",
              options.project);
}

void add_origin(const Options &options)
{
    change_origin(options, true);
    std::cout << options.value << " may report to " << options.project << '\n';
}

void remove_origin(const Options &options)
{
    int left = change_origin(options, false);
    std::cout << options.value << " is no origin of " << options.project
              << (left == 0 ? ": none is left, every origin may report" : "") << '\n';
}

}
