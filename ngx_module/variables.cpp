/*
 * $errtrack_*: what errtrack knows of a request, for log_format, map and the keys of
 * limit_req and limit_conn. Those run before a report is looked at, so what the head of
 * the request tells is found on demand, in any location.
 */

#include "ngx_module/edge.hpp"

#include <charconv>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

enum Variable : uintptr_t {
    variable_outcome,
    variable_reason,
    variable_endpoint,
    variable_project,
    variable_key,
    variable_event_id,
    variable_sdk,
};

Credentials credentials_of(ngx_http_request_t *r) noexcept
{
    std::string_view authorization = r->headers_in.authorization != nullptr
                                         ? view(r->headers_in.authorization->value)
                                         : std::string_view();
    return find_credentials(header(r, "x-sentry-auth"), authorization, view(r->args),
                            find_target(view(r->uri)).key);
}

std::string_view outcome_of(const Context *ctx) noexcept
{
    return ctx == nullptr ? "" : ctx->accepted ? "accepted" : ctx->reason.empty() ? "" : "refused";
}

/* The project that the sender belongs to, or else the one that the path names. */
std::string_view project_of(ngx_http_request_t *r, const Context *ctx, char (&buffer)[20]) noexcept
{
    std::optional<std::uint64_t> id;
    if (ctx != nullptr && ctx->report.project() != 0) {
        id = ctx->report.project();
    } else {
        id = parse_project(find_target(view(r->uri)).project);
    }
    if (!id) {
        return {};
    }
    char *end = std::to_chars(buffer, buffer + sizeof(buffer), *id).ptr;
    return {buffer, static_cast<std::size_t>(end - buffer)};
}

std::string_view sdk_of(ngx_http_request_t *r, const Context *ctx, Credentials &found) noexcept
{
    if (ctx == nullptr) {
        found = credentials_of(r);
    }
    std::string_view client = ctx != nullptr ? ctx->report.client() : found.client;
    if (client.empty() && r->headers_in.user_agent != nullptr) {
        client = view(r->headers_in.user_agent->value);
    }
    return client.substr(0, 200);
}

ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t which) noexcept
{
    const Context *ctx = context_of(r);
    std::string_view text;
    char buffer[20];
    Credentials found;
    switch (which) {
    case variable_outcome:
        text = outcome_of(ctx);
        break;
    case variable_reason:
        text = ctx != nullptr ? ctx->reason : std::string_view();
        break;
    case variable_endpoint:
        text = endpoint_name(ctx != nullptr ? ctx->report.endpoint()
                                            : find_target(view(r->uri)).endpoint);
        break;
    case variable_project:
        text = project_of(r, ctx, buffer);
        break;
    case variable_key:
        if (ctx != nullptr && !ctx->report.public_key().empty()) {
            text = ctx->report.public_key();
        } else {
            found = credentials_of(r);
            text = found.state == AuthState::found ? found.key : std::string_view();
        }
        break;
    case variable_event_id:
        text = ctx != nullptr ? std::string_view(ctx->report.event_id()) : std::string_view();
        break;
    default:
        text = sdk_of(r, ctx, found);
    }
    if (text.empty()) {
        v->not_found = 1;
        return NGX_OK;
    }
    auto *data = static_cast<u_char *>(ngx_pnalloc(r->pool, text.size()));
    if (data == nullptr) {
        return NGX_ERROR;
    }
    ngx_memcpy(data, text.data(), text.size());
    // A header, so far below the 256 MB that nginx has bits for.
    v->len = static_cast<unsigned>(text.size()) & 0xfffffff;
    v->data = data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    return NGX_OK;
}

}

ngx_int_t add_variables(ngx_conf_t *cf) noexcept
{
    static constexpr struct {
        std::string_view name;
        Variable which;
    } names[] = {
        {"errtrack_outcome", variable_outcome},   {"errtrack_reason", variable_reason},
        {"errtrack_endpoint", variable_endpoint}, {"errtrack_project", variable_project},
        {"errtrack_key", variable_key},           {"errtrack_event_id", variable_event_id},
        {"errtrack_sdk", variable_sdk},
    };
    for (const auto &each : names) {
        ngx_str_t name = as_ngx_str(each.name);
        ngx_http_variable_t *var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == nullptr) {
            return NGX_ERROR;
        }
        var->get_handler = get_variable;
        var->data = each.which;
    }
    return NGX_OK;
}

}
