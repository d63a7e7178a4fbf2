/*
 * The configuration of the HTTP surfaces that read and change what PostgreSQL keeps.
 */

#include "ngx_module/caller.hpp"
#include "ngx_module/query.hpp"

#include <algorithm>
#include <string>

extern "C" ngx_module_t ngx_http_errtrack_query_module;

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

/* Every database of the configuration, once. Elements: ngx_str_t. */
struct MainConf {
    ngx_array_t databases;
};

static_assert(std::is_standard_layout_v<QueryConf> && std::is_trivially_destructible_v<QueryConf>);

void *create_main_conf(ngx_conf_t *cf) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
char *set_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_dsn_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_trusted_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

constexpr ngx_uint_t anywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

ngx_command_t commands[] = {
    {ngx_string("errtrack_postgres"), anywhere | NGX_CONF_TAKE1, set_postgres,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, postgres), nullptr},
    {ngx_string("errtrack_thread_pool"), anywhere | NGX_CONF_TAKE1, set_thread_pool,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_dsn_base"), anywhere | NGX_CONF_TAKE1, set_dsn_base,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, dsn_base), nullptr},
    {ngx_string("errtrack_trusted_user"), anywhere | NGX_CONF_TAKE1, set_trusted_user,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, trusted_user), nullptr},
    {ngx_string("errtrack_query"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_query,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    ngx_null_command,
};

ngx_http_module_t module_context = {
    nullptr, nullptr, create_main_conf, nullptr, nullptr, nullptr, create_loc_conf, merge_loc_conf,
};

void *create_main_conf(ngx_conf_t *cf) noexcept
{
    auto *mcf = static_cast<MainConf *>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
    if (mcf == nullptr
        || ngx_array_init(&mcf->databases, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK)
    {
        return nullptr;
    }
    return mcf;
}

void *create_loc_conf(ngx_conf_t *cf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(ngx_pcalloc(cf->pool, sizeof(QueryConf)));
    if (lcf == nullptr) {
        return nullptr;
    }
    /* Zero already: postgres, dsn_base, file, line, database. */
    lcf->thread_pool = static_cast<ngx_thread_pool_t *>(NGX_CONF_UNSET_PTR);
    lcf->trusted_user = static_cast<ngx_http_complex_value_t *>(NGX_CONF_UNSET_PTR);
    return lcf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept
{
    auto *prev = static_cast<QueryConf *>(parent);
    auto *conf = static_cast<QueryConf *>(child);
    ngx_conf_merge_str_value(conf->postgres, prev->postgres, "");
    ngx_conf_merge_str_value(conf->dsn_base, prev->dsn_base, "");
    ngx_conf_merge_ptr_value(conf->thread_pool, prev->thread_pool, nullptr);
    ngx_conf_merge_ptr_value(conf->trusted_user, prev->trusted_user, nullptr);

    if (conf->file.len == 0) {
        return NGX_CONF_OK;
    }
    const char *missing = conf->postgres.len == 0 ? "errtrack_postgres"
                          : conf->thread_pool == nullptr ? "errtrack_thread_pool" : nullptr;
    if (missing != nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"errtrack_query\" requires \"%s\" in %V:%ui",
                      missing, &conf->file, conf->line);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_query_module));
    auto *known = static_cast<ngx_str_t *>(mcf->databases.elts);
    for (ngx_uint_t i = 0; i < mcf->databases.nelts; i++) {
        if (view(known[i]) == view(conf->postgres)) {
            conf->database = i;
            return NGX_CONF_OK;
        }
    }
    auto *added = static_cast<ngx_str_t *>(ngx_array_push(&mcf->databases));
    if (added == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    *added = conf->postgres;
    conf->database = mcf->databases.nelts - 1;
    return NGX_CONF_OK;
}

ngx_str_t *directive_value(ngx_conf_t *cf) noexcept
{
    return static_cast<ngx_str_t *>(cf->args->elts) + 1;
}

char *set_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    ngx_int_t rc = guarded(cf->log, "reading errtrack_postgres", [&]() -> ngx_int_t {
        std::string problem = conninfo_problem(view(*directive_value(cf)));
        if (!problem.empty()) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"errtrack_postgres\": %s",
                               problem.c_str());
            return NGX_ERROR;
        }
        return NGX_OK;
    });
    return rc == NGX_OK ? ngx_conf_set_str_slot(cf, cmd, conf)
                        : static_cast<char *>(NGX_CONF_ERROR);
}

