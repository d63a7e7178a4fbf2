/*
 * What an SDK says that it did not send: counts by reason and category, which stand
 * beside the ledger and are never part of it. Pure.
 *
 * Rules: protocol reference, section 7.6.
 */

#ifndef ERRTRACK_WORKER_CLIENT_REPORT_HPP
#define ERRTRACK_WORKER_CLIENT_REPORT_HPP

#include <string>
#include <string_view>

#include "worker/item.hpp"

namespace errtrack {

/*
 * {"entries": [[outcome, category, reason, quantity], ...]}, each once and sorted. Entries
 * that make no sense are skipped. Returns reason::none, no_data, invalid_json, or timestamp
 * for a report of another time than now.
 */
std::string_view read_client_report(std::string_view payload, const ItemContext &context,
                                    std::string &row);

}

#endif
