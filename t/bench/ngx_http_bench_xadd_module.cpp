/*
 * The floor that the edge is measured against: reads the body of a request into memory,
 * sends it to Redis as one XADD and answers when Redis has it. It checks nothing, keeps
 * nothing and recovers from nothing, so nobody can queue a request for less:
 *
 *   - one pipelined connection for each worker process, on nginx's event loop;
 *   - what the requests of one turn of the loop send leaves in one write, without asking
 *     epoll whether it may be written;
 *   - a command is formatted once, and the answer is the same static bytes each time, as
 *     long as the answer of the edge.
 *
 * Not for anything but measuring: when Redis goes away it stays away.
 */

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
}

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <string_view>

extern "C" ngx_module_t ngx_http_bench_xadd_module;

namespace {

constexpr std::string_view answer = R"({"id":"0123456789abcdef0123456789abcdef"})";
constexpr std::string_view command_head = "*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nb\r\n$";

struct MainConf {
    char *host;             /* null: no location wants it */
    in_port_t port;
};

/* Of the process. */
struct Link {
    redisAsyncContext *context;     /* null: not there */
    bool writing;                   /* hiredis is asked to write right now */
    bool exiting;
};
Link redis;

MainConf *main_conf(ngx_cycle_t *cycle) noexcept
{
    return static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_bench_xadd_module));
}

/* ---- hiredis on nginx's events --------------------------------------------------- */

/* Level-triggered and never taken away: hiredis reads 16 KB at a time. */
void add_read(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    if (c->read->active == 0) {
        ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}

/* Epoll is only asked while the connection is being made, and when the socket did not
 * take everything. */
void add_write(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    if (c->write->active != 0) {
        return;
    }
    if (redis.writing || (context->c.flags & REDIS_CONNECTED) == 0) {
        ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    } else if (c->write->posted == 0) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}

void del_write(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    if (c->write->active != 0) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
}

/* The context is about to be freed; nginx closes the descriptor. */
void on_cleanup(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    redis.context = nullptr;
    ngx_close_connection(c);
    context->c.fd = -1;
    context->ev.data = nullptr;
}

void on_readable(ngx_event_t *ev) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    redisAsyncHandleRead(static_cast<redisAsyncContext *>(c->data));
}

void on_writable(ngx_event_t *ev) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    redis.writing = true;
    redisAsyncHandleWrite(static_cast<redisAsyncContext *>(c->data));
    redis.writing = false;
}

bool connect_redis(const MainConf &conf, ngx_log_t *log) noexcept
{
    redisAsyncContext *context = redisAsyncConnect(conf.host, conf.port);
    if (context == nullptr) {
        return false;
    }
    ngx_connection_t *c = context->err == 0 ? ngx_get_connection(context->c.fd, log) : nullptr;
    if (c == nullptr) {
        redisAsyncFree(context);
        return false;
    }
    c->data = context;
    c->log = c->read->log = c->write->log = log;
    c->read->handler = on_readable;
    c->write->handler = on_writable;
    redis.context = context;
    context->ev.data = c;
    context->ev.addRead = add_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = on_cleanup;
    add_write(c);
    return true;
}

/* ---- a request ------------------------------------------------------------------- */

ngx_int_t send_answer(ngx_http_request_t *r) noexcept
{
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = static_cast<off_t>(answer.size());
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->pos = reinterpret_cast<u_char *>(const_cast<char *>(answer.data()));
    b->last = b->pos + answer.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ngx_chain_t out = {b, nullptr};
    return ngx_http_output_filter(r, &out);
}

void on_reply(redisAsyncContext *, void *data, void *request) noexcept
{
    if (redis.exiting) {
        return;
    }
    auto *reply = static_cast<redisReply *>(data);
    auto *r = static_cast<ngx_http_request_t *>(request);
    ngx_connection_t *c = r->connection;
    bool queued = reply != nullptr && reply->type == REDIS_REPLY_STRING;
    ngx_http_finalize_request(r, queued ? send_answer(r) : NGX_HTTP_SERVICE_UNAVAILABLE);
    ngx_http_run_posted_requests(c);
}

