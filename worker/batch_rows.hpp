/*
 * What filings hold, as rows: events with their payloads and explanations, attachments, and
 * the other items. Each function does its part of the transaction of a batch, in the order
 * that sql/api/020_filing.sql names, and says what of it was new.
 */

#ifndef ERRTRACK_WORKER_BATCH_ROWS_HPP
#define ERRTRACK_WORKER_BATCH_ROWS_HPP

#include "worker/store.hpp"

#include <pqxx/pqxx>

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace errtrack {

/* An event, attachment or item of a batch: the number of its filing, and its own. */
using Place = std::pair<std::size_t, std::size_t>;

/* Once for each connection, outside of a transaction. */
void prepare_inserts(pqxx::connection_base &db);

/* Each takes the filings that are wanted, by their number, and returns what is new. */
std::set<Place> file_events(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                            const std::vector<bool> &wanted);
std::set<Place> file_attachments(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                                 const std::vector<bool> &wanted);
std::set<Place> file_items(pqxx::transaction_base &tx, const std::vector<Filing> &filings,
                           const std::vector<bool> &wanted);

}

#endif
