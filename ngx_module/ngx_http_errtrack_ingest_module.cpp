/*
 * The ingest module: its directives, its configuration, and what a worker process has of
 * it. Reports are taken in by ingest.cpp.
 */

#include "ngx_module/edge.hpp"

#include <memory>
#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

std::unique_ptr<Process> current;

ngx_int_t check_configuration(ngx_conf_t *cf) noexcept;
void *create_main_conf(ngx_conf_t *cf) noexcept;
char *init_main_conf(ngx_conf_t *cf, void *conf) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
char *set_ingest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_tunnel(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_backlog(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old) noexcept;
ngx_int_t init_process(ngx_cycle_t *cycle) noexcept;
void exit_process(ngx_cycle_t *cycle) noexcept;

char *check_not_zero(ngx_conf_t *cf, void *post, void *data) noexcept;

/* Beside client_max_body_size, where 0 means no limit, somebody will write it here. */
ngx_conf_post_t not_zero = {check_not_zero};

constexpr ngx_uint_t anywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

ngx_command_t commands[] = {
    {ngx_string("errtrack_ingest"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1, set_ingest,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_tunnel"), NGX_HTTP_LOC_CONF | NGX_CONF_1MORE, set_tunnel,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_metrics,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_health"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_health,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_minidump"), anywhere | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, minidump), nullptr},
    {ngx_string("errtrack_unverified"), anywhere | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, unverified), nullptr},
    {ngx_string("errtrack_body_timeout"), anywhere | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, body_timeout), &not_zero},
    {ngx_string("errtrack_max_body_size"), anywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_body_size), &not_zero},
    {ngx_string("errtrack_max_envelope_size"), anywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_envelope_size),
     &not_zero},
    {ngx_string("errtrack_max_event_size"), anywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_event_size), &not_zero},
    {ngx_string("errtrack_redis"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE123, set_redis_address,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, redis), nullptr},
    {ngx_string("errtrack_redis_password_file"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     set_redis_password_file, NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, redis), nullptr},
    {ngx_string("errtrack_redis_connect_timeout"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, redis.connect_timeout),
     &not_zero},
    {ngx_string("errtrack_redis_timeout"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, redis.timeout), &not_zero},
    {ngx_string("errtrack_redis_buffer"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_MAIN_CONF_OFFSET, offsetof(MainConf, redis.buffer), &not_zero},
    {ngx_string("errtrack_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_zone,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_spool"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE123, set_spool,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_backlog"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12, set_backlog,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    ngx_null_command,
};

ngx_http_module_t module_context = {
    add_variables,          /* preconfiguration */
    check_configuration,    /* postconfiguration */
    create_main_conf,       /* create main configuration */
    init_main_conf,         /* init main configuration */
    nullptr,                /* create server configuration */
    nullptr,                /* merge server configuration */
    create_loc_conf,        /* create location configuration */
    merge_loc_conf,         /* merge location configuration */
};

/* The part of an argument after its "name="; nothing when it has another name. */
bool named(const ngx_str_t &arg, std::string_view name, ngx_str_t &value) noexcept
{
    std::string_view text = view(arg);
    if (text.size() <= name.size() || text.substr(0, name.size()) != name
        || text[name.size()] != '=')
    {
        return false;
    }
    value = as_ngx_str(text.substr(name.size() + 1));
    return true;
}

char *invalid_parameter(ngx_conf_t *cf, ngx_str_t *arg) noexcept
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", arg);
    return static_cast<char *>(NGX_CONF_ERROR);
}

/* A size that is more than nothing. */
bool parse_bytes(ngx_str_t value, size_t &size) noexcept
{
    off_t parsed = ngx_parse_offset(&value);
    size = static_cast<size_t>(parsed);
    return parsed > 0;
}

ngx_str_t *arguments(ngx_conf_t *cf) noexcept
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

void want(ngx_conf_t *cf) noexcept
{
    static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_ingest_module))->wanted = 1;
}

/* Makes the location ours. */
void set_handler(ngx_conf_t *cf, ngx_http_handler_pt handler) noexcept
{
    want(cf);
    static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module))->handler = handler;
}

void *create_main_conf(ngx_conf_t *cf) noexcept
{
    auto *conf = static_cast<MainConf *>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    /*
     * set by ngx_pcalloc():
     *
     *     conf->redis.name, host, user, password = { 0, NULL };
     *     conf->redis.port, database = 0;
     *     conf->spool = { { 0, NULL }, 0, 0, NULL };
     *     conf->backlog = { 0, 0 };
     *     conf->zone = NULL;
     *     conf->wanted = 0;
     */
    conf->redis.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->redis.timeout = NGX_CONF_UNSET_MSEC;
    conf->redis.buffer = NGX_CONF_UNSET_SIZE;
    return conf;
}

