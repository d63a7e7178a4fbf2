/*
 * The table of the HTTP surfaces: a method and a path lead to a function in SQL. What a
 * request says is handed to that function as it is; what its parameters mean, who may
 * call it and what is answered is written there. Pure: no nginx, no database.
 */

#ifndef ERRTRACK_NGX_MODULE_ROUTES_HPP
#define ERRTRACK_NGX_MODULE_ROUTES_HPP

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Who calls: decides where the token stands and how errors are worded. */
enum class Surface {
    integrated,                          /* GitLab's backend: Gitlab-Error-Tracking-Token */
    rest,                                /* GitLab's REST: PRIVATE-TOKEN, Authorization */
    sentry,                              /* Sentry's web API: Authorization */
};

/* How the answer tells of other pages. */
enum class Paging { none, gitlab, numbers, sentry };

enum class Access {
    read,
    write,
    open,                                /* a write whose token may stand in the body: signing in */
    upload,                              /* a write whose body is a form with files */
    document,                            /* openapi.json: neither a token nor the database */
};

struct Route {
    std::string_view method;             /* GET also serves HEAD */
    std::string_view pattern;            /* {name} takes one segment */
    Surface surface;
    Access access;
    std::string_view function;           /* in errtrack_private; a literal. Of a document empty */
    Paging paging = Paging::none;
    std::string_view seals = {};         /* whose secrets its body holds: channel, tracker; empty: none */
    bool has_rules = false;              /* its body may hold rules for grouping */
};

/* Either a route with what its pattern took, or a refusal: 404 or 405. */
struct Match {
    const Route *route = nullptr;
    std::vector<std::pair<std::string_view, std::string>> captures; /* name, percent-decoded */
    int status = 0;
    std::string allow;                   /* methods, on 405 */
};

/*
 * path is what the client wrote, without arguments, not decoded: an encoded slash in a
 * segment (acme%2Fshop) is part of it. What a pattern takes is text.
 */
Match match_route(std::string_view method, std::string_view path);

/* In the words of which surface a path is refused that no route has. */
Surface surface_of(std::string_view path);

}

#endif
