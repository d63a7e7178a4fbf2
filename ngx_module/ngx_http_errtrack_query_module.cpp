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

struct DatabaseConf {
    ngx_str_t postgres;
    ngx_str_t replica;                   /* empty: there is none */
    ngx_msec_t lag;
    ngx_shm_zone_t *zone;                /* of the replica */
};

/* Every database of the configuration, once. Elements: DatabaseConf. */
struct MainConf {
    ngx_array_t databases;
};

/* What a replica has to be told of changes, in the memory that all processes share. */
constexpr std::size_t zone_size = 8 * 4096;

static_assert(std::is_standard_layout_v<QueryConf> && std::is_trivially_destructible_v<QueryConf>);

void *create_main_conf(ngx_conf_t *cf) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
char *set_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_replica(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_dsn_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_trusted_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_secrets_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

constexpr ngx_uint_t anywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

ngx_command_t commands[] = {
    {ngx_string("errtrack_postgres"), anywhere | NGX_CONF_TAKE1, set_postgres,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, postgres), nullptr},
    {ngx_string("errtrack_postgres_replica"), anywhere | NGX_CONF_TAKE12, set_replica,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, replica), nullptr},
    {ngx_string("errtrack_thread_pool"), anywhere | NGX_CONF_TAKE1, set_thread_pool,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_dsn_base"), anywhere | NGX_CONF_TAKE1, set_dsn_base,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, dsn_base), nullptr},
    {ngx_string("errtrack_trusted_user"), anywhere | NGX_CONF_TAKE1, set_trusted_user,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(QueryConf, trusted_user), nullptr},
    {ngx_string("errtrack_secrets_key_file"), anywhere | NGX_CONF_TAKE1, set_secrets_key_file,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
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
        || ngx_array_init(&mcf->databases, cf->pool, 1, sizeof(DatabaseConf)) != NGX_OK)
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
    /* Zero already: postgres, replica, dsn_base, file, line, database. */
    lcf->lag = NGX_CONF_UNSET_MSEC;
    lcf->thread_pool = static_cast<ngx_thread_pool_t *>(NGX_CONF_UNSET_PTR);
    lcf->trusted_user = static_cast<ngx_http_complex_value_t *>(NGX_CONF_UNSET_PTR);
    lcf->seal_keys = static_cast<SealKeys *>(NGX_CONF_UNSET_PTR);
    return lcf;
}

/* A reload takes the state over. */
ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old) noexcept
{
    if (old != nullptr) {
        zone->data = old;
        return NGX_OK;
    }
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (!zone->shm.exists) {
        void *place = ngx_slab_calloc(pool, sizeof(ReplicaState));
        if (place == nullptr) {
            return NGX_ERROR;
        }
        pool->data = new (place) ReplicaState;
    }
    zone->data = pool->data;
    return NGX_OK;
}

/* Named by what it is of, so that a reload which changes the order of databases mixes nothing up. */
ngx_shm_zone_t *add_zone(ngx_conf_t *cf, const QueryConf &conf)
{
    std::string pair = std::string(view(conf.postgres)) + '\n' + std::string(view(conf.replica));
    auto *data = static_cast<u_char *>(ngx_pnalloc(cf->pool, sizeof("errtrack_replica_") + 8));
    if (data == nullptr) {
        return nullptr;
    }
    u_char *end = ngx_sprintf(data, "errtrack_replica_%08xD",
                              ngx_crc32_long(reinterpret_cast<u_char *>(pair.data()), pair.size()));
    ngx_str_t name = {static_cast<std::size_t>(end - data), data};
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name, zone_size, &ngx_http_errtrack_query_module);
    if (zone != nullptr) {
        zone->init = init_zone;
    }
    return zone;
}

