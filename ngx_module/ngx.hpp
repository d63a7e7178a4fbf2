/*
 * nginx's headers, once, and the few bridges between its C and our C++:
 * strings as views, objects in pools, and the guard that keeps exceptions from
 * crossing a C frame. Every function whose address is given to C is noexcept
 * and either cannot throw or is one call of guarded().
 */

#ifndef ERRTRACK_NGX_MODULE_NGX_HPP
#define ERRTRACK_NGX_MODULE_NGX_HPP

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>
}

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace errtrack __attribute__((visibility("hidden"))) {

inline std::string_view view(const ngx_str_t &s) noexcept
{
    return {reinterpret_cast<const char *>(s.data), s.len};
}

/* The bytes are not copied: they must outlive the ngx_str_t. */
inline ngx_str_t as_ngx_str(std::string_view s) noexcept
{
    return {s.size(), reinterpret_cast<u_char *>(const_cast<char *>(s.data()))};
}

/* Makes an object whose destructor runs with the pool. Null when out of memory. */
template <class T, class... Args>
T *pool_new(ngx_pool_t *pool, Args &&...args)
{
    static_assert(alignof(T) <= NGX_ALIGNMENT, "pools do not over-align");
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, sizeof(T));
    if (cln == nullptr) {
        return nullptr;
    }
    T *object = new (cln->data) T(std::forward<Args>(args)...);
    cln->handler = [](void *data) { static_cast<T *>(data)->~T(); };
    return object;
}

/* Runs body; an exception is logged and becomes a 500. "doing" completes "while ...". */
template <class Body>
ngx_int_t guarded(ngx_log_t *log, const char *doing, Body body) noexcept
try {
    return body();
} catch (const std::bad_alloc &) {
    ngx_log_error(NGX_LOG_CRIT, log, 0, "out of memory while %s", doing);
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
} catch (const std::exception &e) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "%s while %s", e.what(), doing);
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
} catch (...) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "unknown exception while %s", doing);
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

/* The value of a request header by its lower-case name; empty when absent. */
inline std::string_view header(ngx_http_request_t *r, std::string_view lower_name) noexcept
{
    ngx_list_part_t *part = &r->headers_in.headers.part;
    for (; part != nullptr; part = part->next) {
        auto *elts = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (elts[i].hash != 0 && elts[i].key.len == lower_name.size()
                && ngx_strncmp(elts[i].lowcase_key, lower_name.data(), lower_name.size()) == 0)
            {
                return view(elts[i].value);
            }
        }
    }
    return {};
}

/*
 * Adds a response header. The name must be a literal; the value is copied into
 * the pool of the request.
 */
inline bool add_header(ngx_http_request_t *r, std::string_view name, std::string_view value)
{
    auto *h = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_out.headers));
    if (h == nullptr) {
        return false;
    }
    auto *data = static_cast<u_char *>(ngx_pnalloc(r->pool, value.size()));
    if (data == nullptr) {
        h->hash = 0;
        return false;
    }
    ngx_memcpy(data, value.data(), value.size());
    h->hash = 1;
    h->key = as_ngx_str(name);
    h->value = {value.size(), data};
    return true;
}

/*
 * Sends status, headers and a body in one go. The body is copied into the pool
 * of the request. Returns what the content handler or finalize_request takes.
 */
inline ngx_int_t send_response(ngx_http_request_t *r, ngx_uint_t status,
                               std::string_view content_type, std::string_view body)
{
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
    ngx_buf_t *b = ngx_create_temp_buf(r->pool, body.size());
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->last = ngx_cpymem(b->last, body.data(), body.size());
    b->last_buf = r == r->main;
    b->last_in_chain = 1;
    ngx_chain_t out = {b, nullptr};
    return ngx_http_output_filter(r, &out);
}

}

#endif
