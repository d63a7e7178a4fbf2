/*
 * The locations that operators and load balancers look at: metrics and health.
 */

#include "ngx_module/edge.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* The least that a report needs. */
constexpr std::size_t small_report = 64 * 1024;

ngx_int_t answer(ngx_http_request_t *r, ngx_uint_t status, std::string_view type,
                 std::string_view body)
{
    if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    ngx_int_t rc = ngx_http_discard_request_body(r);
    return rc == NGX_OK ? send_response(r, status, type, body) : rc;
}

/* Why no event could be accepted and kept now; empty: it could. */
std::string_view obstacle(ngx_http_request_t *r) noexcept
{
    const Process &self = *process();
    if (!KeyZone(Zone(main_conf(r).zone)).filled()) {
        return "the client keys are not known yet";
    }
    bool queue = self.links.main.connected() && self.links.main.prompt() && self.gate.open();
    bool spool = self.spool && self.spool->room_for(small_report, false);
    return queue || spool ? "" : "neither the queue nor the spool can take a report";
}

}

ngx_int_t handle_metrics(ngx_http_request_t *r) noexcept
{
    return guarded(r->connection->log, "answering with metrics", [r] {
        KeyZone keys(Zone(main_conf(r).zone));
        return answer(r, NGX_HTTP_OK, "text/plain; version=0.0.4",
                      process()->counters.metrics(keys.generation(), keys.size()));
    });
}

/* Live: this process answers. Ready: it can accept and keep an event now. */
ngx_int_t handle_health(ngx_http_request_t *r) noexcept
{
    return guarded(r->connection->log, "answering about health", [r] {
        std::string_view why = loc_conf(r).health == Health::ready ? obstacle(r) : "";
        if (why.empty()) {
            return answer(r, NGX_HTTP_OK, "application/json", "{\"is_healthy\":true}");
        }
        return answer(r, NGX_HTTP_SERVICE_UNAVAILABLE, "application/json",
                      "{\"is_healthy\":false,\"detail\":\"" + std::string(why) + "\"}");
    });
}

}
