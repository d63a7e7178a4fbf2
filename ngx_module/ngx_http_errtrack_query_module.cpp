/*
 * The HTTP surfaces that read and change what PostgreSQL keeps: GitLab's
 * integrated backend and the client keys of its REST interface.
 *
 * A request is matched, its token hashed and its body checked on the event
 * loop; one SQL call runs in a thread of a named pool; its answer is sent on the
 * event loop again. The loop never waits: while the call runs, the request is
 * pinned by blocked++ and a timer, which also holds a quitting worker back.
 */

#include "ngx_module/ngx.hpp"
#include "ngx_module/pg_task.hpp"
#include "ngx_module/routes.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <vector>

#include <jansson.h>
#include <openssl/sha.h>

extern "C" ngx_module_t ngx_http_errtrack_query_module;

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

/* Nothing that is sent here is long. */
constexpr off_t max_request_body = 64 * 1024;

/*
 * The statement timeout of the role (3 s) ends a slow call. This is for a server
 * that has stopped answering, and stays within what nginx gets to quit.
 */
constexpr ngx_msec_t call_deadline = 4500;

/* Seconds after which a client may come again while the database is away. */
constexpr std::string_view retry_after = "5";

constexpr std::string_view json_type = "application/json";

/* Every database of the configuration, once. Elements: ngx_str_t. */
struct MainConf {
    ngx_array_t databases;
};

struct LocConf {
    ngx_str_t postgres;
    ngx_thread_pool_t *thread_pool;
    ngx_str_t dsn_base;
    ngx_str_t file;                      /* where errtrack_query stands; empty: it does not */
    ngx_uint_t line;
    ngx_uint_t database;                 /* index into MainConf::databases and pools */
};

static_assert(std::is_standard_layout_v<LocConf> && std::is_trivially_destructible_v<LocConf>);

/* A request under way. Lives in the pool of the request. */
struct Query {
    Surface surface;
    bool update;
    std::string base;                    /* scheme, host and port, for links and DSNs */
    Bound bound;
    std::unique_ptr<SqlTask> task;
    bool done = false;                   /* the answer is in the task */
};

/* What a thread gets: all of it outlives the thread's work. */
struct ThreadContext {
    PgPool *pool;
    SqlTask *task;
};

/* One per database; made in init_process, destroyed in exit_process. */
std::unique_ptr<std::vector<std::unique_ptr<PgPool>>> pools;

void *create_main_conf(ngx_conf_t *cf) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
char *set_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_dsn_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

constexpr ngx_uint_t anywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

ngx_command_t commands[] = {
    {ngx_string("errtrack_postgres"), anywhere | NGX_CONF_TAKE1, set_postgres,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, postgres), nullptr},
    {ngx_string("errtrack_thread_pool"), anywhere | NGX_CONF_TAKE1, set_thread_pool,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("errtrack_dsn_base"), anywhere | NGX_CONF_TAKE1, set_dsn_base,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, dsn_base), nullptr},
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
    auto *lcf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (lcf == nullptr) {
        return nullptr;
    }
    /* Zero already: postgres, dsn_base, file, line, database. */
    lcf->thread_pool = static_cast<ngx_thread_pool_t *>(NGX_CONF_UNSET_PTR);
    return lcf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept
{
    auto *prev = static_cast<LocConf *>(parent);
    auto *conf = static_cast<LocConf *>(child);
    ngx_conf_merge_str_value(conf->postgres, prev->postgres, "");
    ngx_conf_merge_str_value(conf->dsn_base, prev->dsn_base, "");
    ngx_conf_merge_ptr_value(conf->thread_pool, prev->thread_pool, nullptr);

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
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->thread_pool != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }
    /* A pool that no thread_pool directive defines is an error of nginx's own. */
    lcf->thread_pool = ngx_thread_pool_add(cf, directive_value(cf));
    return lcf->thread_pool == nullptr ? static_cast<char *>(NGX_CONF_ERROR) : NGX_CONF_OK;
}

/* A host with its port; the port of the scheme where there is none. */
std::string with_port(std::string_view scheme, std::string_view host)
{
    std::size_t bracket = host.find(']');           /* the end of an IPv6 address */
    std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    std::string base = std::string(scheme) + "://" + std::string(host);
    return colon == std::string_view::npos ? base + (scheme == "https" ? ":443" : ":80") : base;
}

char *set_dsn_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<LocConf *>(conf);
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