char *init_main_conf(ngx_conf_t *cf, void *data) noexcept
{
    auto *conf = static_cast<MainConf *>(data);
    ngx_conf_init_msec_value(conf->redis.connect_timeout, 1000);
    ngx_conf_init_msec_value(conf->redis.timeout, 2000);
    ngx_conf_init_size_value(conf->redis.buffer, 64 * 1024 * 1024);
    if (conf->backlog.entries == 0) {
        conf->backlog.entries = 1000000;
    }
    if (conf->backlog.bytes == 0) {
        conf->backlog.bytes = size_t(2) * 1024 * 1024 * 1024;
    }
    if (conf->wanted) {
        // For the spool, the snapshot of the keys, and bodies that nginx wrote to files.
        conf->spool.threads = ngx_thread_pool_add(cf, nullptr);
        if (conf->spool.threads == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }
    return NGX_CONF_OK;
}

/* Its value costs random bytes, so it is only asked for where a log or a header shows it:
 * elsewhere nobody could find a request by it. */
ngx_int_t index_of_request_id(ngx_conf_t *cf) noexcept
{
    auto *core = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
    for (ngx_uint_t i = 0; i < core->variables.nelts; i++) {
        if (view(variables[i].name) == "request_id") {
            return static_cast<ngx_int_t>(i);
        }
    }
    return NGX_ERROR;
}

void *create_loc_conf(ngx_conf_t *cf) noexcept
{
    auto *conf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    /*
     * set by ngx_pcalloc(), and not inherited, as a handler belongs to its location:
     *
     *     conf->tunnel_hosts = NULL;
     *     conf->health = Health::none;
     */
    conf->ingest = NGX_CONF_UNSET;
    conf->minidump = NGX_CONF_UNSET;
    conf->unverified = NGX_CONF_UNSET;
    conf->max_body_size = NGX_CONF_UNSET_SIZE;
    conf->max_envelope_size = NGX_CONF_UNSET_SIZE;
    conf->max_event_size = NGX_CONF_UNSET_SIZE;
    conf->body_timeout = NGX_CONF_UNSET_MSEC;
    return conf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept
{
    auto *prev = static_cast<LocConf *>(parent);
    auto *conf = static_cast<LocConf *>(child);
    ngx_conf_merge_value(conf->minidump, prev->minidump, 0);
    ngx_conf_merge_value(conf->unverified, prev->unverified, 0);
    ngx_conf_merge_size_value(conf->max_body_size, prev->max_body_size, 20 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->max_envelope_size, prev->max_envelope_size, 50 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->max_event_size, prev->max_event_size, 1024 * 1024);
    ngx_conf_merge_msec_value(conf->body_timeout, prev->body_timeout, 60000);
    if (conf->ingest != NGX_CONF_UNSET) {
        auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
            ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
        if (clcf->handler != handle_report) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "another directive answers in location \"%V\", which has "
                               "\"errtrack_ingest\" or \"errtrack_tunnel\"", &clcf->name);
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        if (clcf->client_max_body_size != 0) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "\"client_max_body_size\" is not 0 in a location with "
                               "\"errtrack_ingest\": nginx would refuse large reports with a "
                               "page that SDKs cannot read; \"errtrack_max_body_size\" limits them");
        }
    }
    return NGX_CONF_OK;
}

char *check_not_zero(ngx_conf_t *cf, void *post, void *data) noexcept
{
    static_assert(sizeof(size_t) == sizeof(ngx_msec_t));
    return *static_cast<size_t *>(data) == 0 ? const_cast<char *>("must not be 0") : NGX_CONF_OK;
}

/* errtrack_ingest [on | off] */
char *set_ingest(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    auto *conf = static_cast<LocConf *>(data);
    if (conf->ingest != NGX_CONF_UNSET && conf->tunnel_hosts == nullptr) {
        return const_cast<char *>("is duplicate");
    }
    conf->ingest = 1;
    if (cf->args->nelts == 2) {
        std::string_view value = view(arguments(cf)[1]);
        if (value != "on" && value != "off") {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"%V\" directive, it must be "
                               "\"on\" or \"off\"", &arguments(cf)[1], &cmd->name);
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        conf->ingest = value == "on";
    }
    set_handler(cf, handle_report);
    return NGX_CONF_OK;
}

