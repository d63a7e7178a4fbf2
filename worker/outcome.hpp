/*
 * The words for what became of a request or an item. Every item of an accepted
 * request ends in exactly one outcome. The same words stand in metrics, nginx
 * variables, SQL and logs, so they are never translated and never renamed.
 *
 * Shared by the nginx modules and the worker: standard library only.
 */

#ifndef ERRTRACK_WORKER_OUTCOME_HPP
#define ERRTRACK_WORKER_OUTCOME_HPP

#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* What happened to an item. The words are the column errtrack_private.outcomes.outcome. */
namespace outcome {
inline constexpr std::string_view stored = "stored";
inline constexpr std::string_view duplicate = "duplicate";
inline constexpr std::string_view invalid = "invalid";
inline constexpr std::string_view discarded = "discarded";
inline constexpr std::string_view dead = "dead";
inline constexpr std::string_view filtered = "filtered";
inline constexpr std::string_view rate_limited = "rate_limited";
}

/* Why an item is invalid or discarded, or a request was refused. */
namespace reason {
inline constexpr std::string_view none = "";
inline constexpr std::string_view no_data = "no_data";
inline constexpr std::string_view too_large = "too_large";
inline constexpr std::string_view invalid_json = "invalid_json";
inline constexpr std::string_view invalid_envelope = "invalid_envelope";
inline constexpr std::string_view invalid_compression = "invalid_compression";
inline constexpr std::string_view content_encoding = "content_encoding";
inline constexpr std::string_view event_id = "event_id";
inline constexpr std::string_view project_id = "project_id";
inline constexpr std::string_view auth_missing = "auth_missing";
inline constexpr std::string_view auth_invalid = "auth_invalid";
inline constexpr std::string_view auth_version = "auth_version";
inline constexpr std::string_view key_malformed = "key_malformed";
inline constexpr std::string_view method = "method";
inline constexpr std::string_view endpoint = "endpoint";
inline constexpr std::string_view unavailable = "unavailable";
inline constexpr std::string_view duplicate_item = "duplicate_item";
inline constexpr std::string_view project_deleted = "project_deleted";
inline constexpr std::string_view internal = "internal";
inline constexpr std::string_view cors = "cors";
inline constexpr std::string_view content_type = "content_type";
inline constexpr std::string_view rate_limited = "rate_limited";
inline constexpr std::string_view invalid_multipart = "invalid_multipart";
inline constexpr std::string_view invalid_form = "invalid_form";
inline constexpr std::string_view invalid_minidump = "invalid_minidump";
inline constexpr std::string_view feature_disabled = "feature_disabled";
inline constexpr std::string_view tunnel_host = "tunnel_host";
inline constexpr std::string_view slow_client = "slow_client";
inline constexpr std::string_view framing = "framing";
inline constexpr std::string_view client_gone = "client_gone";
inline constexpr std::string_view switched_off = "switched_off";
inline constexpr std::string_view unverified = "unverified";
inline constexpr std::string_view unconfirmed = "unconfirmed";
}

/* Why an item is invalid that the worker alone looks into: no request is refused for it. */
namespace reason {
inline constexpr std::string_view security_report = "security_report";
inline constexpr std::string_view timestamp = "timestamp";
inline constexpr std::string_view release = "release";
inline constexpr std::string_view invalid_feedback = "invalid_feedback";
inline constexpr std::string_view invalid_transaction = "invalid_transaction";
inline constexpr std::string_view invalid_session = "invalid_session";
inline constexpr std::string_view invalid_check_in = "invalid_check_in";
inline constexpr std::string_view security_report_type = "security_report_type";
}

}

#endif
