/*
 * How a client says who it is. Never in the URL: that is what gets logged on the way.
 */

#ifndef ERRTRACK_NGX_MODULE_CALLER_HPP
#define ERRTRACK_NGX_MODULE_CALLER_HPP

#include "ngx_module/ngx.hpp"
#include "ngx_module/routes.hpp"

#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Of the session of a browser. */
inline constexpr std::string_view cookie_name = "errtrack_session=";

struct Caller {
    std::string_view token;
    std::string trusted_user;
    bool is_browser = false;             /* sends what says so without being asked */
};

/* trusted_user: what nginx vouches for, null where it does not. The token is the request's. */
Caller find_caller(ngx_http_request_t *r, Surface surface, ngx_http_complex_value_t *trusted_user);

/*
 * Another site can make a browser send a request, but not with a header of its own choice,
 * nor with our Origin.
 */
bool comes_from_own_page(ngx_http_request_t *r, const std::string &base);

/* A host with its port, as a URL; the port of the scheme where there is none. */
std::string with_port(std::string_view scheme, std::string_view host);

}

#endif