ngx_int_t note_database(ngx_conf_t *cf, QueryConf &conf)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_query_module));
    auto *known = static_cast<DatabaseConf *>(mcf->databases.elts);
    for (ngx_uint_t i = 0; i < mcf->databases.nelts; i++) {
        if (view(known[i].postgres) == view(conf.postgres) && view(known[i].replica) == view(conf.replica)
            && (known[i].lag == conf.lag || conf.replica.len == 0))
        {
            conf.database = i;
            return NGX_OK;
        }
    }
    ngx_shm_zone_t *zone = conf.replica.len != 0 ? add_zone(cf, conf) : nullptr;
    auto *added = static_cast<DatabaseConf *>(ngx_array_push(&mcf->databases));
    if (added == nullptr || (conf.replica.len != 0 && zone == nullptr)) {
        return NGX_ERROR;
    }
    *added = {conf.postgres, conf.replica, conf.lag, zone};
    conf.database = mcf->databases.nelts - 1;
    return NGX_OK;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept
{
    auto *prev = static_cast<QueryConf *>(parent);
    auto *conf = static_cast<QueryConf *>(child);
    /* A location with a primary of its own has no replica of another one. */
    if (conf->postgres.data == nullptr) {
        ngx_conf_merge_str_value(conf->replica, prev->replica, "");
        ngx_conf_merge_msec_value(conf->lag, prev->lag, 0);
    }
    ngx_conf_merge_str_value(conf->postgres, prev->postgres, "");
    ngx_conf_merge_str_value(conf->dsn_base, prev->dsn_base, "");
    ngx_conf_merge_ptr_value(conf->thread_pool, prev->thread_pool, nullptr);
    ngx_conf_merge_ptr_value(conf->trusted_user, prev->trusted_user, nullptr);
    ngx_conf_merge_ptr_value(conf->seal_keys, prev->seal_keys, nullptr);

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

    ngx_int_t rc = guarded(cf->log, "noting a database", [&]() { return note_database(cf, *conf); });
    return rc == NGX_OK ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
}

ngx_str_t *directive_value(ngx_conf_t *cf) noexcept
{
    return static_cast<ngx_str_t *>(cf->args->elts) + 1;
}

char *set_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    ngx_int_t rc = guarded(cf->log, "reading a connection string", [&]() -> ngx_int_t {
        std::string problem = conninfo_problem(view(*directive_value(cf)));
        if (!problem.empty()) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\": %s", &cmd->name, problem.c_str());
            return NGX_ERROR;
        }
        return NGX_OK;
    });
    return rc == NGX_OK ? ngx_conf_set_str_slot(cf, cmd, conf)
                        : static_cast<char *>(NGX_CONF_ERROR);
}

char *set_replica(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(conf);
    ngx_int_t lag = 30000;
    if (cf->args->nelts == 3) {
        constexpr std::string_view name = "lag=";
        std::string_view argument = view(directive_value(cf)[1]);
        ngx_str_t value = as_ngx_str(argument.substr(0, name.size()) == name ? argument.substr(name.size()) : "");
        lag = ngx_parse_time(&value, 0);
        if (lag == NGX_ERROR || lag < 1000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\": lag=30s is wanted, one second or more",
                               directive_value(cf) + 1);
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }
    lcf->lag = static_cast<ngx_msec_t>(lag);
    return set_postgres(cf, cmd, conf);
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

/* The keys never stand in the configuration itself, which "nginx -T" prints. */
char *set_secrets_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<QueryConf *>(conf);
    if (lcf->seal_keys != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }
    ngx_str_t path = *directive_value(cf);
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    ngx_int_t rc = guarded(cf->log, "reading keys", [&]() -> ngx_int_t {
        try {
            lcf->seal_keys = pool_new<SealKeys>(cf->pool, std::string(view(path)));
        } catch (const SealError &e) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\": %s", &cmd->name, e.what());
            return NGX_ERROR;
        }
        return lcf->seal_keys == nullptr ? NGX_ERROR : NGX_OK;
    });
    return rc == NGX_OK ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
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
        auto made = std::make_unique<std::vector<std::unique_ptr<Database>>>();
        auto *known = static_cast<DatabaseConf *>(mcf->databases.elts);
        for (ngx_uint_t i = 0; i < mcf->databases.nelts; i++) {
            const DatabaseConf &conf = known[i];
            made->push_back(conf.zone == nullptr
                ? std::make_unique<Database>(view(conf.postgres))
                : std::make_unique<Database>(view(conf.postgres), view(conf.replica),
                                             static_cast<std::int64_t>(conf.lag),
                                             static_cast<ReplicaState *>(conf.zone->data)));
        }
        databases = std::move(made);
        return NGX_OK;
    }) == NGX_OK ? NGX_OK : NGX_ERROR;
}

/* The threads are gone: core's pool module, which joins them, comes before us. */
void exit_process(ngx_cycle_t *) noexcept
{
    databases.reset();
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
