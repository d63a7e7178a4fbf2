/*
 * What must stay true: the event loop never waits. While the call runs, the request is
 * pinned by blocked++ and a timer, which also holds a quitting worker back; and whatever
 * happens, the request is finalized once.
 */

#include "ngx_module/query.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <openssl/sha.h>

#include "ngx_module/caller.hpp"
#include "ngx_module/exchange.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

std::unique_ptr<std::vector<std::unique_ptr<Database>>> databases;

namespace {

/* Nothing that is sent here is long, but what builds upload. */
constexpr off_t max_request_body = 64 * 1024;
constexpr off_t max_upload = 16 * 1024 * 1024;

/*
 * The statement timeout of the role (3 s) ends a slow call. This is for a server
 * that has stopped answering, and stays within what nginx gets to quit.
 */
constexpr ngx_msec_t call_deadline = 4500;

/* Seconds after which a client may come again while the database is away. */
constexpr std::string_view usual_retry_after = "5";

/*
 * An answer stays in memory until its client has read it, however slowly. So large ones are
 * counted, in each process; small ones are bounded by the connections that there can be.
 */
constexpr std::size_t large_answer = 1024 * 1024;
constexpr std::size_t max_unread = 128 * 1024 * 1024;
std::size_t unread;

constexpr std::string_view json_type = "application/json";

/* openapi.json, see openapi.S. */
extern "C" __attribute__((visibility("hidden"))) const char errtrack_openapi[];
extern "C" __attribute__((visibility("hidden"))) const char errtrack_openapi_end[];

/* A request under way. Lives in the pool of the request. */
struct Query {
    ~Query() { unread -= counted; }

    Request request;
    SqlTask task;
    const ngx_chain_t *body = nullptr;   /* as nginx keeps it; the thread's while it is at work */
    std::string tag;                     /* of the answer, where one may ask again */
    bool done = false;                   /* the answer is in the task */
    std::size_t counted = 0;             /* of the answer, in unread */
};

/* What a thread gets: all of it outlives the thread's work, and is the thread's alone
 * until then, but for interrupt(). */
struct ThreadContext {
    Database *database;
    Query *query;
};

QueryConf *location_conf(ngx_http_request_t *r) noexcept
{
    return static_cast<QueryConf *>(ngx_http_get_module_loc_conf(r, ngx_http_errtrack_query_module));
}

Query *query_of(ngx_http_request_t *r) noexcept
{
    return static_cast<Query *>(ngx_http_get_module_ctx(r, ngx_http_errtrack_query_module));
}

Surface surface(const Query &query)
{
    return query.request.match.route->surface;
}

constexpr std::string_view no_such_path = "no such path: /api/0/openapi.json lists those that there are";
constexpr std::string_view no_token = "Authentication credentials were not provided: send Authorization: Bearer TOKEN";

/* GitLab's surfaces have their refusals to the letter. */
std::string_view in_words_of_ours(Surface surface, std::string_view reason) noexcept
{
    return surface == Surface::sentry ? reason : std::string_view();
}

/* Reads on over a body first, so that the connection can be kept. */
ngx_int_t refuse_request(ngx_http_request_t *r, Surface surface, int status, std::string_view reason = {},
                         std::string_view retry_after = {})
{
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    std::string body = refusal_json(surface, status, reason);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "query refused: %s", body.c_str());
    if (status == 503 && retry_after.empty()) {
        retry_after = usual_retry_after;
    }
    if ((!retry_after.empty() && !add_header(r, "Retry-After", retry_after))
        || (status == 401 && surface == Surface::sentry && !add_header(r, "WWW-Authenticate", "Bearer")))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_response(r, static_cast<ngx_uint_t>(status), json_type, body);
}

/* nginx would compare when the change has been made, and answer as if it had not. */
bool is_conditional(ngx_http_request_t *r)
{
    return r->headers_in.if_match != nullptr || r->headers_in.if_none_match != nullptr
           || r->headers_in.if_unmodified_since != nullptr;
}

std::string hex_sha256(std::string_view text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char *>(text.data()), text.size(), digest);
    std::string hex(2 * sizeof(digest), '0');
    ngx_hex_dump(reinterpret_cast<u_char *>(hex.data()), digest, sizeof(digest));
    return hex;
}

