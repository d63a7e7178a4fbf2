/*
 * How a refusal looks on the wire.
 */

#include "ngx_module/refusal.hpp"

#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Seconds after which a client that was told 503 may try again. SDKs read either
 * header; the second has to be in the form that all of them parse. */
constexpr std::string_view retry_after = "10";
constexpr std::string_view retry_limits = "10::organization";

}

std::optional<Refusal> refusal_of(const Credentials &found) noexcept
{
    std::string_view where = found.from_header ? "bad x-sentry-auth header"
                                               : "bad sentry authentication query parameters";
    switch (found.state) {
    case AuthState::no_key:
        return Refusal{NGX_HTTP_UNAUTHORIZED, reason::auth_invalid, where,
                       "missing public key in auth header"};
    case AuthState::bad_version:
        return Refusal{NGX_HTTP_UNAUTHORIZED, reason::auth_version, where,
                       "invalid value for version"};
    case AuthState::unsupported_version:
        return Refusal{NGX_HTTP_BAD_REQUEST, reason::auth_version, "unsupported protocol version",
                       "versions up to 7 are understood"};
    case AuthState::bad_key:
        return Refusal{NGX_HTTP_BAD_REQUEST, reason::key_malformed, "bad sentry DSN public key",
                       "invalid project key"};
    case AuthState::ambiguous:
        return Refusal{NGX_HTTP_UNAUTHORIZED, reason::auth_invalid,
                       "multiple authorization payloads detected", "the keys differ"};
    default:
        return std::nullopt;
    }
}

Refusal refusal_of(const Fault &fault) noexcept
{
    ngx_uint_t status = fault.reason == reason::too_large ? NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
                                                          : NGX_HTTP_BAD_REQUEST;
    return {status, fault.reason, fault.detail, fault.cause};
}

ngx_int_t send_refusal(ngx_http_request_t *r, const Refusal &refusal)
{
    std::string body = "{\"detail\":\"";
    body.append(refusal.detail).append("\"");
    if (!refusal.cause.empty()) {
        body.append(",\"causes\":[\"").append(refusal.cause).append("\"]");
    }
    body.append("}");
    add_header(r, "X-Sentry-Error", refusal.detail);
    if (refusal.status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        add_header(r, "Retry-After", retry_after);
        add_header(r, "X-Sentry-Rate-Limits", retry_limits);
    } else if (refusal.status == NGX_HTTP_NOT_ALLOWED) {
        add_header(r, "Allow", "POST");
    } else if (refusal.status == NGX_HTTP_UNSUPPORTED_MEDIA_TYPE) {
        add_header(r, "Accept-Encoding", "gzip, deflate");
    }
    ngx_str_t detail = as_ngx_str(refusal.detail);
    ngx_str_t cause = as_ngx_str(refusal.cause);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "report refused with %ui: %V%s%V",
                  refusal.status, &detail, cause.len > 0 ? ": " : "", &cause);
    return send_response(r, refusal.status, "application/json", body);
}

}
