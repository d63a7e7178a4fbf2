/*
 * Every answer of the ingest surface other than 200, in one place: status, the
 * word for logs and the ledger, and the texts that the client reads. Texts are
 * literals, so nothing of a request is ever echoed. Rules: protocol reference,
 * sections 2.4 and 8.
 */

#ifndef ERRTRACK_NGX_MODULE_REFUSAL_HPP
#define ERRTRACK_NGX_MODULE_REFUSAL_HPP

#include "ngx_module/auth.hpp"
#include "ngx_module/ngx.hpp"
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
    "the queue cannot take the report now", {}};
inline constexpr Refusal rejected = {
    NGX_HTTP_FORBIDDEN, reason::project_id,
    "event submission rejected with_reason: ProjectId", {}};
inline constexpr Refusal no_credentials = {
    NGX_HTTP_UNAUTHORIZED, reason::auth_missing, "missing authorization information", {}};
inline constexpr Refusal method = {
    NGX_HTTP_NOT_ALLOWED, reason::method, "method not allowed", {}};
inline constexpr Refusal endpoint = {
    NGX_HTTP_NOT_FOUND, reason::endpoint, "unknown endpoint", {}};
inline constexpr Refusal bad_project = {
    NGX_HTTP_BAD_REQUEST, reason::project_id, "bad project path parameter",
    "invalid value for project id"};
inline constexpr Refusal content_encoding = {
    NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, reason::content_encoding, "unsupported content encoding",
    "gzip and deflate are understood"};
inline constexpr Refusal body_too_large = {
    NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, reason::too_large,
    "request body exceeds the size limit", "errtrack_max_body_size"};
inline constexpr Refusal no_data = {
    NGX_HTTP_BAD_REQUEST, reason::no_data, "empty request body", {}};
inline constexpr Refusal corrupt = {
    NGX_HTTP_BAD_REQUEST, reason::invalid_compression, "failed to read request body",
    "the compressed data is corrupt"};
inline constexpr Refusal truncated = {
    NGX_HTTP_BAD_REQUEST, reason::invalid_compression, "failed to read request body",
    "the compressed data is truncated"};
inline constexpr Refusal dsn_mismatch = {
    NGX_HTTP_BAD_REQUEST, reason::project_id, "invalid event envelope",
    "the dsn of the envelope header names another project or key"};
inline constexpr Refusal bad_dsn = {
    NGX_HTTP_UNAUTHORIZED, reason::auth_invalid, "bad envelope authentication header",
    "the dsn cannot be parsed"};
}

/* What is wrong with credentials; nothing when they are found or absent. */
std::optional<Refusal> refusal_of(const Credentials &found) noexcept;

Refusal refusal_of(const Fault &fault) noexcept;

/* Answers with status, headers and the JSON object that SDKs log. */
ngx_int_t send_refusal(ngx_http_request_t *r, const Refusal &refusal);

}

#endif
