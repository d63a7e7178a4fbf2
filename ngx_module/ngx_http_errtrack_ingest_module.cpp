/*
 * Takes reports of Sentry SDKs in. A request is authenticated, its body is read
 * and checked while it arrives, and the raw body is queued in Redis; the client
 * is answered when Redis has it:
 *
 *     method, path, encoding, key  ->  body, structure  ->  XADD  ->  200 {"id"}
 *
 * Whatever can be refused is refused before the body is read. Nothing here blocks:
 * the key set is in shared memory, Redis is on the event loop.
 */

#include "ngx_module/keys.hpp"
#include "ngx_module/ngx.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/refusal.hpp"
#include "ngx_module/report.hpp"
#include "worker/entry.hpp"

#include <memory>
#include <string>

extern "C" ngx_module_t ngx_http_errtrack_ingest_module;

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

struct MainConf {
    RedisAddress redis;
    ngx_shm_zone_t *zone;
    ngx_flag_t wanted;              /* some location takes reports */
    ngx_int_t request_id;           /* index of $request_id */
};

struct LocConf {
    ngx_flag_t ingest;
    size_t max_body_size;           /* as received */
    size_t max_envelope_size;       /* inflated */
    size_t max_event_size;          /* inflated: a store body, an event item */
};

static_assert(std::is_standard_layout_v<MainConf> && std::is_trivially_destructible_v<MainConf>);
static_assert(std::is_standard_layout_v<LocConf> && std::is_trivially_destructible_v<LocConf>);

/* What belongs to the process: made when it starts, gone when it ends. */
struct Process {
    RedisLink link;
    KeyLoader loader;
    size_t held = 0;                /* bytes of bodies that are arriving */

    Process(const RedisAddress &address, KeyZone zone, ngx_log_t *log)
        : link(address, log), loader(zone, link, log) {}
};
std::unique_ptr<Process> process;

/* One request on its way. Made in the pool of the request. */
struct Context {
    Report report;
    std::string_view reason;        /* of a refusal */
    bool accepted = false;

    Context(KeyZone zone, const ReportLimits &limits)
        : report(zone, process->link, process->held, limits) {}
};

/* An XADD in flight: owned by the link, and it may outlive the request. */
struct QueueCall {
    ngx_http_request_t *request = nullptr;      /* null once the request is gone */
    ngx_http_cleanup_t *cleanup = nullptr;
};

ngx_int_t handle_ingest(ngx_http_request_t *r) noexcept;

ngx_int_t add_variables(ngx_conf_t *cf) noexcept;
ngx_int_t check_configuration(ngx_conf_t *cf) noexcept;
void *create_main_conf(ngx_conf_t *cf) noexcept;
char *init_main_conf(ngx_conf_t *cf, void *conf) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
char *set_ingest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
ngx_int_t init_process(ngx_cycle_t *cycle) noexcept;
void exit_process(ngx_cycle_t *cycle) noexcept;

char *check_not_zero(ngx_conf_t *cf, void *post, void *data) noexcept;

/* Beside client_max_body_size, where 0 means no limit, somebody will write it here. */
ngx_conf_post_t not_zero = {check_not_zero};

