/*
 * How the command "errtrack" talks to PostgreSQL: one connection, one
 * transaction for each step of a command, every value a bound parameter. What is done
 * lives in SQL (sql/api); here is only how to reach it, and how a refusal of
 * the server becomes a line that a person can act on.
 */

#ifndef ERRTRACK_WORKER_ADMIN_DATABASE_HPP
#define ERRTRACK_WORKER_ADMIN_DATABASE_HPP

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <pqxx/pqxx>

namespace errtrack {

/* Exit codes of the command; alarm: what was asked for is shown, and something is wrong.
 * warning and failing are those of "errtrack doctor", as monitoring counts. */
enum class Exit { done = 0, refused = 1, unreachable = 2, alarm = 3, warning = 1, failing = 2 };

/* Ends the command with a message for people. Never holds a secret: it goes to
 * terminals and logs of deployments. */
class Failure : public std::runtime_error {
public:
    Failure(Exit code, const std::string &message) : std::runtime_error(message), code_(code) {}
    Exit code() const noexcept { return code_; }

private:
    Exit code_;
};

/* An empty option is one that was not given: it travels as NULL. */
inline const char *null_if_empty(const std::string &text)
{
    return text.empty() ? nullptr : text.c_str();
}

class Database {
public:
    /* conninfo: a connection string, a URI, the name of a database, or empty
     * for what libpq takes from the environment. Throws Failure. */
    explicit Database(const std::string &conninfo);

    /* One statement of a transaction that is kept only when commit() follows. */
    template <class... Values>
    pqxx::result run(const std::string &statement, Values &&...values)
    {
        return explained([&] {
            return work_->exec_params(statement, std::forward<Values>(values)...);
        });
    }

    /* Hands the transaction to body: for what copies rows. */
    template <class Body>
    void with_transaction(Body body)
    {
        explained([&] { body(*work_); });
    }

    void commit();

    /* Begins another transaction after commit(): for what takes many steps. */
    void begin();

private:
    template <class Body>
    static auto explained(Body body) -> decltype(body())
    {
        try {
            return body();
        } catch (...) {
            explain();
        }
    }

    void start();
    [[noreturn]] static void explain();
    static std::string prepare(const std::string &conninfo);

    pqxx::connection connection_;
    std::optional<pqxx::work> work_;
};

/*
 * Replaces the process by the migration runner of the folder. The connection
 * goes over in the environment, because arguments can be read by every user of
 * the machine and a connection string may hold a password. Returns never.
 */
[[noreturn]] void migrate(const std::string &conninfo, const std::string &folder);

}

#endif
