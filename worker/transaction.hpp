/*
 * Transactions: how long a named piece of work took and whether it failed. What is filed
 * is enough to count it; its spans are not kept. Pure.
 *
 * Rules: protocol reference, sections 5.16 and 7.8.
 */

#ifndef ERRTRACK_WORKER_TRANSACTION_HPP
#define ERRTRACK_WORKER_TRANSACTION_HPP

#include <string>
#include <string_view>

#include "worker/item.hpp"

namespace errtrack {

/*
 * {"id": 32 hex digits, "transaction": , "op": , "failed": 0 or 1, "ms": duration}. Returns
 * reason::none, no_data, invalid_json, or invalid_transaction when it has no trace or does
 * not end after it began.
 */
std::string_view read_transaction(std::string_view payload, const ItemContext &context,
                                  std::string &row);

}

#endif