ngx_command_t commands[] = {
    {ngx_string("errtrack_ingest"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_ingest,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_max_body_size"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_body_size), &not_zero},
    {ngx_string("errtrack_max_envelope_size"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_envelope_size),
     &not_zero},
    {ngx_string("errtrack_max_event_size"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, max_event_size), &not_zero},
    {ngx_string("errtrack_redis"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12, set_redis_address,
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

MainConf *main_conf(ngx_http_request_t *r) noexcept
{
    return static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_errtrack_ingest_module));
}

LocConf *loc_conf(ngx_http_request_t *r) noexcept
{
    return static_cast<LocConf *>(ngx_http_get_module_loc_conf(r, ngx_http_errtrack_ingest_module));
}

std::string_view content_type(ngx_http_request_t *r) noexcept
{
    return r->headers_in.content_type != nullptr ? view(r->headers_in.content_type->value)
                                                 : std::string_view();
}

Context *context_of(ngx_http_request_t *r) noexcept
{
    return static_cast<Context *>(ngx_http_get_module_ctx(r, ngx_http_errtrack_ingest_module));
}

/* ---- variables ---------------------------------------------------------------- */

enum Variable : uintptr_t { variable_outcome, variable_reason, variable_project, variable_event_id };

ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t which) noexcept
{
    const Context *ctx = context_of(r);
    std::string text;
    if (ctx != nullptr) {
        switch (which) {
        case variable_outcome:
            text = ctx->accepted ? "accepted" : ctx->reason.empty() ? "" : "refused";
            break;
        case variable_reason:
            text = ctx->reason;
            break;
        case variable_project:
            text = ctx->report.project() != 0 ? std::to_string(ctx->report.project()) : "";
            break;
        default:
            text = ctx->report.event_id();
        }
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
    v->len = static_cast<unsigned>(text.size());
    v->data = data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    return NGX_OK;
}

ngx_int_t add_variables(ngx_conf_t *cf) noexcept
{
    static constexpr struct {
        std::string_view name;
        Variable which;
    } names[] = {
        {"errtrack_outcome", variable_outcome},
        {"errtrack_reason", variable_reason},
        {"errtrack_project", variable_project},
        {"errtrack_event_id", variable_event_id},
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

/* ---- configuration ------------------------------------------------------------- */

void *create_main_conf(ngx_conf_t *cf) noexcept
{
    auto *conf = static_cast<MainConf *>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    /*
     * set by ngx_pcalloc():
     *
     *     conf->redis.name, host, password = { 0, NULL };
     *     conf->redis.port, database = 0;
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
    ngx_str_t name = ngx_string("request_id");
    conf->request_id = ngx_http_get_variable_index(cf, &name);
    return conf->request_id == NGX_ERROR ? static_cast<char *>(NGX_CONF_ERROR) : NGX_CONF_OK;
}

void *create_loc_conf(ngx_conf_t *cf) noexcept
{
    auto *conf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    conf->ingest = 0;               /* not inherited: a handler belongs to its location */
    conf->max_body_size = NGX_CONF_UNSET_SIZE;
    conf->max_envelope_size = NGX_CONF_UNSET_SIZE;
    conf->max_event_size = NGX_CONF_UNSET_SIZE;
    return conf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept
{
    auto *prev = static_cast<LocConf *>(parent);
    auto *conf = static_cast<LocConf *>(child);
    ngx_conf_merge_size_value(conf->max_body_size, prev->max_body_size, 20 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->max_envelope_size, prev->max_envelope_size, 50 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->max_event_size, prev->max_event_size, 1024 * 1024);
    if (conf->ingest) {
        auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
            ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
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

char *set_ingest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->ingest) {
        return const_cast<char *>("is duplicate");
    }
    lcf->ingest = 1;
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_ingest_module));
    mcf->wanted = 1;
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    clcf->handler = handle_ingest;
    return NGX_CONF_OK;
}

char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *mcf = static_cast<MainConf *>(conf);
    if (mcf->zone != nullptr) {
        return const_cast<char *>("is duplicate");
    }
    ngx_str_t *arg = &static_cast<ngx_str_t *>(cf->args->elts)[1];
    ssize_t size = ngx_parse_size(arg);
    if (size == NGX_ERROR || size < static_cast<ssize_t>(256 * 1024)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\": a size of at least 256k is expected", arg);
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    ngx_str_t name = ngx_string("errtrack");
    mcf->zone = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size),
                                      &ngx_http_errtrack_ingest_module);
    if (mcf->zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    mcf->zone->init = KeyZone::init;
    mcf->zone->data = mcf;
    return NGX_CONF_OK;
}

ngx_int_t check_configuration(ngx_conf_t *cf) noexcept
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_errtrack_ingest_module));
    if (mcf->wanted && mcf->redis.name.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"errtrack_ingest\" requires \"errtrack_redis\" in the http block");
        return NGX_ERROR;
    }
    if (mcf->wanted && mcf->zone == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"errtrack_ingest\" requires \"errtrack_zone\" in the http block");
        return NGX_ERROR;
    }
    return NGX_OK;
}

