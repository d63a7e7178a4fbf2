/*
 * Every answer of the ingest surface, in one place: status, headers, body. Texts are
 * literals, so nothing of a request is ever echoed but the id of an event, which is 32
 * hex digits. Rules: protocol reference, sections 1.3, 1.4, 2.4 and 8.
 *
 * All of them carry the headers that let pages of other origins read them: a browser
 * hides an answer without them from the SDK, which then hammers on.
 *
 * Nothing is allocated but in the pool of the request: a flood of refusals must cost
 * what nginx's own would.
 */

#ifndef ERRTRACK_NGX_MODULE_ANSWER_HPP
#define ERRTRACK_NGX_MODULE_ANSWER_HPP

#include "ngx_module/auth.hpp"
#include "ngx_module/endpoint.hpp"
#include "ngx_module/ngx.hpp"
#include "ngx_module/quota.hpp"
#include "ngx_module/scan.hpp"
#include "worker/outcome.hpp"

#include <optional>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

struct Refusal {
    ngx_uint_t status;
    std::string_view reason;        /* a word of worker/outcome.hpp */
    std::string_view detail;
    std::string_view cause;         /* may be empty */
};

namespace refusal {
inline constexpr Refusal unavailable = {
    NGX_HTTP_SERVICE_UNAVAILABLE, reason::unavailable,
    "neither the queue nor the spool can take the report now", {}};
inline constexpr Refusal unconfirmed = {
    NGX_HTTP_SERVICE_UNAVAILABLE, reason::unconfirmed,
    "the queue has not said whether it has the report, and the spool cannot take it now", {}};
inline constexpr Refusal switched_off = {
    NGX_HTTP_SERVICE_UNAVAILABLE, reason::switched_off, "error reporting is switched off here", {}};
inline constexpr Refusal too_much_arriving = {
    NGX_HTTP_SERVICE_UNAVAILABLE, reason::slow_client,
    "too many unfinished requests of this client key or address", {}};
inline constexpr Refusal slow_client = {
    NGX_HTTP_REQUEST_TIME_OUT, reason::slow_client, "the request body took too long to arrive",
    "errtrack_body_timeout"};
inline constexpr Refusal rate_limited = {
    NGX_HTTP_TOO_MANY_REQUESTS, reason::rate_limited,
    "Sentry dropped data due to a quota or internal rate limit being reached.", {}};
inline constexpr Refusal rejected = {
    NGX_HTTP_FORBIDDEN, reason::project_id,
    "event submission rejected with_reason: ProjectId", {}};
inline constexpr Refusal cors = {
    NGX_HTTP_FORBIDDEN, reason::cors, "event submission rejected with_reason: Cors",
    "the origin is not among those that the project allows"};
inline constexpr Refusal feature_disabled = {
    NGX_HTTP_FORBIDDEN, reason::feature_disabled,
    "event submission rejected with_reason: FeatureDisabled", "errtrack_minidump is off"};
inline constexpr Refusal no_credentials = {
    NGX_HTTP_UNAUTHORIZED, reason::auth_missing, "missing authorization information", {}};
inline constexpr Refusal method = {
    NGX_HTTP_NOT_ALLOWED, reason::method, "method not allowed", {}};
inline constexpr Refusal endpoint = {
    NGX_HTTP_NOT_FOUND, reason::endpoint, "unknown endpoint", {}};
inline constexpr Refusal bad_project = {
    NGX_HTTP_BAD_REQUEST, reason::project_id, "bad project path parameter",
    "invalid value for project id"};
inline constexpr Refusal bad_event_id = {
    NGX_HTTP_BAD_REQUEST, reason::event_id, "bad event id path parameter",
    "the event id is no UUID"};
inline constexpr Refusal content_encoding = {
    NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, reason::content_encoding, "unsupported content encoding",
    "gzip, deflate, br and zstd are understood"};
inline constexpr Refusal content_type = {
    NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, reason::content_type, "unsupported content type", {}};
inline constexpr Refusal body_too_large = {
    NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, reason::too_large,
    "request body exceeds the size limit", "errtrack_max_body_size"};
inline constexpr Refusal bomb = {
    NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, reason::too_large,
    "request body exceeds the size limit", "the compressed data inflates out of all proportion"};
inline constexpr Refusal bombs = {
    NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, reason::too_large,
    "request body exceeds the size limit",
    "too much of what this client compressed inflated out of all proportion: what it sends "
    "compressed is refused for seconds"};
inline constexpr Refusal framing = {
    NGX_HTTP_BAD_REQUEST, reason::framing, "failed to read request body",
    "the body is not framed as HTTP demands"};
inline constexpr Refusal no_data = {
    NGX_HTTP_BAD_REQUEST, reason::no_data, "empty request body", {}};
inline constexpr Refusal corrupt = {
    NGX_HTTP_BAD_REQUEST, reason::invalid_compression, "failed to read request body",
    "the compressed data is corrupt"};
inline constexpr Refusal corrupt_or_wide = {
    NGX_HTTP_BAD_REQUEST, reason::invalid_compression, "failed to read request body",
    "the compressed data is corrupt, or needs a window above 4 MB (br) or 8 MB (zstd)"};
inline constexpr Refusal truncated = {
    NGX_HTTP_BAD_REQUEST, reason::invalid_compression, "failed to read request body",
    "the compressed data is truncated"};
inline constexpr Refusal dsn_mismatch = {
    NGX_HTTP_BAD_REQUEST, reason::project_id, "invalid event envelope",
    "the dsn of the envelope header names another project or key"};
inline constexpr Refusal bad_dsn = {
    NGX_HTTP_UNAUTHORIZED, reason::auth_invalid, "bad envelope authentication header",
    "the dsn cannot be parsed"};
inline constexpr Refusal tunnel_host = {
    NGX_HTTP_FORBIDDEN, reason::tunnel_host, "the dsn names a host that this tunnel does not serve",
    "errtrack_tunnel"};
}

/* What is wrong with credentials; nothing when they are found or absent. */
std::optional<Refusal> refusal_of(const Credentials &found) noexcept;

Refusal refusal_of(const Fault &fault) noexcept;

/* Each sends a whole answer and returns what a content handler does. */
ngx_int_t send_preflight(ngx_http_request_t *r, Endpoint endpoint) noexcept;

/* quota: what is used up; may be null. */
ngx_int_t send_refusal(ngx_http_request_t *r, Endpoint endpoint, const Refusal &refusal,
                       const Decision *quota) noexcept;

/* event_id: 32 hex digits or empty. */
ngx_int_t send_accepted(ngx_http_request_t *r, Endpoint endpoint, std::string_view event_id,
                        const Decision *quota) noexcept;

/* Any other body, with the same headers. body must live as long as the request. */
ngx_int_t send_text(ngx_http_request_t *r, ngx_uint_t status, std::string_view content_type,
                    std::string_view body) noexcept;

}

#endif
