/*
 * Runs SQL calls over libpqxx. Written to what libpqxx 6.4 and 7 share.
 *
 * What must stay true: a connection is in the free list, or in the hands of
 * exactly one thread; after any trouble with it, it is dropped and not mended;
 * a call whose text may have reached the server is never sent again.
 */

#include "ngx_module/pg_task.hpp"

#include "sql/version.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <utility>

/* Debian keeps it in a folder of its own, which the flags of libpqxx do not name. */
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

/* exec_params, the one spelling that 6.4 and 7 share, is deprecated in late 7. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <pqxx/pqxx>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

using Clock = std::chrono::steady_clock;

/* Connections are checked for being idle before use; see is_quiet(). */
using Connection = std::unique_ptr<pqxx::connection>;

/* An answer larger than this is a mistake: every function bounds its page. */
constexpr std::size_t max_body = 64 * 1024 * 1024;

/* Tokens remembered as lately touched; beyond it the memory starts anew. */
constexpr std::size_t max_touched = 4096;
constexpr std::chrono::seconds touch_interval{60};

/*
 * Bounds for what a dead host would otherwise hold up for minutes. What the
 * operator writes comes later in the string and wins.
 */
constexpr const char *conninfo_defaults =
    "connect_timeout=2 tcp_user_timeout=5000 client_encoding=UTF8 "
    "fallback_application_name=errtrack-query ";

bool is_uri(std::string_view conninfo)
{
    return conninfo.substr(0, 13) == "postgresql://" || conninfo.substr(0, 11) == "postgres://";
}

std::string with_defaults(std::string_view conninfo)
{
    if (!is_uri(conninfo)) {
        return conninfo_defaults + std::string(conninfo);
    }
    std::string uri(conninfo);
    for (const char *setting : {"connect_timeout=2", "tcp_user_timeout=5000",
                                "client_encoding=UTF8",
                                "fallback_application_name=errtrack-query"})
    {
        std::string name(setting, std::strchr(setting, '=') + 1);
        if (uri.find(name) == std::string::npos) {
            uri += uri.find('?') == std::string::npos ? '?' : '&';
            uri += setting;
        }
    }
    return uri;
}

/*
 * An idle connection has nothing to read: if there is something, it is the end
 * of the stream or the server's farewell. So a restart of the server costs no
 * request, not even one that must not be repeated.
 */
bool is_quiet(const pqxx::connection &connection)
{
    pollfd p = {connection.sock(), POLLIN, 0};
    return p.fd >= 0 && ::poll(&p, 1, 0) == 0;
}

std::string statement(const SqlCall &call)
{
    return "select status, body, next_cursor, prev_cursor, total, content_type, file_name, bytes, cookie from errtrack_private."
           + std::string(call.function) + "(token_hash => decode($1, 'hex'), request => $2)";
}

std::string text(const pqxx::field &field)
{
    return field.is_null() ? std::string() : std::string(field.c_str(), field.size());
}

/* Messages of libpq go on with details and hints, and end in a newline. */
std::string first_line(const char *message)
{
    return std::string(message, std::strcspn(message, "\r\n"));
}

/*
 * libpqxx 6.4 keeps the state only where it has no class of its own for it, so
 * for those the state, or its class, is read off the type.
 */
std::string state_of(const pqxx::sql_error &e)
{
    if (!e.sqlstate().empty()) {
        return e.sqlstate();
    }
    const char *state = dynamic_cast<const pqxx::insufficient_privilege *>(&e) ? "42501"
        : dynamic_cast<const pqxx::undefined_function *>(&e) ? "42883"
        : dynamic_cast<const pqxx::undefined_table *>(&e) ? "42P01"
        : dynamic_cast<const pqxx::undefined_column *>(&e) ? "42703"
        : dynamic_cast<const pqxx::syntax_error *>(&e) ? "42xxx"
        : dynamic_cast<const pqxx::insufficient_resources *>(&e) ? "53xxx"
        : dynamic_cast<const pqxx::data_exception *>(&e) ? "22xxx"
        : dynamic_cast<const pqxx::integrity_constraint_violation *>(&e) ? "23xxx"
        : dynamic_cast<const pqxx::plpgsql_error *>(&e) ? "P0xxx"
        : "unknown";
    return state;
}