/* ---- the handler, step by step --------------------------------------------------- */

ngx_int_t refuse(ngx_http_request_t *r, const Refusal &refusal)
{
    Context &ctx = *context_of(r);
    ctx.reason = refusal.reason;
    ctx.report.release();
    return send_refusal(r, refusal);
}

std::string make_meta(ngx_http_request_t *r, const Report &report)
{
    ngx_time_t *now = ngx_timeofday();
    std::int64_t ms = static_cast<std::int64_t>(now->sec) * 1000 + static_cast<int>(now->msec);
    std::string meta;
    meta.reserve(512);
    append_meta(meta, "v", entry_version);
    append_meta(meta, "id", make_delivery_id(ms));
    append_meta(meta, "at", std::to_string(ms * 1000));
    append_meta(meta, "project", std::to_string(report.project()));
    append_meta(meta, "key", std::to_string(report.key_id()));
    append_meta(meta, "ep", report.endpoint() == Endpoint::store ? "store" : "envelope");
    append_meta(meta, "event", report.event_id());
    append_meta(meta, "enc", encoding_name(report.encoding()));
    append_meta(meta, "type", content_type(r).substr(0, 200));
    append_meta(meta, "query", view(r->args).substr(0, 1000));
    append_meta(meta, "addr", view(r->connection->addr_text));
    append_meta(meta, "agent", header(r, "user-agent").substr(0, 300));
    append_meta(meta, "sdk", std::string_view(report.client()).substr(0, 200));
    append_meta(meta, "origin", header(r, "origin").substr(0, 300));
    ngx_http_variable_value_t *rid = ngx_http_get_indexed_variable(
        r, static_cast<ngx_uint_t>(main_conf(r)->request_id));
    if (rid != nullptr && rid->not_found == 0) {
        append_meta(meta, "rid", {reinterpret_cast<char *>(rid->data), rid->len});
    }
    append_meta(meta, "trace", header(r, "traceparent").substr(0, 100));
    append_meta(meta, "items", report.summary().items_text());
    append_meta(meta, "size", std::to_string(report.summary().plain_bytes));
    return meta;
}

/* Redis has answered, or it is certain that it will not. */
void on_queued(ngx_http_request_t *r, const redisReply *reply)
{
    ngx_connection_t *c = r->connection;
    ngx_http_set_log_request(c->log, r);
    c->log->action = const_cast<char *>("answering a report");
    ngx_int_t rc = guarded(c->log, "answering a report", [&] {
        Context &ctx = *context_of(r);
        if (reply != nullptr && reply->type == REDIS_REPLY_STRING) {
            ctx.accepted = true;
            const std::string &id = ctx.report.event_id();
            return send_response(r, NGX_HTTP_OK, "application/json",
                                 id.empty() ? "{}" : "{\"id\":\"" + id + "\"}");
        }
        if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
            process->link.complain(reply);
        }
        return refuse(r, refusal::unavailable);
    });
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

/* Runs when the request ends before Redis has answered: the entry is on its way all
 * the same, and the link keeps the call. */
void let_go(void *data) noexcept
{
    static_cast<QueueCall *>(data)->request = nullptr;
}

/* True: the answer will follow from on_queued. */
bool enqueue(ngx_http_request_t *r, Report &report)
{
    ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(r, 0);
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    auto call = std::make_shared<QueueCall>(QueueCall{r, cleanup});
    std::string meta = make_meta(r, report);
    std::string stream = stream_key(0, report.body().size() > large_body);
    bool sent = process->link.call(
        {"XADD", stream, "*", field_meta, meta, field_body, report.body()},
        [call](const redisReply *reply) {
            if (call->request != nullptr) {
                call->cleanup->handler = nullptr;
                on_queued(call->request, reply);
            }
        });
    if (sent) {
        cleanup->handler = let_go;
        cleanup->data = call.get();
        report.release();
    }
    return sent;
}

