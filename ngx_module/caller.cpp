#include "ngx_module/caller.hpp"

#include <algorithm>

#include "ngx_module/url.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

std::string_view session_cookie(ngx_http_request_t *r)
{
    std::string_view cookies = header(r, "cookie");
    while (!cookies.empty()) {
        std::string_view one = cookies.substr(0, cookies.find(';'));
        cookies.remove_prefix(std::min(one.size() + 1, cookies.size()));
        one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
        if (one.substr(0, cookie_name.size()) == cookie_name) {
            return one.substr(cookie_name.size());
        }
    }
    return {};
}

std::string_view bearer_token(ngx_http_request_t *r)
{
    constexpr std::string_view scheme = "bearer ";
    std::string_view token = header(r, "authorization");
    if (token.size() < scheme.size()
        || ngx_strncasecmp(reinterpret_cast<u_char *>(const_cast<char *>(token.data())),
                           reinterpret_cast<u_char *>(const_cast<char *>(scheme.data())),
                           scheme.size()) != 0)
    {
        return {};
    }
    token.remove_prefix(std::min(token.find_first_not_of(' ', scheme.size()), token.size()));
    return token;
}

}

std::string with_port(std::string_view scheme, std::string_view host)
{
    std::size_t bracket = host.find(']');           /* the end of an IPv6 address */
    std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    std::string base = std::string(scheme) + "://" + std::string(host);
    return colon == std::string_view::npos ? base + (scheme == "https" ? ":443" : ":80") : base;
}

Caller find_caller(ngx_http_request_t *r, Surface surface, ngx_http_complex_value_t *trusted_user)
{
    Caller caller;
    if (surface == Surface::integrated) {
        caller.token = header(r, "gitlab-error-tracking-token");
        return caller;
    }
    caller.token = header(r, "private-token");
    if (caller.token.empty()) {
        caller.token = bearer_token(r);
    }
    if (caller.token.empty() && surface == Surface::sentry) {
        caller.token = session_cookie(r);
        caller.is_browser = true;
        ngx_str_t user = ngx_null_string;
        if (caller.token.empty() && trusted_user != nullptr
            && ngx_http_complex_value(r, trusted_user, &user) == NGX_OK)
        {
            caller.trusted_user = std::string(is_text(view(user)) ? view(user) : "");
        }
    }
    return caller;
}

bool comes_from_own_page(ngx_http_request_t *r, const std::string &base)
{
    std::string_view origin = header(r, "origin");
    std::size_t mark = origin.find("://");
    return !header(r, "x-errtrack-request").empty() && mark != std::string_view::npos
           && with_port(origin.substr(0, mark), origin.substr(mark + 3)) == base;
}

}
