/*
 * One SQL call: what is sent to PostgreSQL and what comes back, as plain C++
 * values, and the connections of one worker process over which calls run. The
 * only part of the nginx modules that knows libpqxx, and it knows nothing of
 * nginx: run() is called in a thread of a pool, where neither a request nor an
 * nginx pool may be touched.
 *
 * Every function called takes the hash of a token and what was requested, and
 * returns errtrack_private.answer or refuses by an error whose SQLSTATE is ET
 * and the status. What is requested never reaches a log.
 */

#ifndef ERRTRACK_NGX_MODULE_PG_TASK_HPP
#define ERRTRACK_NGX_MODULE_PG_TASK_HPP

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

/* What a replica must have replayed to answer a call. */
struct Freshness {
    std::int64_t position;               /* in the write-ahead log */
    double lag_seconds;                  /* at most so far behind the primary */
};

struct SqlCall {
    std::string_view function;           /* in errtrack_private; a literal */
    bool read_only = true;
    std::string token_hash;              /* SHA-256 in hex; empty where trusted_user says who asks */
    std::string trusted_user;            /* whom nginx vouches for */
    std::string request;                 /* JSON: path, arguments, body, base */
    Freshness freshness{};               /* of a replica, which a primary is not asked for */
    bool wants_position = false;         /* of a call that writes: where that was written */
};

/* How a call ended, as far as it matters to whoever answers and logs. */
enum class SqlEnd {
    answered,
    refused,                             /* status and problem say why; nothing was changed */
    unavailable,                         /* no connection, or it was lost */
    other_schema,                        /* not one that this release works with, or it is being upgraded */
    behind,                              /* a replica has not replayed the position yet */
    lagging,                             /* a replica lags by more than it may */
    timed_out,                           /* statement timeout, or no answer in time */
    failed,                              /* a bug, here or in SQL */
};

struct SqlAnswer {
    SqlEnd end = SqlEnd::failed;
    int status = 0;
    std::string body;                    /* JSON, or the bytes of a file */
    std::string content_type;            /* of a file; empty: it is JSON */
    std::string file_name;
    std::optional<std::string> cookie;   /* of a session that begins; empty: it ends */
    std::string retry_after;             /* of a refusal, in seconds; empty: it stays one */
    std::string next_cursor;             /* empty: no such page */
    std::string prev_cursor;
    std::optional<std::int64_t> total;
    std::optional<std::int64_t> position; /* a replica that has replayed it shows the change */
    std::string problem;                 /* when the call did not end well; for the log, but
                                          * of a refusal for the client */
};

/*
 * A call under way. One thread runs it; another may interrupt it, which closes
 * the connection under a server that has stopped answering: libpq has no other
 * way to give up on a statement.
 */
class SqlTask {
public:
    SqlCall call;
    SqlAnswer answer;
    std::string notice;                  /* for the log, whatever the end */

    void interrupt() noexcept;
    bool interrupted() noexcept;

private:
    friend class PgPool;
    struct Exposure;

    std::mutex lock_;
    int socket_ = -1;                    /* under lock_; -1 when no call is under way */
    bool interrupted_ = false;           /* under lock_ */
};

/*
 * Free list of connections. Each is used by one thread at a time, so there are
 * never more than threads. Made on first use, in a thread, after the fork.
 */
class PgPool {
public:
    enum class Server { primary, replica };

    PgPool(std::string_view conninfo, Server server);
    ~PgPool();
    PgPool(const PgPool &) = delete;
    PgPool &operator=(const PgPool &) = delete;

    /* Blocks until task.answer is there. Throws nothing: whatever happens is an answer. */
    void run(SqlTask &task) noexcept;

    /*
     * Notes the use of the token, as run() does where the primary answers. False when the
     * primary cannot be reached; what was answered stands all the same.
     */
    bool note_use(SqlTask &task) noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/* What is wrong with a connection string, for the configuration; empty when nothing is. */
std::string conninfo_problem(std::string_view conninfo);

}

#endif
