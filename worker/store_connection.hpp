/*
 * The connection of a Store and what may go wrong with it: for the files that implement it.
 */

#ifndef ERRTRACK_WORKER_STORE_CONNECTION_HPP
#define ERRTRACK_WORKER_STORE_CONNECTION_HPP

#include "worker/store.hpp"

#include <pqxx/pqxx>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace errtrack {

/* Whether something was notified, and true in the beginning. */
class Listener final : public pqxx::notification_receiver {
public:
    Listener(pqxx::connection &c, const char *channel) : pqxx::notification_receiver(c, channel) {}
    void operator()(const std::string &, int) override { changed = true; }
    bool changed = true;
};

struct Store::Connection {
    pqxx::connection db;
    // There from the first time that somebody asks.
    std::optional<Listener> keys;
    std::optional<Listener> settings;
    std::optional<Listener> grouping;
    std::chrono::steady_clock::time_point planned_at;   /* plans of filing are not older */
    std::unique_ptr<pqxx::work> turn;   /* of a projection, or of requests that are released */

    explicit Connection(const std::string &conninfo);

    /* Whether something was notified since it was asked last, or maybe before that. */
    bool notified(std::optional<Listener> &listener, const char *channel);
};

/* What an error of PostgreSQL says in its first line, with the SQLSTATE, as a StoreError. */
StoreError store_error(const pqxx::sql_error &e);
StoreError store_error(StoreError::Kind kind, const pqxx::failure &e);

/* Runs body and turns what libpqxx throws into what is to be done. */
template <class Body>
auto Store::translated(Body body) -> decltype(body())
{
    using Kind = StoreError::Kind;
    try {
        return body();
    } catch (const pqxx::broken_connection &e) {
        connection_.reset();
        throw store_error(Kind::down, e);
    } catch (const pqxx::in_doubt_error &e) {
        // The commit may have happened: trying again finds out by the delivery ids.
        connection_.reset();
        throw store_error(Kind::down, e);
    } catch (const pqxx::sql_error &e) {
        const StoreError error = store_error(e);
        // The schema is being upgraded: the tables of the session are to be made anew.
        bool other_schema = dynamic_cast<const pqxx::syntax_error *>(&e) != nullptr;
        if (error.kind == Kind::down || other_schema) {
            connection_.reset();
        }
        throw StoreError(error);
    } catch (const pqxx::failure &e) {
        // Whatever else it is, the state of the connection is not known any more.
        bool open = connection_ && connection_->db.is_open();
        connection_.reset();
        throw store_error(open ? Kind::retry : Kind::down, e);
    }
}

}

#endif
