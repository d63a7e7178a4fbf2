/*
 * How answers look on the wire.
 */

#include "ngx_module/answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Seconds after which a client that was told 503 may try again. SDKs read either
 * header; the second has to be in the form that all of them parse. */
constexpr std::string_view retry_after = "10";
constexpr std::string_view retry_limits = "10::organization";

/* sentry-native takes no more for true. */
constexpr std::uint32_t longest_limit = 86400;

constexpr std::string_view json_type = "application/json";

/* The shortest GIF of one transparent pixel, version 89a. */
constexpr std::array<unsigned char, 43> pixel = {
    'G',  'I',  'F',  '8',  '9',  'a',  0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xff, 0xff, 0xff, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3b};

/* Both are literals, or live as long as the request. */
void put_header(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept
{
    auto *h = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_out.headers));
    if (h != nullptr) {
        ngx_memzero(h, sizeof(*h));
        h->hash = 1;
        h->key = as_ngx_str(name);
        h->value = as_ngx_str(value);
    }
}

void put_open_headers(ngx_http_request_t *r) noexcept
{
    put_header(r, "Access-Control-Allow-Origin", "*");
    put_header(r, "Access-Control-Expose-Headers",
               "x-sentry-error, x-sentry-rate-limits, retry-after");
    put_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
}

/* A text in the pool of the request, of a length that is known before. */
class PoolText {
public:
    PoolText(ngx_pool_t *pool, std::size_t room) noexcept
        : begin_(static_cast<char *>(ngx_pnalloc(pool, room))), end_(begin_),
          last_(begin_ != nullptr ? begin_ + room : nullptr) {}

    PoolText &operator<<(std::string_view text) noexcept
    {
        std::size_t size = std::min(text.size(), static_cast<std::size_t>(last_ - end_));
        end_ = std::copy_n(text.data(), size, end_);
        return *this;
    }
    PoolText &operator<<(std::uint32_t number) noexcept
    {
        end_ = std::to_chars(end_, last_, number).ptr;
        return *this;
    }
    bool empty() const noexcept { return end_ == begin_; }
    std::string_view view() const noexcept
    {
        return {begin_, static_cast<std::size_t>(end_ - begin_)};
    }

private:
    char *begin_;
    char *end_;
    char *last_;
};

void put_limits(ngx_http_request_t *r, const Decision &quota) noexcept
{
    // "86400:transaction:project," for each
    PoolText limits(r->pool, 40 * quota.used);
    PoolText longest(r->pool, 16);
    std::uint32_t seconds = 0;
    for (std::size_t i = 0; i < quota.used; i++) {
        const Exhausted &each = quota.exhausted[i];
        std::uint32_t left = std::clamp(each.seconds, 1u, longest_limit);
        seconds = std::max(seconds, left);
        // No blank after the comma: an SDK for PHP does not trim.
        limits << (limits.empty() ? "" : ",") << left << ":"
               << (each.category == Category::all
                       ? std::string_view()
                       : category_names[static_cast<std::size_t>(each.category)])
               << ":" << (each.scope == Scope::key ? "key" : "project");
    }
    longest << seconds;
    put_header(r, "X-Sentry-Rate-Limits", limits.view());
    put_header(r, "Retry-After", longest.view());
}

std::string_view allowed_methods(Endpoint endpoint) noexcept
{
    std::uint8_t methods = methods_of(endpoint);
    return (methods & method_get) == 0 ? "POST, OPTIONS" : "GET, HEAD, POST, OPTIONS";
}

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

ngx_int_t send_text(ngx_http_request_t *r, ngx_uint_t status, std::string_view content_type,
                    std::string_view body) noexcept
{
    put_open_headers(r);
    r->headers_out.status = status;
    r->headers_out.content_length_n = static_cast<off_t>(body.size());
    r->headers_out.content_type = as_ngx_str(content_type);
    r->headers_out.content_type_len = content_type.size();
    r->headers_out.content_type_lowcase = nullptr;
    if (body.empty()) {
        r->header_only = 1;
    }
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->pos = reinterpret_cast<u_char *>(const_cast<char *>(body.data()));
    b->last = b->pos + body.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ngx_chain_t out = {b, nullptr};
    return ngx_http_output_filter(r, &out);
}