ngx_int_t handle_query(ngx_http_request_t *r) noexcept;

char *set_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    auto *lcf = static_cast<LocConf *>(conf);
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

LocConf *location_conf(ngx_http_request_t *r) noexcept
{
    return static_cast<LocConf *>(ngx_http_get_module_loc_conf(r, ngx_http_errtrack_query_module));
}

Query *query_of(ngx_http_request_t *r) noexcept
{
    return static_cast<Query *>(ngx_http_get_module_ctx(r, ngx_http_errtrack_query_module));
}

ngx_int_t refuse_request(ngx_http_request_t *r, const QueryError &refusal);
std::string_view find_token(ngx_http_request_t *r, Surface surface);
std::string hash_token(std::string_view token);
std::string request_base(ngx_http_request_t *r);
void on_body(ngx_http_request_t *r) noexcept;
std::optional<QueryError> read_update(ngx_http_request_t *r, SqlCall &call);
ngx_int_t post_task(ngx_http_request_t *r, Query &query);
void run_in_thread(void *data, ngx_log_t *log) noexcept;
void on_task_done(ngx_event_t *ev) noexcept;
void send_when_done(ngx_http_request_t *r) noexcept;
ngx_int_t send_answer(ngx_http_request_t *r, Query &query);

/* match -> token -> parameters -> body -> call in a thread -> answer */
ngx_int_t handle_query(ngx_http_request_t *r) noexcept
{
    return guarded(r->connection->log, "handling query", [&]() -> ngx_int_t {
        if (r != r->main) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "\"errtrack_query\" does not serve subrequests");
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        /* As the client wrote it: r->uri no longer tells %2F from a slash. */
        std::string_view path = view(r->unparsed_uri);
        path = path.substr(0, path.find_first_of("?#"));
        Match match = match_route(view(r->method_name), path);
        if (match.route == nullptr) {
            return refuse_request(r, match.refusal);
        }
        std::string_view token = find_token(r, match.route->surface);
        if (token.empty()) {
            return refuse_request(r, refuse(401));
        }

        auto *query = pool_new<Query>(r->pool);
        if (query == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ngx_http_set_ctx(r, query, ngx_http_errtrack_query_module);
        query->surface = match.route->surface;
        query->update = match.route->update;
        query->base = request_base(r);
        if (auto refusal = bind_route(match, view(r->args), query->base, query->bound)) {
            return refuse_request(r, *refusal);
        }
        query->bound.call.token_hash = hash_token(token);
        query->task = std::make_unique<SqlTask>();

        if (query->update) {
            if (r->headers_in.content_length_n > max_request_body) {
                return refuse_request(r, refuse(413, "at most 64 KiB are read"));
            }
            ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
            return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
        }
        ngx_int_t rc = ngx_http_discard_request_body(r);
        return rc == NGX_OK ? post_task(r, *query) : rc;
    });
}

/* Reads on over a body first, so that the connection can be kept. */
ngx_int_t refuse_request(ngx_http_request_t *r, const QueryError &refusal)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "query refused: %s", refusal.body.c_str());
    if (!refusal.allow.empty() && !add_header(r, "Allow", refusal.allow)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_response(r, static_cast<ngx_uint_t>(refusal.status), json_type, refusal.body);
}

/* Never from the URL: that is what gets logged on the way. Empty: there is none. */
std::string_view find_token(ngx_http_request_t *r, Surface surface)
{
    if (surface == Surface::integrated) {
        return header(r, "gitlab-error-tracking-token");
    }
    std::string_view token = header(r, "private-token");
    if (token.empty()) {
        constexpr std::string_view scheme = "bearer ";
        token = header(r, "authorization");
        if (token.size() < scheme.size()
            || ngx_strncasecmp(reinterpret_cast<u_char *>(const_cast<char *>(token.data())),
                               reinterpret_cast<u_char *>(const_cast<char *>(scheme.data())),
                               scheme.size()) != 0)
        {
            return {};
        }
        token.remove_prefix(std::min(token.find_first_not_of(' ', scheme.size()), token.size()));
    }
    return token;
}

/* PostgreSQL looks for the hash, so no comparison here or there sees the token. */
std::string hash_token(std::string_view token)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char *>(token.data()), token.size(), digest);
    std::string hex(2 * sizeof(digest), '0');
    ngx_hex_dump(reinterpret_cast<u_char *>(hex.data()), digest, sizeof(digest));
    return hex;
}