/* Takes what has arrived. NGX_AGAIN: more is to come; NGX_DONE: waits for Redis;
 * anything else is for finalizing the request. */
ngx_int_t take_body(ngx_http_request_t *r)
{
    Report &report = context_of(r)->report;
    for (;;) {
        ngx_http_request_body_t *rb = r->request_body;
        for (ngx_chain_t *cl = rb != nullptr ? rb->bufs : nullptr; cl != nullptr; cl = cl->next) {
            ngx_buf_t *b = cl->buf;
            if (b->in_file) {
                ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0, "report body in a file");
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
            std::string_view piece(reinterpret_cast<char *>(b->pos),
                                   static_cast<size_t>(b->last - b->pos));
            b->pos = b->last;
            if (piece.empty()) {
                continue;
            }
            if (auto refused = report.take(piece)) {
                return refuse(r, *refused);
            }
        }
        if (rb != nullptr) {
            rb->bufs = nullptr;
        }
        if (!r->reading_body) {
            break;
        }
        ngx_int_t rc = ngx_http_read_unbuffered_request_body(r);
        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }
        if (rc == NGX_AGAIN && r->request_body->bufs == nullptr) {
            return NGX_AGAIN;
        }
    }
    if (auto refused = report.end()) {
        return refuse(r, *refused);
    }
    r->connection->log->action = const_cast<char *>("queueing a report");
    // A client that leaves now changes nothing: the report is on its way.
    r->read_event_handler = ngx_http_block_reading;
    return enqueue(r, report) ? NGX_DONE : refuse(r, refusal::unavailable);
}

void on_body(ngx_http_request_t *r) noexcept
{
    r->read_event_handler = on_body;
    ngx_int_t rc = guarded(r->connection->log, "reading a report", [r] { return take_body(r); });
    if (rc != NGX_AGAIN && rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

ngx_int_t handle_ingest(ngx_http_request_t *r) noexcept
{
    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }
    return guarded(r->connection->log, "handling a report", [r]() -> ngx_int_t {
        const LocConf &conf = *loc_conf(r);
        ReportLimits limits = {conf.max_body_size, conf.max_envelope_size, conf.max_event_size};
        auto *ctx = pool_new<Context>(r->pool, KeyZone(main_conf(r)->zone), limits);
        if (ctx == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ngx_http_set_ctx(r, ctx, ngx_http_errtrack_ingest_module);

        ReportHead head = {r->method == NGX_HTTP_POST, view(r->uri), view(r->args),
                           header(r, "x-sentry-auth"), header(r, "authorization"),
                           content_type(r), header(r, "content-encoding"),
                           r->headers_in.content_length_n};
        if (auto refused = ctx->report.begin(head)) {
            ngx_int_t rc = ngx_http_discard_request_body(r);
            return rc == NGX_OK ? refuse(r, *refused) : rc;
        }
        // Unbuffered: pieces are checked as they come, and never touch the disk.
        r->request_body_no_buffering = 1;
        ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    });
}

/* ---- process ------------------------------------------------------------------- */

ngx_int_t init_process(ngx_cycle_t *cycle) noexcept
{
    // Cache helpers run this too; they serve no requests.
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }
    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == nullptr) {
        return NGX_OK;
    }
    auto *mcf = static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_errtrack_ingest_module));
    if (mcf == nullptr || !mcf->wanted) {
        return NGX_OK;
    }
    ngx_int_t rc = guarded(cycle->log, "starting errtrack", [&] {
        process = std::make_unique<Process>(mcf->redis, KeyZone(mcf->zone), cycle->log);
        return NGX_OK;
    });
    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}

void exit_process(ngx_cycle_t *cycle) noexcept
{
    process.reset();
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
