/*
 * Trials of rules for grouping: see sql/api/090_rule_trials.sql.
 */

#include "worker/store_connection.hpp"

namespace errtrack {
namespace {

std::vector<std::string> texts_of(const pqxx::field &field)
{
    std::vector<std::string> texts;
    pqxx::array_parser parser = field.as_array();
    for (auto [what, text] = parser.get_next(); what != pqxx::array_parser::juncture::done;
         std::tie(what, text) = parser.get_next())
    {
        if (what == pqxx::array_parser::juncture::string_value) {
            texts.push_back(text);
        }
    }
    return texts;
}

}

std::optional<StoredTrial> Store::claim_rule_trial()
{
    return translated([&]() -> std::optional<StoredTrial> {
        pqxx::work tx(connection().db);
        pqxx::result found = tx.exec("select project_id, id, algorithm, present_fingerprint, present_stack, "
                                     "tried_fingerprint, tried_stack, events from errtrack_private.claim_rule_trial()");
        tx.commit();
        if (found.empty()) {
            return std::nullopt;
        }
        pqxx::row row = found[0];
        return StoredTrial{row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str(), texts_of(row[3]), texts_of(row[4]),
                           texts_of(row[5]), texts_of(row[6]), row[7].as<unsigned>()};
    });
}

std::vector<TrialEvent> Store::rule_trial_events(std::int64_t project, unsigned most)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        std::vector<TrialEvent> events;
        for (const auto &row : tx.exec_params("select replace(event_id::text, '-', ''), received_at, issue_id "
                                              "from errtrack_private.rule_trial_events($1, $2)", project, most))
        {
            events.push_back({row[0].c_str(), row[1].c_str(), row[2].as<std::int64_t>()});
        }
        tx.commit();
        return events;
    });
}

std::string Store::rule_trial_body(std::int64_t project, const TrialEvent &event)
{
    return translated([&] {
        pqxx::work tx(connection().db);
        pqxx::result found = tx.exec_params("select body from errtrack_private.rule_trial_body($1, $2, $3)",
                                            project, event.id, event.received_at);
        tx.commit();
        return std::string(found.empty() ? "" : found[0][0].c_str());
    });
}

std::map<std::string, std::int64_t> Store::rule_trial_known(std::int64_t project, const std::vector<std::string> &hashes)
{
    return translated([&] {
        std::string list = "{";
        for (const std::string &hash : hashes) {
            list.append(list.size() > 1 ? "," : "").append(hash);
        }
        std::map<std::string, std::int64_t> known;
        pqxx::work tx(connection().db);
        for (const auto &row : tx.exec_params("select replace(hash::text, '-', ''), issue_id "
                                              "from errtrack_private.rule_trial_known($1, $2)", project, list + "}"))
        {
            known.emplace(row[0].c_str(), row[1].as<std::int64_t>());
        }
        tx.commit();
        return known;
    });
}

void Store::finish_rule_trial(std::int64_t project, const std::string &id, const std::string &result)
{
    translated([&] {
        pqxx::work tx(connection().db);
        tx.exec_params("select errtrack_private.finish_rule_trial($1, $2, $3)", project, id, result);
        tx.commit();
    });
}

}