/* Where the client found us, unless errtrack_dsn_base knows better. */
std::string request_base(ngx_http_request_t *r)
{
    LocConf *lcf = location_conf(r);
    if (lcf->dsn_base.len != 0) {
        return std::string(view(lcf->dsn_base));
    }
    std::string_view scheme = "http";
#if (NGX_HTTP_SSL)
    if (r->connection->ssl != nullptr) {
        scheme = "https";
    }
#endif
    std::string_view host = r->headers_in.host != nullptr ? view(r->headers_in.host->value)
                                                          : view(r->headers_in.server);
    /* Whatever a client calls the server, a DSN holds a name or an address. */
    bool name = !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return (c < 0x80 && std::isalnum(c) != 0) || c == '.' || c == '-' || c == '_' || c == ':' || c == '['
               || c == ']';
    });
    return with_port(scheme, name ? host : "localhost");
}

/* The body is there; this must finalize the request once, whatever happens. */
void on_body(ngx_http_request_t *r) noexcept
{
    ngx_int_t rc = guarded(r->connection->log, "reading update", [&]() -> ngx_int_t {
        Query *query = query_of(r);
        if (auto refusal = read_update(r, query->bound.call)) {
            return refuse_request(r, *refusal);
        }
        return post_task(r, *query);
    });
    ngx_http_finalize_request(r, rc);
}

/* The chain of a body, which may lie in a file from client_body_buffer_size on. */
std::optional<std::string> body_text(ngx_http_request_t *r)
{
    std::string text;
    ngx_chain_t *in = r->request_body != nullptr ? r->request_body->bufs : nullptr;
    for (; in != nullptr; in = in->next) {
        ngx_buf_t *b = in->buf;
        if (static_cast<off_t>(text.size()) + ngx_buf_size(b) > max_request_body) {
            return std::nullopt;
        }
        if (!b->in_file) {
            text.append(reinterpret_cast<char *>(b->pos),
                        static_cast<std::size_t>(b->last - b->pos));
            continue;
        }
        std::string part(static_cast<std::size_t>(b->file_last - b->file_pos), '\0');
        ssize_t n = ngx_read_file(b->file, reinterpret_cast<u_char *>(part.data()), part.size(),
                                  b->file_pos);
        if (n != static_cast<ssize_t>(part.size())) {
            throw std::runtime_error("cannot read the request body from its file");
        }
        text += part;
    }
    return text;
}

/* Adds new_status to the call. */
std::optional<QueryError> read_update(ngx_http_request_t *r, SqlCall &call)
{
    std::optional<std::string> text = body_text(r);
    if (!text) {
        return refuse(413, "at most 64 KiB are read");
    }
    std::unique_ptr<json_t, void (*)(json_t *)> body(
        json_loadb(text->data(), text->size(), 0, nullptr), json_decref);
    if (!json_is_object(body.get())) {
        return refuse(400, "the body must be a JSON object");
    }
    json_t *by = json_object_get(body.get(), "updated_by_id");
    if (by != nullptr && !json_is_null(by) && !json_is_integer(by)) {
        return refuse(400, "updated_by_id must be an integer");
    }
    SqlParameter status = {"new_status", "text", std::nullopt};
    json_t *wanted = json_object_get(body.get(), "status");
    if (wanted != nullptr && !json_is_null(wanted)) {
        std::string_view word = json_is_string(wanted) ? json_string_value(wanted) : "";
        if (word != "unresolved" && word != "resolved" && word != "ignored") {
            return refuse(400, "status is invalid");
        }
        status.value = std::string(word);
    }
    call.parameters.push_back(std::move(status));
    return std::nullopt;
}