/* Where the client found us, unless errtrack_dsn_base knows better. */
std::string request_base(ngx_http_request_t *r)
{
    QueryConf *lcf = location_conf(r);
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

off_t most_body(const Route &route)
{
    return route.access == Access::upload ? max_upload : max_request_body;
}

ngx_int_t refuse_too_long(ngx_http_request_t *r, const Route &route)
{
    return refuse_request(r, route.surface, 413,
                          route.access == Access::upload ? "at most 16 MiB are read" : "at most 64 KiB are read");
}

off_t length_of(const ngx_chain_t *body)
{
    off_t length = 0;
    for (; body != nullptr; body = body->next) {
        length += ngx_buf_size(body->buf);
    }
    return length;
}

/*
 * The chain of a body, which lies in a file from client_body_buffer_size on. For a thread:
 * what waits for one has not been read yet. So no function of nginx, and none of its logs.
 */
std::string body_text(const ngx_chain_t *body)
{
    std::string text;
    for (; body != nullptr; body = body->next) {
        const ngx_buf_t &b = *body->buf;
        if (!b.in_file) {
            text.append(reinterpret_cast<char *>(b.pos), static_cast<std::size_t>(b.last - b.pos));
            continue;
        }
        std::size_t end = text.size() + static_cast<std::size_t>(b.file_last - b.file_pos);
        off_t from = b.file_pos;
        while (text.size() < end) {
            std::size_t start = text.size();
            text.resize(end);
            ssize_t n = ::pread(b.file->fd, text.data() + start, end - start, from);
            if (n <= 0) {
                throw std::runtime_error("cannot read the request body from its file");
            }
            text.resize(start + static_cast<std::size_t>(n));
            from += n;
        }
    }
    return text;
}

void run_in_thread(void *data, ngx_log_t *log) noexcept;
void on_task_done(ngx_event_t *ev) noexcept;
void send_when_done(ngx_http_request_t *r) noexcept;
ngx_int_t send_answer(ngx_http_request_t *r, Query &query);

/* NGX_DONE: the answer comes from send_when_done(). */
ngx_int_t post_task(ngx_http_request_t *r, Query &query)
{
    QueryConf *lcf = location_conf(r);
    ngx_thread_task_t *task = ngx_thread_task_alloc(r->pool, sizeof(ThreadContext));
    if (task == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    *static_cast<ThreadContext *>(task->ctx) = {(*databases)[lcf->database].get(), &query};
    task->handler = run_in_thread;
    task->event.handler = on_task_done;
    task->event.data = r;
    task->event.log = r->connection->log;
    if (ngx_thread_task_post(lcf->thread_pool, task) != NGX_OK) {
        return refuse_request(r, surface(query), 503, "too many requests are waiting for the database");
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

/* The body is there; this must finalize the request once, whatever happens. */
void on_body(ngx_http_request_t *r) noexcept
{
    ngx_int_t rc = guarded(r->connection->log, "reading the body of a query", [&]() -> ngx_int_t {
        Query *query = query_of(r);
        const Route &route = *query->request.match.route;
        query->body = r->request_body != nullptr ? r->request_body->bufs : nullptr;
        return length_of(query->body) > most_body(route) ? refuse_too_long(r, route) : post_task(r, *query);
    });
    ngx_http_finalize_request(r, rc);
}

std::string entity_tag(std::string_view body)
{
    return "\"" + hex_sha256(body).substr(0, 32) + "\"";
}

/*
 * Whoever may not upload is told so before a body of 16 MiB is taken apart and sent on for
 * the same answer. The question about uploads asks for the same right.
 */
bool may_upload(Database &database, Query &query)
{
    SqlTask &task = query.task;
    const std::string_view function = std::exchange(task.call.function, "sentry_chunk_options");
    task.call.read_only = true;
    task.call.request = head_json(query.request);
    database.run(task);
    if (task.answer.end != SqlEnd::answered) {
        return false;
    }
    task.call.function = function;
    task.call.read_only = false;
    task.answer = SqlAnswer();
    return true;
}

/* All that takes the longer the longer a body is. */
void serve(Database &database, Query &query)
{
    SqlTask &task = query.task;
    if (query.request.match.route->access == Access::upload && !may_upload(database, query)) {
        return;
    }
    query.request.body = body_text(query.body);
    query.request.has_body = !query.request.body.empty();
    std::string refusal;
    std::optional<std::string> request = request_json(query.request, refusal);
    if (!request) {
        task.answer.end = SqlEnd::refused;
        task.answer.status = 400;
        task.answer.problem = std::move(refusal);
        return;
    }
    query.request.body = std::string();
    task.call.request = std::move(*request);
    database.run(task);
    task.call.request = std::string();
    const SqlAnswer &answer = task.answer;
    if (answer.end == SqlEnd::answered && answer.status == 200 && task.call.read_only && answer.file_name.empty()) {
        query.tag = entity_tag(answer.body);
    }
}

void run_in_thread(void *data, ngx_log_t *) noexcept
{
    auto *context = static_cast<ThreadContext *>(data);
    try {
        serve(*context->database, *context->query);
    } catch (...) {
        context->query->task.answer.end = SqlEnd::failed;
        context->query->task.answer.problem = "a request could not be prepared";
    }
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
        query->task.interrupt();
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

/* Once, until another answer has come, since it takes a person to end it. */
std::string schema_trouble;

void log_other_schema(ngx_log_t *log, const std::string &problem)
{
    if (schema_trouble != problem) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "queries are answered with 503: %s", problem.c_str());
        schema_trouble = problem;
    }
}

/* Whoever asks again learns that nothing has changed, without the body. */
bool add_validator(ngx_http_request_t *r, std::string_view cache_control, std::string_view tag)
{
    if (!add_header(r, "Cache-Control", cache_control) || !add_header(r, "ETag", tag)) {
        return false;
    }
    /* nginx compares it with If-None-Match, and weakens it when it compresses. */
    ngx_list_part_t &part = *r->headers_out.headers.last;
    r->headers_out.etag = static_cast<ngx_table_elt_t *>(part.elts) + part.nelts - 1;
    return true;
}

/* Of a session of a browser; an empty one ends it. */
bool add_cookie(ngx_http_request_t *r, const std::string &secret, std::string_view base)
{
    std::string cookie = std::string(cookie_name) + secret + "; Path=/; HttpOnly; SameSite=Strict; Max-Age="
                         + (secret.empty() ? "0" : "1209600");
    return add_header(r, "Set-Cookie", cookie + (base.substr(0, 8) == "https://" ? "; Secure" : ""));
}

/* What clients sent is data: to be kept in a file, and never shown as a page of ours. */
bool add_file_headers(ngx_http_request_t *r, std::string_view name)
{
    return add_header(r, "Content-Disposition", "attachment; filename*=UTF-8''" + percent_encode(name))
           && add_header(r, "Content-Security-Policy", "sandbox; default-src 'none'");
}

/* Sends the body from where it lies: for as long as the request lives. */
ngx_int_t send_in_place(ngx_http_request_t *r, int status, std::string_view content_type, std::string_view body)
{
    r->headers_out.status = static_cast<ngx_uint_t>(status);
    r->headers_out.content_type = as_ngx_str(content_type);
    r->headers_out.content_type_len = content_type.size();
    r->headers_out.content_length_n = static_cast<off_t>(body.size());
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->pos = reinterpret_cast<u_char *>(const_cast<char *>(body.data()));
    b->last = b->pos + body.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ngx_chain_t out = {b, nullptr};
    return ngx_http_output_filter(r, &out);
}

/* What the surfaces offer is no secret, and the same for everybody. */
ngx_int_t send_document(ngx_http_request_t *r)
{
    static const std::string_view document(
        errtrack_openapi, static_cast<std::size_t>(errtrack_openapi_end - errtrack_openapi));
    static const std::string tag = entity_tag(document);
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    if (!add_header(r, "X-Content-Type-Options", "nosniff") || !add_validator(r, "no-cache", tag)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_in_place(r, 200, json_type, document);
}

/* How the end of a call that has no answer is told. */
ngx_int_t send_failure(ngx_http_request_t *r, Query &query)
{
    const SqlAnswer &answer = query.task.answer;
    ngx_log_t *log = r->connection->log;
    switch (answer.end) {
    case SqlEnd::refused:
        return refuse_request(r, surface(query), answer.status, answer.problem, answer.retry_after);
    case SqlEnd::unavailable:
        log_unavailable(log, answer.problem);
        return refuse_request(r, surface(query), 503, "the database cannot be reached");
    case SqlEnd::other_schema:
        log_other_schema(log, answer.problem);
        return refuse_request(r, surface(query), 503, "the database is being upgraded");
    case SqlEnd::timed_out:
        ngx_log_error(NGX_LOG_WARN, log, 0, "%s", answer.problem.c_str());
        return refuse_request(r, surface(query), 504, "the database did not answer in time");
    default:
        ngx_log_error(NGX_LOG_ERR, log, 0, "%s", answer.problem.c_str());
        return refuse_request(r, surface(query), 500);
    }
}

ngx_int_t send_answer(ngx_http_request_t *r, Query &query)
{
    SqlAnswer &answer = query.task.answer;
    r->connection->log->action = const_cast<char *>("sending to client");
    if (!query.task.notice.empty()) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "%s", query.task.notice.c_str());
    }
    if (answer.end != SqlEnd::answered) {
        return send_failure(r, query);
    }
    schema_trouble.clear();
    if (answer.body.size() > large_answer && query.task.call.read_only) {
        if (unread > 0 && unread + answer.body.size() > max_unread) {
            answer.body = std::string();
            return refuse_request(r, surface(query), 503, "too many large answers are waiting to be read");
        }
        query.counted = answer.body.size();
        unread += query.counted;
    }
    for (const auto &[name, value] : page_headers(query.request, answer)) {
        if (!add_header(r, name, value)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    /* What is shown to one is nobody else's, so no cache between may keep it. */
    if (!add_header(r, "X-Content-Type-Options", "nosniff")
        || !(query.tag.empty() ? add_header(r, "Cache-Control", "no-store")
                               : add_validator(r, "private, no-cache", query.tag))
        || !(answer.file_name.empty() || add_file_headers(r, answer.file_name))
        || !(answer.cookie ? add_cookie(r, *answer.cookie, query.request.base) : true))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    std::string_view content_type = answer.file_name.empty() ? json_type : std::string_view(answer.content_type);
    if (answer.body.empty()) {
        return send_response(r, static_cast<ngx_uint_t>(answer.status), content_type, {});
    }
    return send_in_place(r, answer.status, content_type, answer.body);
}

}

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
            return !match.allow.empty() && !add_header(r, "Allow", match.allow)
                ? NGX_HTTP_INTERNAL_SERVER_ERROR
                : refuse_request(r, surface_of(path), match.status,
                                 match.status == 404 ? in_words_of_ours(surface_of(path), no_such_path) : "");
        }
        const Route &route = *match.route;
        if (route.access == Access::document) {
            return send_document(r);
        }
        Caller caller = find_caller(r, route.surface, location_conf(r)->trusted_user);
        if (caller.token.empty() && caller.trusted_user.empty() && route.access != Access::open) {
            return refuse_request(r, route.surface, 401, in_words_of_ours(route.surface, no_token));
        }
        if (route.access != Access::read && is_conditional(r)) {
            return refuse_request(r, route.surface, 412, "no change depends on what is there: leave out If-Match and its like");
        }
        std::string base = request_base(r);
        if (caller.is_browser && route.access != Access::read && !comes_from_own_page(r, base)) {
            return refuse_request(r, route.surface, 403,
                                  "a change needs a token, or the header X-Errtrack-Request and the Origin of this site");
        }

        auto *query = pool_new<Query>(r->pool);
        if (query == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ngx_http_set_ctx(r, query, ngx_http_errtrack_query_module);
        query->request.match = std::move(match);
        query->request.arguments = parse_arguments(view(r->args));
        query->request.base = std::move(base);
        query->request.address = view(r->connection->addr_text);
        query->task.call.function = route.function;
        query->task.call.read_only = route.access == Access::read;
        /* PostgreSQL looks for the hash, so no comparison here or there sees the token. */
        query->task.call.token_hash = caller.token.empty() ? "" : hex_sha256(caller.token);
        query->task.call.trusted_user = std::move(caller.trusted_user);

        if (route.access != Access::read) {
            query->request.content_type = header(r, "content-type");
            query->request.keys = location_conf(r)->seal_keys;
            if (r->headers_in.content_length_n > most_body(route)) {
                return refuse_too_long(r, route);
            }
            ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
            return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
        }
        ngx_int_t rc = ngx_http_discard_request_body(r);
        return rc == NGX_OK ? post_task(r, *query) : rc;
    });
}

}