ngx_int_t send_command(ngx_http_request_t *r) noexcept
{
    size_t size = 0;
    for (ngx_chain_t *cl = r->request_body->bufs; cl != nullptr; cl = cl->next) {
        if (cl->buf->in_file) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
        size += static_cast<size_t>(cl->buf->last - cl->buf->pos);
    }
    auto *command = static_cast<u_char *>(
        ngx_pnalloc(r->pool, command_head.size() + NGX_SIZE_T_LEN + size + 4));
    if (command == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    u_char *p = ngx_cpymem(command, command_head.data(), command_head.size());
    p = ngx_sprintf(p, "%uz\r\n", size);
    for (ngx_chain_t *cl = r->request_body->bufs; cl != nullptr; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, static_cast<size_t>(cl->buf->last - cl->buf->pos));
    }
    *p++ = '\r';
    *p++ = '\n';
    if (redis.context == nullptr
        || redisAsyncFormattedCommand(redis.context, on_reply, r,
                                      reinterpret_cast<const char *>(command),
                                      static_cast<size_t>(p - command)) != REDIS_OK)
    {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }
    // The request stays until Redis has answered, whatever the client does.
    r->read_event_handler = ngx_http_block_reading;
    return NGX_DONE;
}

void on_body(ngx_http_request_t *r) noexcept
{
    ngx_int_t rc = send_command(r);
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

ngx_int_t handle(ngx_http_request_t *r) noexcept
{
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

/* ---- configuration and process --------------------------------------------------- */

void *create_main_conf(ngx_conf_t *cf) noexcept
{
    return ngx_pcalloc(cf->pool, sizeof(MainConf));
}

/* bench_xadd ADDRESS:PORT */
char *set_xadd(ngx_conf_t *cf, ngx_command_t *cmd, void *data) noexcept
{
    auto *conf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_bench_xadd_module));
    ngx_str_t *value = &static_cast<ngx_str_t *>(cf->args->elts)[1];
    u_char *colon = ngx_strlchr(value->data, value->data + value->len, ':');
    ngx_int_t port = colon == nullptr
        ? NGX_ERROR : ngx_atoi(colon + 1, static_cast<size_t>(value->data + value->len - colon - 1));
    if (port <= 0 || port > 65535) {
        return const_cast<char *>("takes ADDRESS:PORT");
    }
    *colon = '\0';
    conf->host = reinterpret_cast<char *>(value->data);
    conf->port = static_cast<in_port_t>(port);
    static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module))->handler = handle;
    return NGX_CONF_OK;
}

ngx_int_t init_process(ngx_cycle_t *cycle) noexcept
{
    MainConf *conf = main_conf(cycle);
    if (ngx_process != NGX_PROCESS_WORKER || conf->host == nullptr) {
        return NGX_OK;
    }
    return connect_redis(*conf, cycle->log) ? NGX_OK : NGX_ERROR;
}

void exit_process(ngx_cycle_t *cycle) noexcept
{
    redis.exiting = true;
    if (redis.context != nullptr) {
        redisAsyncFree(redis.context);
    }
}

ngx_command_t commands[] = {
    {ngx_string("bench_xadd"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_xadd,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    ngx_null_command,
};

ngx_http_module_t module_context = {
    nullptr,                /* preconfiguration */
    nullptr,                /* postconfiguration */
    create_main_conf,       /* create main configuration */
    nullptr,                /* init main configuration */
    nullptr,                /* create server configuration */
    nullptr,                /* merge server configuration */
    nullptr,                /* create location configuration */
    nullptr,                /* merge location configuration */
};

}

extern "C" {

ngx_module_t ngx_http_bench_xadd_module = {
    NGX_MODULE_V1,
    &module_context,                    /* module context */
    commands,                           /* module directives */
    NGX_HTTP_MODULE,                    /* module type */
    nullptr,                            /* init master */
    nullptr,                            /* init module */
    init_process,                       /* init process */
    nullptr,                            /* init thread */
    nullptr,                            /* exit thread */
    exit_process,                       /* exit process */
    nullptr,                            /* exit master */
    NGX_MODULE_V1_PADDING,
};

}