/* NGX_DONE: the answer comes from send_when_done(). */
ngx_int_t post_task(ngx_http_request_t *r, Query &query)
{
    LocConf *lcf = location_conf(r);
    ngx_thread_task_t *task = ngx_thread_task_alloc(r->pool, sizeof(ThreadContext));
    if (task == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    query.task->call = std::move(query.bound.call);
    *static_cast<ThreadContext *>(task->ctx) = {(*pools)[lcf->database].get(), query.task.get()};
    task->handler = run_in_thread;
    task->event.handler = on_task_done;
    task->event.data = r;
    task->event.log = r->connection->log;
    if (ngx_thread_task_post(lcf->thread_pool, task) != NGX_OK) {
        if (!add_header(r, "Retry-After", retry_after)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return refuse_request(r, refuse(503, "too many requests are waiting for the database"));
    }
    r->connection->log->action = const_cast<char *>("waiting for the database");
    ngx_add_timer(&task->event, call_deadline);
    r->main->blocked++;
    r->main->count++;
    r->aio = 1;
    r->write_event_handler = send_when_done;
    /* A body that is still being discarded has its own reader, which notices a close too. */
    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }
    return NGX_DONE;
}

void run_in_thread(void *data, ngx_log_t *) noexcept
{
    auto *context = static_cast<ThreadContext *>(data);
    context->pool->run(*context->task);
}

/* Back on the event loop: the thread is done, or the deadline has passed. */
void on_task_done(ngx_event_t *ev) noexcept
{
    auto *r = static_cast<ngx_http_request_t *>(ev->data);
    ngx_connection_t *c = r->connection;
    Query *query = query_of(r);
    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {
        /* The thread still has the task. It will come back soon: wait for that. */
        ev->timedout = 0;
        query->task->interrupt();
        ngx_add_timer(ev, call_deadline);
        return;
    }
    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
    r->main->blocked--;
    r->aio = 0;
    query->done = true;
    /* Not send_when_done itself: core puts its own finalizer here when the client is gone. */
    r->write_event_handler(r);
    ngx_http_run_posted_requests(c);
}

/* Also called for write events while the thread is at work. */
void send_when_done(ngx_http_request_t *r) noexcept
{
    Query *query = query_of(r);
    if (!query->done) {
        return;
    }
    ngx_http_finalize_request(r, guarded(r->connection->log, "sending answer", [&]() {
        return send_answer(r, *query);
    }));
}

/* At most one line a second while the database is away; the rest is counted. */
void log_unavailable(ngx_log_t *log, const std::string &problem)
{
    static time_t last;
    static ngx_uint_t suppressed;
    if (ngx_time() == last) {
        suppressed++;
        return;
    }
    ngx_log_error(NGX_LOG_ERR, log, 0, "database cannot be reached: %s (%ui more not logged)",
                  problem.c_str(), suppressed);
    last = ngx_time();
    suppressed = 0;
}

/* The one place that turns the end of a call into a status. */
QueryError failure(ngx_log_t *log, const SqlAnswer &answer)
{
    switch (answer.end) {
    case SqlEnd::unavailable:
        log_unavailable(log, answer.problem);
        return refuse(503, "the database cannot be reached");
    case SqlEnd::timed_out:
        ngx_log_error(NGX_LOG_WARN, log, 0, "%s", answer.problem.c_str());
        return refuse(504, "the database did not answer in time");
    default:
        ngx_log_error(NGX_LOG_ERR, log, 0, "%s", answer.problem.c_str());
        return refuse(500);
    }
}

ngx_int_t send_answer(ngx_http_request_t *r, Query &query)
{
    SqlAnswer &answer = query.task->answer;
    r->connection->log->action = const_cast<char *>("sending to client");
    if (answer.end != SqlEnd::answered) {
        QueryError refusal = failure(r->connection->log, answer);
        if (refusal.status == 503 && !add_header(r, "Retry-After", retry_after)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return send_response(r, static_cast<ngx_uint_t>(refusal.status), json_type, refusal.body);
    }

    for (const auto &[name, value] : page_headers(query.bound, query.base, answer)) {
        if (!add_header(r, name, value)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    if (!add_header(r, "Cache-Control", "no-store")
        || !add_header(r, "X-Content-Type-Options", "nosniff"))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (answer.body.empty()) {
        return send_response(r, static_cast<ngx_uint_t>(answer.status), json_type, {});
    }
    r->headers_out.status = static_cast<ngx_uint_t>(answer.status);
    r->headers_out.content_type = as_ngx_str(json_type);
    r->headers_out.content_type_len = json_type.size();
    r->headers_out.content_length_n = static_cast<off_t>(answer.body.size());
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    /* Sent from where it lies: the query lives as long as the request. */
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->pos = reinterpret_cast<u_char *>(answer.body.data());
    b->last = b->pos + answer.body.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ngx_chain_t out = {b, nullptr};
    return ngx_http_output_filter(r, &out);
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
        pools = std::move(made);
        return NGX_OK;
    }) == NGX_OK ? NGX_OK : NGX_ERROR;
}

/* The threads are gone: core's pool module, which joins them, comes before us. */
void exit_process(ngx_cycle_t *) noexcept
{
    pools.reset();
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
