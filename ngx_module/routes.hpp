/*
 * The table of HTTP surfaces: method, path and query arguments become a SQL
 * function with typed parameters, or a refusal. Pure: no nginx, no database, so
 * that what a URL means can be read and tested by itself.
 */

#ifndef ERRTRACK_NGX_MODULE_ROUTES_HPP
#define ERRTRACK_NGX_MODULE_ROUTES_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ngx_module/pg_task.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

/* Who calls: decides where the token stands and how errors are worded. */
enum class Surface {
    integrated,                          /* GitLab's backend: Gitlab-Error-Tracking-Token */
    rest,                                /* GitLab's REST: PRIVATE-TOKEN, Authorization */
};

/* An answer that needs no database. */
struct QueryError {
    int status = 0;
    std::string body;
    std::string allow;                   /* methods, on 405 */
};

/* How the answer tells of other pages. */
enum class Paging { none, cursors, numbers };

struct Bound {
    SqlCall call;
    Paging paging = Paging::none;
    std::string path;                    /* of the links to other pages */
    std::string arguments;               /* that a cursor is put in front of: &limit=20... */
    int page = 1;                        /* Paging::numbers */
    int per_page = 20;
};

using Arguments = std::vector<std::pair<std::string, std::string>>;
using Headers = std::vector<std::pair<std::string_view, std::string>>;

class Binder;

struct Route {
    std::string_view method;             /* GET also serves HEAD */
    std::string_view pattern;            /* {} takes one segment */
    Surface surface;
    bool update;                         /* the body is an ErrorUpdatePayload */
    void (*bind)(Binder &);
};

/* Either a route with what its pattern took, or a refusal: 404 or 405. */
struct Match {
    const Route *route = nullptr;
    std::vector<std::string> captures;   /* percent-decoded */
    QueryError refusal;
};

/* target is the path as the client wrote it, without arguments, not decoded. */
Match match_route(std::string_view method, std::string_view path);

/*
 * What a matched request asks of the database; a refusal names the parameter
 * that is wrong. base is scheme, host and port.
 */
std::optional<QueryError> bind_route(const Match &match, std::string_view arguments,
                                  std::string_view base, Bound &bound);

/*
 * Names and values, decoded: percent, + as space, name[]= and name[0]= as name.
 * In the order of the request, so the last value of a name is the one that counts.
 */
Arguments parse_arguments(std::string_view arguments);

/* Link and X- headers of an answer that is one page of several. base as in bind_route. */
Headers page_headers(const Bound &bound, std::string_view base, const SqlAnswer &answer);

/* The body of a refusal in the words of a surface. */
QueryError refuse(int status, std::string_view reason = {});

}

#endif