char *set_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(conf);
    if (lcf->thread_pool != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }
    /* A pool that no thread_pool directive defines is an error of nginx's own. */
    lcf->thread_pool = ngx_thread_pool_add(cf, directive_value(cf));
    return lcf->thread_pool == nullptr ? static_cast<char *>(NGX_CONF_ERROR) : NGX_CONF_OK;
}

char *set_dsn_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(conf);
    if (lcf->dsn_base.data != nullptr) {
        return const_cast<char *>("is duplicate");
    }
    ngx_int_t rc = guarded(cf->log, "reading errtrack_dsn_base", [&]() -> ngx_int_t {
        std::string_view url = view(*directive_value(cf));
        std::size_t mark = url.find("://");
        std::string_view scheme = url.substr(0, mark);
        std::string_view host = mark == std::string_view::npos ? "" : url.substr(mark + 3);
        if (!host.empty() && host.back() == '/') {
            host.remove_suffix(1);
        }
        if ((scheme != "http" && scheme != "https") || host.empty()
            || host.find_first_of("/?#@, <>\"\\") != std::string_view::npos)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid URL \"%V\": http or https, host and port are wanted",
                               directive_value(cf));
            return NGX_ERROR;
        }
        std::string base = with_port(scheme, host);
        auto *data = static_cast<u_char *>(ngx_pnalloc(cf->pool, base.size()));
        if (data == nullptr) {
            return NGX_ERROR;
        }
        ngx_memcpy(data, base.data(), base.size());
        lcf->dsn_base = {base.size(), data};
        return NGX_OK;
    });
    return rc == NGX_OK ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
}

char *set_trusted_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    /* What a client sends is no witness of who the client is. nginx knows variables in any case. */
    std::string value(view(*directive_value(cf)));
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return ngx_tolower(c); });
    for (std::string_view sent : {"$http_", "${http_", "$arg_", "${arg_", "$cookie_", "${cookie_"}) {
        if (value.find(sent) != std::string::npos) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"errtrack_trusted_user\" must not be what a client sends: \"%V\"",
                               directive_value(cf));
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }
    return ngx_http_set_complex_value_slot(cf, cmd, conf);
}

char *set_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(conf);
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (lcf->file.len != 0) {
        return const_cast<char *>("is duplicate");
    }
    lcf->file = cf->conf_file->file.name;
    lcf->line = cf->conf_file->line;
    clcf->handler = handle_query;
    return NGX_CONF_OK;
}

/* No connection is made here: the first request makes one, in a thread. */
ngx_int_t init_process(ngx_cycle_t *cycle) noexcept
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_errtrack_query_module));
    if (mcf == nullptr || mcf->databases.nelts == 0) {
        return NGX_OK;
    }
    return guarded(cycle->log, "preparing database connections", [&]() -> ngx_int_t {
        auto made = std::make_unique<std::vector<std::unique_ptr<PgPool>>>();
        auto *databases = static_cast<ngx_str_t *>(mcf->databases.elts);
        for (ngx_uint_t i = 0; i < mcf->databases.nelts; i++) {
            made->push_back(std::make_unique<PgPool>(view(databases[i])));
        }
        database_pools = std::move(made);
        return NGX_OK;
    }) == NGX_OK ? NGX_OK : NGX_ERROR;
}

/* The threads are gone: core's pool module, which joins them, comes before us. */
void exit_process(ngx_cycle_t *) noexcept
{
    database_pools.reset();
}

}

}

ngx_module_t ngx_http_errtrack_query_module = {
    NGX_MODULE_V1,
    &errtrack::module_context,
    errtrack::commands,
    NGX_HTTP_MODULE,
    nullptr,
    nullptr,
    errtrack::init_process,
    nullptr,
    nullptr,
    errtrack::exit_process,
    nullptr,
    NGX_MODULE_V1_PADDING,
};