/* errtrack_tunnel HOST[:PORT] ... */
char *set_tunnel(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    auto *conf = static_cast<LocConf *>(data);
    if (conf->tunnel_hosts != nullptr) {
        return const_cast<char *>("is duplicate");
    }
    conf->tunnel_hosts = ngx_array_create(cf->pool, cf->args->nelts - 1, sizeof(ngx_str_t));
    if (conf->tunnel_hosts == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_str_t *host = &arguments(cf)[i];
        if (host->len == 0 || view(*host).find('/') != std::string_view::npos) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid host \"%V\": a host of a DSN is expected, with its port "
                               "if it has one, without scheme and path", host);
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        *static_cast<ngx_str_t *>(ngx_array_push(conf->tunnel_hosts)) = *host;
    }
    if (conf->ingest == NGX_CONF_UNSET) {
        conf->ingest = 1;
    }
    set_handler(cf, handle_report);
    return NGX_CONF_OK;
}

char *set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    set_handler(cf, handle_metrics);
    return NGX_CONF_OK;
}

/* errtrack_health live | ready */
char *set_health(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    auto *conf = static_cast<LocConf *>(data);
    if (conf->health != Health::none) {
        return const_cast<char *>("is duplicate");
    }
    std::string_view value = view(arguments(cf)[1]);
    if (value != "live" && value != "ready") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must be "
                           "\"live\" or \"ready\"", &arguments(cf)[1], &cmd->name);
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf->health = value == "live" ? Health::live : Health::ready;
    set_handler(cf, handle_health);
    return NGX_CONF_OK;
}

char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    auto *conf = static_cast<MainConf *>(data);
    if (conf->zone != nullptr) {
        return const_cast<char *>("is duplicate");
    }
    ngx_str_t *arg = &arguments(cf)[1];
    ssize_t size = ngx_parse_size(arg);
    if (size == NGX_ERROR || size < static_cast<ssize_t>(Zone::least_size)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\": a size of at least 1m is expected", arg);
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    ngx_str_t name = ngx_string("errtrack");
    conf->zone = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size),
                                       &ngx_http_errtrack_ingest_module);
    if (conf->zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf->zone->init = init_zone;
    conf->cycle = cf->cycle;
    conf->zone->data = conf;
    return NGX_CONF_OK;
}

/* errtrack_spool PATH [size=SIZE] [free=SIZE] */
char *set_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    SpoolSettings &spool = static_cast<MainConf *>(data)->spool;
    if (spool.path.len > 0) {
        return const_cast<char *>("is duplicate");
    }
    spool.size = size_t(1024) * 1024 * 1024;
    spool.free = size_t(1024) * 1024 * 1024;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        ngx_str_t *arg = &arguments(cf)[i];
        ngx_str_t value;
        bool good = (named(*arg, "size", value) && parse_bytes(value, spool.size))
                    || (named(*arg, "free", value) && parse_bytes(value, spool.free));
        if (!good) {
            return invalid_parameter(cf, arg);
        }
    }
    spool.path = arguments(cf)[1];
    if (ngx_conf_full_name(cf->cycle, &spool.path, 0) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    return NGX_CONF_OK;
}

/* errtrack_backlog [entries=NUMBER] [bytes=SIZE] */
char *set_backlog(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    BacklogLimits &backlog = static_cast<MainConf *>(data)->backlog;
    if (backlog.entries != 0 || backlog.bytes != 0) {
        return const_cast<char *>("is duplicate");
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_str_t *arg = &arguments(cf)[i];
        ngx_str_t value;
        if (named(*arg, "entries", value)) {
            ngx_int_t entries = ngx_atoi(value.data, value.len);
            if (entries <= 0) {
                return invalid_parameter(cf, arg);
            }
            backlog.entries = static_cast<ngx_uint_t>(entries);
        } else if (!named(*arg, "bytes", value) || !parse_bytes(value, backlog.bytes)) {
            return invalid_parameter(cf, arg);
        }
    }
    return NGX_CONF_OK;
}

ngx_int_t check_configuration(ngx_conf_t *cf) noexcept
{
    auto *conf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_ingest_module));
    conf->request_id = index_of_request_id(cf);
    if (conf->wanted && conf->redis.name.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "errtrack requires \"errtrack_redis\" in the http block");
        return NGX_ERROR;
    }
    if (conf->redis.user.len > 0 && conf->redis.password.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"user=\" of \"errtrack_redis\" requires \"errtrack_redis_password_file\"");
        return NGX_ERROR;
    }
    if (conf->wanted && conf->zone == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "errtrack requires \"errtrack_zone\" in the http block");
        return NGX_ERROR;
    }
    return NGX_OK;
}

/* ---- process ------------------------------------------------------------------- */

MainConf *wanted_conf(ngx_cycle_t *cycle) noexcept
{
    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == nullptr) {
        return nullptr;
    }
    auto *conf = static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_errtrack_ingest_module));
    return conf != nullptr && conf->wanted ? conf : nullptr;
}

/* What a test of the configuration can tell without a change: nginx may run, and have the
 * spool, with another user. */
