#include "worker/store_connection.hpp"

#include "sql/version.hpp"
#include "worker/batch_rows.hpp"

#include <string_view>

namespace errtrack {
namespace {

/* Throws StoreError when this worker and the schema do not work together: who waits for
 * the database waits then until one of both is upgraded. */
void check_schema(pqxx::transaction_base &tx)
{
    std::string problem;
    try {
        pqxx::result state = tx.exec(schema_question);
        problem = schema_problem(state[0][0].as<int>(), state[0][1].as<int>());
    } catch (const pqxx::syntax_error &) {
        problem = schema_missing;           // there is no such function
    } catch (const pqxx::sql_error &e) {
        if (e.sqlstate() != "3F000") {
            throw;
        }
        problem = schema_missing;           // nor the place where it would be
    }
    if (!problem.empty()) {
        throw StoreError(StoreError::Kind::down, problem);
    }
}

/* libpqxx 6 leaves sqlstate() empty for the errors that have a class of their own. */
std::string state_of(const pqxx::sql_error &e)
{
    std::string state = e.sqlstate();
    if (state.empty() && dynamic_cast<const pqxx::data_exception *>(&e) != nullptr) {
        state = "22000";
    } else if (state.empty()
               && dynamic_cast<const pqxx::integrity_constraint_violation *>(&e) != nullptr)
    {
        state = "23000";
    }
    return state;
}

/* Only the first line: in those that follow PostgreSQL quotes what a client sent. */
std::string first_line(const char *message)
{
    std::string text = message;
    return text.substr(0, text.find('\n'));
}

/*
 * By SQLSTATE class. Only 22 (bad data), 23 (a constraint) and P0 (raised by our own
 * functions) blame the data, and 57014 (out of time) and 54 (a limit of the program) may.
 * Whatever else it is - no rights, read only, out of resources, a lock, shutting down, an
 * older schema - will pass or be mended, and nothing may be given up for it.
 */
StoreError::Kind kind_of(std::string_view state) noexcept
{
    std::string_view group = state.substr(0, 2);
    if (group == "22" || group == "23" || group == "P0") {
        return StoreError::Kind::refused;
    }
    if (state == "57014" || group == "54") {
        return StoreError::Kind::overrun;
    }
    // 25006, read only: this may be the standby after a failover, so connect anew.
    bool down = state == "25006" || state == "57P01" || state == "57P02" || state == "57P03" || group == "08";
    return down ? StoreError::Kind::down : StoreError::Kind::retry;
}

}

Store::Connection::Connection(const std::string &conninfo) : db(conninfo)
{
    pqxx::work tx(db);
    check_schema(tx);
    tx.exec("select errtrack_private.prepare_session(), errtrack_private.prepare_explanations()");
    // Who waits for a lock is told so before the statement is out of time: that is not
    // the fault of what it files.
    tx.exec("select set_config('lock_timeout', (setting::integer / 2)::text, false) from pg_settings "
            "where name = 'statement_timeout' and current_setting('lock_timeout') = '0'");
    tx.commit();
    prepare_inserts(db);
}

bool Store::Connection::notified(std::optional<Listener> &listener, const char *channel)
{
    if (!listener) {
        listener.emplace(db, channel);
    }
    db.get_notifs();
    return std::exchange(listener->changed, false);
}

Store::Store(std::string conninfo, bool keys_elsewhere)
    : conninfo_(std::move(conninfo)), keys_elsewhere_(keys_elsewhere)
{
}

Store::~Store() = default;

Store::Connection &Store::connection()
{
    if (!connection_) {
        connection_ = std::make_unique<Connection>(conninfo_);
    }
    return *connection_;
}

StoreError store_error(const pqxx::sql_error &e)
{
    std::string state = state_of(e);
    return StoreError(kind_of(state), first_line(e.what()) + (state.empty() ? "" : " (" + state + ")"));
}

StoreError store_error(StoreError::Kind kind, const pqxx::failure &e)
{
    return StoreError(kind, first_line(e.what()));
}

}
