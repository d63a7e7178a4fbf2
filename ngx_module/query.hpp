/*
 * A request to the surfaces that read and change what PostgreSQL keeps: matched, its token
 * hashed and its body read on the event loop; turned into one SQL call, whose answer is
 * hashed, in a thread of a named pool; its answer sent on the event loop again.
 */

#ifndef ERRTRACK_NGX_MODULE_QUERY_HPP
#define ERRTRACK_NGX_MODULE_QUERY_HPP

#include "ngx_module/database.hpp"
#include "ngx_module/ngx.hpp"
#include "worker/seal.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

extern "C" ngx_module_t ngx_http_errtrack_query_module;

namespace errtrack __attribute__((visibility("hidden"))) {

/* Of a location. Made from zeros by nginx. */
struct QueryConf {
    ngx_str_t postgres;
    ngx_str_t replica;
    ngx_msec_t lag;                      /* that the replica may have */
    ngx_thread_pool_t *thread_pool;
    ngx_str_t dsn_base;
    ngx_http_complex_value_t *trusted_user;
    const SealKeys *seal_keys;           /* null: secrets are not taken */
    ngx_str_t file;                      /* where errtrack_query stands; empty: it does not */
    ngx_uint_t line;
    ngx_uint_t database;                 /* index into databases */
};

/* One per database; made in init_process, destroyed in exit_process. */
extern std::unique_ptr<std::vector<std::unique_ptr<Database>>> databases;

/* The content handler of a location with errtrack_query. */
ngx_int_t handle_query(ngx_http_request_t *r) noexcept;

}

#endif