/* SQLSTATE ET404: our own functions refuse with 404, and the message says why. */
bool is_refusal(const std::string &state)
{
    return state.size() == 5 && state.compare(0, 2, "ET") == 0;
}

/* refuse_for_now() tells in a detail, whose own name is in the language of the server, when to come again. */
SqlAnswer refusal(const std::string &state, const std::string &message)
{
    constexpr std::string_view severity = "ERROR:  ";
    constexpr std::string_view later = "Retry-After: ";
    std::string first = first_line(message.c_str());
    SqlAnswer answer;
    answer.end = SqlEnd::refused;
    std::from_chars(state.data() + 2, state.data() + state.size(), answer.status);
    answer.problem = first.compare(0, severity.size(), severity) == 0 ? first.substr(severity.size()) : first;
    if (std::size_t at = message.find(later, first.size()); at != message.npos) {
        at += later.size();
        answer.retry_after = message.substr(at, message.find_first_not_of("0123456789", at) - at);
    }
    return answer;
}

/* Classes of SQLSTATE that say that the server is not there for us now. */
bool is_unavailable(const std::string &state)
{
    return state.compare(0, 2, "08") == 0 || state.compare(0, 2, "53") == 0
           || state.compare(0, 3, "57P") == 0 || state.compare(0, 2, "40") == 0;
}

/* Something that is called or read is not there. */
bool is_other_schema(const std::string &state)
{
    return state == "42883" || state == "42P01" || state == "42703" || state == "3F000";
}

SqlAnswer trouble(SqlEnd end, std::string problem)
{
    SqlAnswer answer;
    answer.end = end;
    answer.problem = std::move(problem);
    return answer;
}

}

struct PgPool::State {
    std::string conninfo;
    Server server;
    std::mutex lock;
    std::vector<Connection> idle;                              /* under lock */
    std::unordered_map<std::string, Clock::time_point> touched; /* under lock */

    Connection take()
    {
        for (;;) {
            Connection connection;
            {
                std::lock_guard<std::mutex> guard(lock);
                if (idle.empty()) {
                    return nullptr;
                }
                connection = std::move(idle.back());
                idle.pop_back();
            }
            if (connection->is_open() && is_quiet(*connection)) {
                return connection;
            }
        }
    }

    void give_back(Connection connection)
    {
        std::lock_guard<std::mutex> guard(lock);
        idle.push_back(std::move(connection));
    }

    /* Whether this process has not noted the use of the token within the last minute. */
    bool should_touch(const std::string &token_hash)
    {
        Clock::time_point now = Clock::now();
        std::lock_guard<std::mutex> guard(lock);
        if (touched.size() >= max_touched) {
            touched.clear();
        }
        auto [place, is_new] = touched.try_emplace(token_hash, now);
        if (!is_new && now - place->second < touch_interval) {
            return false;
        }
        place->second = now;
        return true;
    }
};