bool could_make(const char *path)
{
    struct stat status;
    if (::stat(path, &status) == 0) {
        errno = ENOTDIR;
        return S_ISDIR(status.st_mode);
    }
    std::string above(path);
    above.resize(above.rfind('/') + 1);
    return errno == ENOENT && ::stat(above.c_str(), &status) == 0;
}

/* The folder of the spool is for the processes that serve requests, and nobody else. */
ngx_int_t make_spool_folder(const MainConf &conf)
{
    ngx_log_t *log = conf.cycle->log;
    const u_char *path = conf.spool.path.data;
    bool made = ngx_test_config ? could_make(reinterpret_cast<const char *>(path))
                                : ngx_create_dir(path, 0700) != NGX_FILE_ERROR || ngx_errno == NGX_EEXIST;
    if (!made) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "cannot make the folder \"%s\" of "
                      "\"errtrack_spool\"", path);
        return NGX_ERROR;
    }
    if (ngx_test_config) {
        return NGX_OK;
    }
    auto *core = reinterpret_cast<ngx_core_conf_t *>(
        ngx_get_conf(conf.cycle->conf_ctx, ngx_core_module));
    if (geteuid() == 0
        && chown(reinterpret_cast<const char *>(path), static_cast<uid_t>(core->user),
                 static_cast<gid_t>(-1)) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "cannot give \"%s\" to the user of "
                      "the worker processes", path);
        return NGX_ERROR;
    }
    if (ngx_change_file_access(path, 0700) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "cannot close \"%s\" to others", path);
        return NGX_ERROR;
    }
    return NGX_OK;
}

/* Here a failure makes nginx keep its old configuration; where modules are initialized
 * it would end nginx. */
ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old) noexcept
{
    const auto &conf = *static_cast<MainConf *>(zone->data);
    if (conf.wanted && conf.spool.path.len > 0
        && guarded(conf.cycle->log, "making the spool", [&] { return make_spool_folder(conf); }) != NGX_OK)
    {
        return NGX_ERROR;
    }
    return Zone::init(zone, old);
}

ngx_int_t init_process(ngx_cycle_t *cycle) noexcept
{
    // Cache helpers run this too; they serve no requests.
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }
    MainConf *conf = wanted_conf(cycle);
    if (conf == nullptr) {
        return NGX_OK;
    }
    ngx_int_t rc = guarded(cycle->log, "starting errtrack", [&] {
        current = std::make_unique<Process>(*conf, cycle);
        return NGX_OK;
    });
    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}

void exit_process(ngx_cycle_t *cycle) noexcept
{
    if (current != nullptr) {
        current->ledger.finish();
    }
    // Requests that end with it find no process, and nothing to settle.
    std::unique_ptr<Process> ending = std::move(current);
}

/* Beside the spool, so that it outlives the process. */
ngx_str_t snapshot_path(const SpoolSettings &spool, ngx_pool_t *pool)
{
    ngx_str_t path = ngx_null_string;
    if (spool.path.len > 0) {
        std::string text(view(spool.path));
        text.append("/client-keys");
        path.len = text.size();
        path.data = static_cast<u_char *>(ngx_pcalloc(pool, text.size() + 1));
        if (path.data == nullptr) {
            throw std::bad_alloc();
        }
        ngx_memcpy(path.data, text.data(), text.size());
    }
    return path;
}

}

Process *process() noexcept
{
    return current.get();
}

Process::Process(const MainConf &conf, ngx_cycle_t *cycle)
    : links(conf.redis, cycle->log), counters(Zone(conf.zone)),
      quotas(QuotaZone(Zone(conf.zone)), links.main, cycle->log),
      loader(KeyZone(Zone(conf.zone)), links.main, snapshot_path(conf.spool, cycle->pool),
             conf.spool.threads, cycle->log),
      gate(conf.backlog, Zone(conf.zone)), batch(links, cycle->log),
      ledger(counters, links.main, std::string(view(cycle->hostname)), cycle->log),
      shares(conf.redis.buffer),
      watch(Zone(conf.zone), links, quotas, counters, shares, cycle->log)
{
    if (conf.spool.path.len > 0) {
        spool.emplace(conf.spool, Zone(conf.zone), links, cycle->log,
                      [this] { return gate.open(); });
    }
}

}

extern "C" {

ngx_module_t ngx_http_errtrack_ingest_module = {
    NGX_MODULE_V1,
    &errtrack::module_context,          /* module context */
    errtrack::commands,                 /* module directives */
    NGX_HTTP_MODULE,                    /* module type */
    nullptr,                            /* init master */
    nullptr,                            /* init module */
    errtrack::init_process,             /* init process */
    nullptr,                            /* init thread */
    nullptr,                            /* exit thread */
    errtrack::exit_process,             /* exit process */
    nullptr,                            /* exit master */
    NGX_MODULE_V1_PADDING,
};

}
