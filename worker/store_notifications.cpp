/*
 * What is to be told to people: see sql/api/080_notifications.sql and what follows it.
 */

#include "worker/store_connection.hpp"

namespace errtrack {
namespace {

/* Of the outbox, in a transaction: about a tenth of a second. */
constexpr int rows_at_once = 200;

constexpr int projects_at_once = 50;

const char *word_of(SendingOutcome::Verdict verdict) noexcept
{
    switch (verdict) {
    case SendingOutcome::Verdict::message:
        return "message";
    case SendingOutcome::Verdict::channel:
        return "channel";
    default:
        return "again";
    }
}

}

bool Store::take_notification_duty(const std::string &holder)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        bool taken = tx.exec_params1("select errtrack_private.take_duty('notifications', $1)", holder)[0].as<bool>();
        tx.commit();
        return taken;
    });
}

unsigned Store::plan_notifications(std::string &problem)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        pqxx::row row = tx.exec_params1("select taken, coalesce(problem, '') from errtrack_private.plan_notifications($1)",
                                        rows_at_once);
        tx.commit();
        problem = row[1].c_str();
        return row[0].as<unsigned>();
    });
}

void Store::drop_untold()
{
    translated([&] {
        pqxx::work tx(connection().db);
        tx.exec("select errtrack_private.drop_untold()");
        tx.commit();
    });
}

std::int64_t Store::watch_alerts(double behind_seconds, std::int64_t after, std::string &problem)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        pqxx::row row = tx.exec_params1("select coalesce(last_project, 0), coalesce(problem, '') "
                                        "from errtrack_private.watch_alerts($1, $2, $3)",
                                        behind_seconds, after, projects_at_once);
        tx.commit();
        problem = row[1].c_str();
        return row[0].as<std::int64_t>();
    });
}

std::vector<WaitingNotification> Store::next_notifications(const std::vector<std::int64_t> &busy, unsigned most)
{
    return translated([&] {
        std::string list = "{";
        for (std::int64_t channel : busy) {
            list += (list.size() > 1 ? "," : "") + std::to_string(channel);
        }
        std::vector<WaitingNotification> found;
        pqxx::work tx(connection().db);
        for (const auto &row : tx.exec_params(
                 "select project_id, channel_id, id, channel_kind, coalesce(provider, ''), sealed, files, settings, "
                 "coalesce(tracker_url, ''), external_id, delivery_id, notice, reference, attempts "
                 "from errtrack_private.next_notifications($1, $2)", list + "}", most))
        {
            found.push_back({row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>(),
                             row[3].c_str(), row[4].c_str(), row[5].c_str(), row[6].c_str(), row[7].c_str(),
                             row[8].c_str(), row[9].as<std::int64_t>(), row[10].c_str(), row[11].c_str(),
                             row[12].c_str(), row[13].as<unsigned>()});
        }
        tx.commit();
        return found;
    });
}

std::string Store::note_sending(const SendingOutcome &outcome)
{
    return translated([&] {
        std::string came_of_it = "sent";
        pqxx::work tx(connection().db);
        if (outcome.verdict == SendingOutcome::Verdict::sent) {
            tx.exec_params("select errtrack_private.notification_sent($1, $2, $3, $4)", outcome.project, outcome.id,
                           outcome.reference, outcome.url);
            if (!outcome.problem.empty()) {
                tx.exec_params("select errtrack_private.notification_left_out($1, $2, $3)", outcome.project, outcome.id,
                               outcome.problem);
            }
        } else {
            came_of_it = tx.exec_params1(
                "select errtrack_private.notification_failed($1, $2, $3, $4, $5)", outcome.project, outcome.id,
                outcome.problem, word_of(outcome.verdict), outcome.wait_seconds)[0].c_str();
        }
        tx.commit();
        return came_of_it;
    });
}

SendingState Store::sending_state()
{
    return translated([&] {
        pqxx::work tx(connection().db);
        pqxx::row row = tx.exec1("select waiting, failing, parked, oldest_seconds from errtrack_private.notification_state()");
        tx.commit();
        return SendingState{row[0].as<long long>(), row[1].as<long long>(), row[2].as<long long>(), row[3].as<double>()};
    });
}

}