ngx_int_t send_preflight(ngx_http_request_t *r, Endpoint endpoint) noexcept
{
    put_header(r, "Access-Control-Allow-Methods", allowed_methods(endpoint));
    put_header(r, "Access-Control-Allow-Headers",
               "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, "
               "content-type, authentication, authorization, content-encoding, transfer-encoding, "
               "sentry-trace, baggage, traceparent");
    put_header(r, "Access-Control-Max-Age", "3600");
    put_header(r, "Vary", "origin, access-control-request-method, access-control-request-headers");
    return send_text(r, NGX_HTTP_OK, {}, {});
}

ngx_int_t send_refusal(ngx_http_request_t *r, Endpoint endpoint, const Refusal &refusal,
                       const Decision *quota) noexcept
{
    PoolText body(r->pool, refusal.detail.size() + refusal.cause.size() + 32);
    body << "{\"detail\":\"" << refusal.detail << "\"";
    if (!refusal.cause.empty()) {
        body << ",\"causes\":[\"" << refusal.cause << "\"]";
    }
    body << "}";
    put_header(r, "X-Sentry-Error", refusal.detail);
    if (quota != nullptr && quota->used > 0) {
        put_limits(r, *quota);
    } else if (refusal.status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        put_header(r, "Retry-After", retry_after);
        put_header(r, "X-Sentry-Rate-Limits", retry_limits);
    } else if (refusal.status == NGX_HTTP_NOT_ALLOWED) {
        put_header(r, "Allow", allowed_methods(endpoint));
    } else if (refusal.reason == reason::content_encoding) {
        put_header(r, "Accept-Encoding", "gzip, deflate, br, zstd");
    }
    ngx_str_t detail = as_ngx_str(refusal.detail);
    ngx_str_t cause = as_ngx_str(refusal.cause);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "report refused with %ui: %V%s%V",
                  refusal.status, &detail, cause.len > 0 ? ": " : "", &cause);
    return send_text(r, refusal.status, json_type, body.view());
}

ngx_int_t send_accepted(ngx_http_request_t *r, Endpoint endpoint, std::string_view event_id,
                        const Decision *quota) noexcept
{
    if (quota != nullptr && quota->used > 0) {
        put_limits(r, *quota);
    }
    PoolText body(r->pool, event_id.size() + 16);
    switch (endpoint) {
    case Endpoint::store:
        if (r->method != NGX_HTTP_POST) {
            return send_text(r, NGX_HTTP_OK, "image/gif",
                             {reinterpret_cast<const char *>(pixel.data()), pixel.size()});
        }
        [[fallthrough]];
    case Endpoint::envelope:
    case Endpoint::tunnel:
        if (event_id.empty()) {
            return send_text(r, NGX_HTTP_OK, json_type, "{}");
        }
        body << "{\"id\":\"" << event_id << "\"}";
        return send_text(r, NGX_HTTP_OK, json_type, body.view());
    case Endpoint::minidump:
        // The form with dashes: 8-4-4-4-12.
        body << event_id.substr(0, 8) << "-" << event_id.substr(8, 4) << "-"
             << event_id.substr(12, 4) << "-" << event_id.substr(16, 4) << "-"
             << event_id.substr(20);
        return send_text(r, NGX_HTTP_OK, "text/plain", body.view());
    case Endpoint::attachments:
        return send_text(r, NGX_HTTP_CREATED, {}, {});
    case Endpoint::checkin:
        return send_text(r, NGX_HTTP_ACCEPTED, {}, {});
    case Endpoint::dialog:
        return send_text(r, NGX_HTTP_OK, json_type, "{}");
    default:
        return send_text(r, NGX_HTTP_OK, {}, {});
    }
}

}