namespace {

/* What stands between this release and the schema behind a new connection; empty: nothing. */
std::string problem_of_schema(pqxx::connection &connection)
try {
    pqxx::nontransaction transaction(connection);
    pqxx::result state = transaction.exec(schema_question);
    return schema_problem(state[0][0].as<int>(), state[0][1].as<int>());
} catch (const pqxx::sql_error &e) {
    if (!is_other_schema(state_of(e))) {
        throw;
    }
    return schema_missing;
}

/* Why a replica must not answer, if so. What it has replayed when it is asked, the call sees. */
std::optional<SqlAnswer> shortcoming(pqxx::transaction_base &transaction, const Freshness &wanted)
{
    const pqxx::result result =
        transaction.exec("select replays, replayed_to, lag_seconds from errtrack_private.replica_state()");
    const pqxx::row row = result.at(0);
    if (!row[0].as<bool>()) {
        return trouble(SqlEnd::unavailable, "it is no replica, or no longer");
    }
    if (row[1].is_null() || row[1].as<std::int64_t>() < wanted.position) {
        return trouble(SqlEnd::behind, "it has not replayed the last change");
    }
    if (row[2].is_null()) {
        return std::isinf(wanted.lag_seconds)
            ? std::nullopt
            : std::optional(trouble(SqlEnd::lagging, "how far it lags is not known, and it is not connected to the primary"));
    }
    const double lag = row[2].as<double>();
    if (lag > wanted.lag_seconds) {
        return trouble(SqlEnd::lagging, "it lags by " + std::to_string(std::llround(lag)) + " s");
    }
    return std::nullopt;
}

template <class Transaction>
SqlAnswer execute(pqxx::connection &connection, const SqlCall &call, bool on_replica, bool &sent)
{
    Transaction transaction(connection);
    sent = true;
    if (on_replica) {
        if (std::optional<SqlAnswer> answer = shortcoming(transaction, call.freshness)) {
            return *answer;
        }
    }
    if (!call.trusted_user.empty()) {
        transaction.exec_params("select set_config('errtrack.trusted_user', $1, true)", call.trusted_user);
    }
    pqxx::result result = transaction.exec_params(statement(call), call.token_hash, call.request);
    transaction.commit();

    if (result.size() != 1 || result[0][0].is_null()) {
        return trouble(SqlEnd::failed, std::string(call.function) + "() gave no answer");
    }
    const pqxx::row row = result[0];
    if (row[1].size() > max_body || row[7].size() > 2 * max_body) {
        return trouble(SqlEnd::failed, std::string(call.function) + "() gave too large an answer");
    }
    SqlAnswer answer;
    answer.end = SqlEnd::answered;
    answer.status = row[0].as<int>();
    if (row[7].is_null()) {
        answer.body = text(row[1]);
    } else {
        pqxx::binarystring bytes(row[7]);
        answer.body.assign(bytes.get(), bytes.size());
        answer.content_type = text(row[5]);
        answer.file_name = text(row[6]);
    }
    answer.next_cursor = text(row[2]);
    answer.prev_cursor = text(row[3]);
    if (!row[8].is_null()) {
        answer.cookie = text(row[8]);
    }
    if (!row[4].is_null()) {
        answer.total = row[4].as<std::int64_t>();
    }
    return answer;
}

/* Notes the use of a token. Only whether the connection can still be used is told. */
bool touch(pqxx::connection &connection, const std::string &token_hash)
try {
    pqxx::nontransaction transaction(connection);
    transaction.exec_params("select errtrack_private.touch_token(decode($1, 'hex'))", token_hash);
    return true;
} catch (const pqxx::sql_error &) {
    return true;
} catch (const pqxx::failure &) {
    return false;
}

/* After the commit. Nothing when it cannot be told; the change is made all the same. */
std::optional<std::int64_t> written_position(pqxx::connection &connection)
try {
    pqxx::nontransaction transaction(connection);
    return transaction.exec("select errtrack_private.written_position()").at(0)[0].as<std::int64_t>();
} catch (const std::exception &) {
    return std::nullopt;
}

}

/* Shows the socket to interrupt(), and hides it before anyone can close it. */
struct SqlTask::Exposure {
    SqlTask &task;

    bool show(int socket)
    {
        std::lock_guard<std::mutex> guard(task.lock_);
        task.socket_ = socket;
        return !task.interrupted_;
    }
    ~Exposure() { show(-1); }
};

void SqlTask::interrupt() noexcept
{
    std::lock_guard<std::mutex> guard(lock_);
    interrupted_ = true;
    if (socket_ >= 0) {
        ::shutdown(socket_, SHUT_RDWR);
    }
}

bool SqlTask::interrupted() noexcept
{
    std::lock_guard<std::mutex> guard(lock_);
    return interrupted_;
}

PgPool::PgPool(std::string_view conninfo, Server server) : state_(new State)
{
    state_->conninfo = with_defaults(conninfo);
    state_->server = server;
}

PgPool::~PgPool() = default;

