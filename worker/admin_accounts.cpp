#include "worker/admin_accounts.hpp"

#include <iostream>
#include <sstream>
#include <string>

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_secret.hpp"

namespace errtrack {

void create_organization(const Options &options)
{
    Database database(options.database);
    std::string wanted = number_or_empty(options.id);
    pqxx::result made = database.run("select errtrack_private.create_organization($1, $2, $3)",
                                     null_if_empty(wanted), options.slug,
                                     null_if_empty(options.name));
    std::string id = made[0][0].c_str();
    show_record(std::cout, database, options.json, {},
                "select id, slug, name from errtrack_private.organization_list where id = $1", id);
    database.commit();
}

void list_organizations(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select id, slug, name, projects, members, created_at"
              " from errtrack_private.organization_list order by id");
}

void create_user(const Options &options)
{
    Database database(options.database);
    pqxx::result made = database.run("select errtrack_private.create_user($1, $2, $3::boolean)",
                                     options.email, null_if_empty(options.name),
                                     options.administrator ? "true" : "false");
    std::string id = made[0][0].c_str();
    show_record(std::cout, database, options.json, {},
                "select id, email, name, administrator"
                " from errtrack_private.user_list where id = $1", id);
    database.commit();
}

void set_role(const Options &options)
{
    Database database(options.database);
    bool remove = options.role == "none";
    database.run("select errtrack_private.set_role($1, $2, $3)", options.email,
                 options.organization, remove ? nullptr : options.role.c_str());
    database.commit();
    std::cout << options.email << (remove ? " has no role" : " is now " + options.role) << " in "
              << options.organization << '\n';
}

void list_users(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select id, email, name, administrator, roles, created_at"
              " from errtrack_private.user_list order by id");
}

void create_project(const Options &options)
{
    Database database(options.database);
    std::string wanted = number_or_empty(options.id);
    pqxx::result made = database.run(
        "select errtrack_private.create_project($1, $2, $3, $4, $5)", null_if_empty(wanted),
        null_if_empty(options.organization), options.slug, null_if_empty(options.name),
        null_if_empty(options.platform));
    std::string id = made[0][0].c_str();
    show_record(std::cout, database, options.json, {},
                "select p.id as project, p.organization, p.slug, k.public_key as key, k.dsn"
                " from errtrack_private.project_list as p,"
                " errtrack_private.client_key_list(p.id, $2, $3::boolean) as k"
                " where p.id = $1",
                id, options.url, options.gitlab ? "true" : "false");
    database.commit();
}

void list_projects(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select id, organization, slug, name, platform, active_keys, created_at, retention_days"
              " from errtrack_private.project_list order by id");
}

void create_key(const Options &options)
{
    Database database(options.database);
    pqxx::result made = database.run(
        "select p.id, errtrack_private.create_client_key(p.id, $2, $3)"
        " from errtrack_private.find_project($1) as p(id)",
        options.project, null_if_empty(options.public_key), null_if_empty(options.label));
    std::string project = made[0][0].c_str();
    std::string id = made[0][1].c_str();
    show_record(std::cout, database, options.json, {},
                "select k.id, $1::bigint as project, k.public_key as key, k.label, k.dsn"
                " from errtrack_private.client_key_list($1, $2, $3::boolean) as k"
                " where k.id = $4",
                project, options.url, options.gitlab ? "true" : "false", id);
    database.commit();
}

void list_keys(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select k.id, k.public_key, k.label, k.active, k.created_at, k.dsn"
              " from errtrack_private.client_key_list("
              "errtrack_private.find_project($1), $2, $3::boolean) as k order by k.id",
              options.project, options.url, options.gitlab ? "true" : "false");
}

void disable_key(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.disable_client_key($1)", std::to_string(options.id));
    database.commit();
    std::cout << "key " << options.id << " is disabled\n";
}

void delete_key(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.delete_client_key($1)", std::to_string(options.id));
    database.commit();
    std::cout << "key " << options.id << " is deleted\n";
}

void create_token(const Options &options)
{
    Database database(options.database);
    std::string token = make_token();
    std::string scopes = joined(options.scopes);
    std::string days = number_or_empty(options.expires_days);
    pqxx::result made = database.run(
        "select errtrack_private.create_token($1::bytea, $2, $3, $4,"
        " string_to_array($5, ','), $6, now() + make_interval(days => $7::integer))",
        sha256_bytea(token), options.email, null_if_empty(options.organization),
        null_if_empty(options.project), null_if_empty(scopes), null_if_empty(options.label),
        null_if_empty(days));
    std::string id = made[0][0].c_str();
    // Nobody is handed a token that was not saved: what is shown is collected
    // first. The token never goes to the server, which may log statements.
    std::ostringstream shown;
    show_record(shown, database, options.json, {{"token", token}},
                "select id, owner, organization, project, scopes, label, expires_at"
                " from errtrack_private.token_list where id = $1", id);
    database.commit();
    std::cout << shown.str() << std::flush;
    std::cerr << "Keep the token now: it is not shown again.\n";
}

void import_token(const Options &options)
{
    std::string hash = sha256_bytea(read_secret());
    Database database(options.database);
    pqxx::result made = database.run("select errtrack_private.import_token($1::bytea, $2)", hash,
                                     null_if_empty(options.label));
    database.commit();
    std::cout << "token " << made[0][0].c_str() << " is valid\n";
}

void list_tokens(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select id, kind, owner, organization, project, scopes, label, valid,"
              " created_at, expires_at, last_used_at"
              " from errtrack_private.token_list order by id");
}

void revoke_token(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.revoke_token($1)", std::to_string(options.id));
    database.commit();
    std::cout << "token " << options.id << " is revoked\n";
}

}
