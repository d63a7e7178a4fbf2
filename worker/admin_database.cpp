/*
 * Connecting, the words for what went wrong, and handing over to the migration
 * runner. libpq's own parser reads connection strings, so they mean here what
 * they mean to psql; its complaints are not passed on, because they quote parts
 * of the string, which may be parts of a password.
 */

#include "worker/admin_database.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

/* Debian keeps the header of libpq in a folder that is not searched. */
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

namespace errtrack {

namespace {

struct FreeOptions {
    void operator()(PQconninfoOption *options) const { PQconninfoFree(options); }
};

using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string quote(const std::string &value)
{
    std::string quoted = "'";
    for (char c : value) {
        if (c == '\'' || c == '\\') {
            quoted.push_back('\\');
        }
        quoted.push_back(c);
    }
    return quoted + "'";
}

bool is_given(const PQconninfoOption *option)
{
    return option->val != nullptr && option->val[0] != '\0';
}

/* Only what the string itself says; nothing from the environment. */
Options parse(const std::string &conninfo)
{
    std::string text = conninfo;
    bool is_name = !text.empty() && text.find('=') == std::string::npos
                   && text.rfind("postgres://", 0) != 0 && text.rfind("postgresql://", 0) != 0;
    if (is_name) {
        text = "dbname=" + quote(text);
    }
    char *complaint = nullptr;
    Options options(PQconninfoParse(text.c_str(), &complaint));
    PQfreemem(complaint);
    if (options == nullptr) {
        throw Failure(Exit::refused,
                      "the connection string cannot be read: write \"host=... dbname=...\" or "
                      "postgresql://user@host/database");
    }
    for (auto option = options.get(); option->keyword != nullptr; option++) {
        if (std::strcmp(option->keyword, "port") == 0 && is_given(option)
            && std::strspn(option->val, "0123456789,") != std::strlen(option->val)) {
            throw Failure(Exit::refused, "the port in the connection string is not a number "
                                         "(a / or @ in a password is written %2F or %40 in a URI)");
        }
    }
    return options;
}

/* Libpq writes several lines; a message of ours is one. */
std::string one_line(const std::string &text)
{
    std::string line;
    for (char c : text) {
        bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!blank) {
            line.push_back(c);
        } else if (!line.empty() && line.back() != ' ') {
            line.push_back(' ');
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

/*
 * The first line of what the server said, without the severity: what follows
 * (detail, context, the statement) speaks of our insides. The severity is
 * translated on some servers, but always ends with a colon and two blanks.
 */
std::string message_line(const std::string &text)
{
    std::string line = text.substr(0, text.find('\n'));
    std::size_t severity = line.find(":  ");
    return severity == std::string::npos ? line : line.substr(severity + 3);
}

void set_environment(const char *name, const std::string &value)
{
    if (setenv(name, value.c_str(), 1) != 0) {
        throw Failure(Exit::refused, std::string("cannot set ") + name + ": "
                                         + std::strerror(errno));
    }
}

}

std::string Database::prepare(const std::string &conninfo)
{
    Options options = parse(conninfo);
    std::string complete = "fallback_application_name=errtrack client_encoding=UTF8";
    bool has_timeout = std::getenv("PGCONNECT_TIMEOUT") != nullptr;
    for (auto option = options.get(); option->keyword != nullptr; option++) {
        if (!is_given(option)) {
            continue;
        }
        has_timeout = has_timeout || std::strcmp(option->keyword, "connect_timeout") == 0;
        complete.append(" ").append(option->keyword).append("=").append(quote(option->val));
    }
    return has_timeout ? complete : complete + " connect_timeout=10";
}

Database::Database(const std::string &conninfo)
try : connection_(prepare(conninfo)) {
    start();
} catch (const Failure &) {
    throw;
} catch (const std::exception &e) {
    throw Failure(Exit::unreachable, "cannot reach the database (--database, ERRTRACK_DATABASE): "
                                         + one_line(e.what()));
}

void Database::commit()
{
    explained([&] { work_->commit(); });
}

void Database::begin()
{
    explained([&] { start(); });
}

void Database::start()
{
    work_.reset();
    work_.emplace(connection_, "errtrack");
    // Lists show one zone everywhere, whatever the server is set to.
    work_->exec("set local time zone 'UTC'");
}

/* Called while an exception of libpqxx is handled. */
void Database::explain()
{
    try {
        throw;
    } catch (const pqxx::in_doubt_error &) {
        throw Failure(Exit::unreachable, "the connection broke while the change was saved: look "
                                         "with a list command whether it is there");
    } catch (const pqxx::broken_connection &) {
        throw Failure(Exit::unreachable, "the connection to the database broke: nothing was "
                                         "changed, try again");
    } catch (const pqxx::insufficient_privilege &e) {
        throw Failure(Exit::refused, message_line(e.what())
                                         + " (log in as a superuser or as a member of "
                                           "errtrack_maintain)");
    } catch (const pqxx::sql_error &e) {
        // libpqxx 6 leaves the state empty for the errors that have a type of their own.
        const std::string state = e.sqlstate();
        if (state == "3F000" || dynamic_cast<const pqxx::undefined_table *>(&e) != nullptr
            || dynamic_cast<const pqxx::undefined_function *>(&e) != nullptr
            || dynamic_cast<const pqxx::undefined_column *>(&e) != nullptr) {
            throw Failure(Exit::refused, "this database does not have the schema of this release: "
                                         "run \"errtrack migrate\"");
        }
        // The server is being shut down.
        if (state.rfind("57P0", 0) == 0) {
            throw Failure(Exit::unreachable, message_line(e.what()));
        }
        throw Failure(Exit::refused, message_line(e.what()));
    }
}

void migrate(const std::string &conninfo, const std::string &folder)
{
    std::string script = folder + "/migrate";
    // With the rights that opening it will have, which access() does not ask about.
    if (faccessat(AT_FDCWD, script.c_str(), R_OK, AT_EACCESS) != 0) {
        throw Failure(Exit::refused, "cannot read " + script + ": name the folder of the SQL files "
                                     "with --sql-dir or ERRTRACK_SQL");
    }
    std::string rest;
    Options options = parse(conninfo);
    for (auto option = options.get(); option->keyword != nullptr; option++) {
        if (!is_given(option)) {
            continue;
        }
        if (option->envvar != nullptr) {
            set_environment(option->envvar, option->val);
        } else if (option->dispchar[0] == '*') {
            throw Failure(Exit::refused, std::string("cannot hand ") + option->keyword
                                             + " to psql: leave it out of the connection string");
        } else {
            rest.append(option->keyword).append("=").append(quote(option->val)).append(" ");
        }
    }
    const char *arguments[] = {"sh", script.c_str(), null_if_empty(rest), nullptr};
    execv("/bin/sh", const_cast<char **>(arguments));
    throw Failure(Exit::refused, std::string("cannot run /bin/sh: ") + std::strerror(errno));
}

}