void PgPool::run(SqlTask &task) noexcept
try {
    const SqlCall &call = task.call;
    const std::string function(call.function);
    const bool on_replica = state_->server == Server::replica;

    for (int attempt = 1;; attempt++) {
        Connection connection = attempt == 1 ? state_->take() : nullptr;
        const bool reused = connection != nullptr;
        bool sent = false;
        bool usable = false;
        SqlAnswer answer;
        // It may have waited in the queue until nobody waits for it.
        if (task.interrupted()) {
            task.answer = trouble(SqlEnd::timed_out, function + "() waited too long");
            return;
        }
        try {
            if (!reused) {
                connection = std::make_unique<pqxx::connection>(state_->conninfo);
            }
            SqlTask::Exposure exposure{task};
            const bool shown = exposure.show(connection->sock());
            std::string problem = shown && !reused ? problem_of_schema(*connection) : std::string();
            if (!problem.empty()) {
                answer = trouble(SqlEnd::other_schema, std::move(problem));
            } else if (shown) {
                answer = call.read_only
                    ? execute<pqxx::read_transaction>(*connection, call, on_replica, sent)
                    : execute<pqxx::work>(*connection, call, on_replica, sent);
                usable = true;
                if (call.wants_position) {
                    answer.position = written_position(*connection);
                    usable = answer.position.has_value();
                }
                if (usable && !on_replica && answer.status != 401 && !call.token_hash.empty()
                    && state_->should_touch(call.token_hash))
                {
                    usable = touch(*connection, call.token_hash);
                }
            }
        } catch (const pqxx::broken_connection &e) {
            answer = trouble(SqlEnd::unavailable, first_line(e.what()));
        } catch (const pqxx::sql_error &e) {
            /* Not the message: PostgreSQL quotes values in it. */
            const std::string state = state_of(e);
            SqlEnd end = state == "57014" ? SqlEnd::timed_out
                         : is_other_schema(state) ? SqlEnd::other_schema
                         : is_unavailable(state) ? SqlEnd::unavailable : SqlEnd::failed;
            answer = is_refusal(state) ? refusal(state, e.what())
                     : trouble(end, std::string(function).append("() failed with SQLSTATE ").append(state));
            /* The next connection finds out what the schema is now. */
            usable = end != SqlEnd::other_schema;
        } catch (const pqxx::failure &e) {
            /* In doubt, rolled back: none of them says anything against the call. */
            answer = trouble(SqlEnd::unavailable, function + "(): " + first_line(e.what()));
        }

        const bool in_time = !task.interrupted();
        if (!in_time && answer.end != SqlEnd::answered) {
            answer = trouble(SqlEnd::timed_out, function + "() was given up: no answer in time");
        }
        if (usable && in_time && connection && connection->is_open()) {
            state_->give_back(std::move(connection));
        }
        if (answer.end == SqlEnd::unavailable && call.read_only && reused && !sent) {
            continue;
        }
        task.answer = std::move(answer);
        return;
    }
} catch (const std::exception &e) {
    task.answer.end = SqlEnd::failed;
    task.answer.problem = e.what();
} catch (...) {
    task.answer.end = SqlEnd::failed;
    task.answer.problem = "unknown exception";
}

bool PgPool::note_use(SqlTask &task) noexcept
try {
    const std::string &token_hash = task.call.token_hash;
    if (token_hash.empty() || !state_->should_touch(token_hash)) {
        return true;
    }
    Connection connection = state_->take();
    if (!connection) {
        connection = std::make_unique<pqxx::connection>(state_->conninfo);
    }
    bool usable = false;
    {
        SqlTask::Exposure exposure{task};
        usable = exposure.show(connection->sock()) && touch(*connection, token_hash);
    }
    if (usable) {
        state_->give_back(std::move(connection));
    }
    return usable;
} catch (...) {
    return false;
}

std::string conninfo_problem(std::string_view conninfo)
{
    char *message = nullptr;
    PQconninfoOption *options = PQconninfoParse(std::string(conninfo).c_str(), &message);
    std::string problem;
    if (options == nullptr) {
        problem = message == nullptr ? "out of memory" : first_line(message);
        PQfreemem(message);
        return problem;
    }
    for (PQconninfoOption *option = options; option->keyword != nullptr; option++) {
        bool secret = std::strcmp(option->keyword, "password") == 0
                      || std::strcmp(option->keyword, "sslpassword") == 0;
        if (option->val != nullptr && secret) {
            problem = "a password must not stand here, \"nginx -T\" would print it: use passfile=";
        }
    }
    PQconninfoFree(options);
    return problem;
}

}
