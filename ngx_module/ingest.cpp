/*
 * Takes a report in. A request is authenticated, its body is read and checked while it
 * arrives, and the raw body is queued; the client is answered when it is kept:
 *
 *     path, method, encoding, key, origin, quota  ->  body, structure  ->  quotas
 *         ->  queue or spool  ->  200 {"id"}
 *
 * Whatever can be refused is refused before the body is read. Nothing here blocks.
 */

#include "ngx_module/delivery.hpp"
#include "ngx_module/dialog.hpp"
#include "ngx_module/edge.hpp"
#include "ngx_module/forms.hpp"
#include "ngx_module/meta.hpp"
#include "worker/entry.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

Context::~Context()
{
    if (process() == nullptr) {
        return;
    }
    release();
    if (!settled) {
        reason = reason::client_gone;
        settle();
    }
}

void Context::release() noexcept
{
    process()->shares.release(held_key, address, std::exchange(held, 0));
}

void Context::settle() noexcept
{
    settled = true;
    counted.endpoint = report.endpoint();
    counted.project = report.project();
    counted.reason = reason;
    process()->counters.add(counted);
}

namespace {

std::string_view value_of(const ngx_table_elt_t *header) noexcept
{
    return header != nullptr ? view(header->value) : std::string_view();
}

/* In one pass. Of a repeated one the first counts, as it does for $errtrack_key. */
OtherHeaders other_headers(ngx_http_request_t *r) noexcept
{
    OtherHeaders found;
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        auto *elts = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            std::string_view name(reinterpret_cast<char *>(elts[i].lowcase_key), elts[i].key.len);
            std::string_view *value = name == "x-sentry-auth"      ? &found.sentry_auth
                                      : name == "content-encoding" ? &found.content_encoding
                                      : name == "origin"           ? &found.origin
                                      : name == "traceparent"      ? &found.traceparent
                                                                   : nullptr;
            if (value != nullptr && value->data() == nullptr) {
                *value = view(elts[i].value);
            }
        }
    }
    return found;
}

/* What the dialog is told: it reads neither details nor reasons. */
ngx_int_t refuse_dialog(ngx_http_request_t *r, const Context &ctx, const Refusal &refusal)
{
    std::string_view body = "{}";
    ngx_uint_t status = refusal.status;
    if (!ctx.report.form_errors().empty()) {
        body = ctx.report.form_errors();
    } else if (refusal.reason == reason::event_id) {
        body = "{\"eventId\":\"Missing or invalid parameter.\"}";
    } else if (refusal.reason == reason::auth_missing || refusal.reason == reason::project_id) {
        status = NGX_HTTP_NOT_FOUND;
        body = "{\"dsn\":\"Missing or invalid parameter.\"}";
    }
    return send_text(r, status, "application/json", body);
}

/* What is left to be sent is nginx's business: to the steps here it is done, or failed. */
ngx_int_t sent(ngx_int_t rc) noexcept
{
    return rc == NGX_AGAIN || rc == NGX_DONE ? NGX_OK : rc;
}

ngx_int_t refuse(ngx_http_request_t *r, const Refusal &refusal)
{
    Context &ctx = *context_of(r);
    ctx.reason = refusal.reason;
    ctx.settle();
    // nginx drops the rest of this body, and with it whatever comes after on the connection.
    if (r->reading_body) {
        r->keepalive = 0;
    }
    // The request may linger until the client has sent the rest, or is tired of it.
    ctx.report.take_body();
    ctx.release();
    Endpoint endpoint = ctx.report.endpoint();
    if (endpoint == Endpoint::dialog && refusal.status != NGX_HTTP_NOT_ALLOWED
        && refusal.status != NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        return sent(refuse_dialog(r, ctx, refusal));
    }
    // What sends these cannot wait, and would only try again.
    if (refusal.reason == reason::rate_limited
        && (endpoint == Endpoint::minidump || endpoint == Endpoint::checkin))
    {
        Ids::Text id = process()->ids.event_id();
        return sent(send_accepted(r, endpoint, {id.data(), id.size()}, &ctx.report.quota()));
    }
    return sent(send_refusal(r, endpoint, refusal, &ctx.report.quota()));
}

/* Before the body has been read. */
ngx_int_t refuse_early(ngx_http_request_t *r, const Refusal &refusal)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);
    return rc == NGX_OK ? refuse(r, refusal) : rc;
}

std::string make_meta(ngx_http_request_t *r, const Report &report, std::uint8_t dropped)
{
    ngx_time_t *now = ngx_timeofday();
    std::int64_t ms = static_cast<std::int64_t>(now->sec) * 1000 + static_cast<int>(now->msec);
    std::string meta = process()->buffers.take();
    MetaWriter line(meta);
    line.own("v", entry_version);
    Ids::Text id = process()->ids.delivery_id(ms);
    line.own("id", {id.data(), id.size()});
    line.number("at", static_cast<std::uint64_t>(ms) * 1000);
    line.number("project", report.owner().project);
    line.number("key", report.owner().key);
    if (report.unverified()) {
        line.own("pub", report.public_key());
    }
    line.own("ep", report.form());
    line.own("event", report.event_id());
    if (dropped != 0) {
        std::string names;
        for (std::size_t i = 1; i < categories; i++) {
            if ((dropped >> i & 1) != 0) {
                names.append(names.empty() ? "" : ",").append(category_names[i]);
            }
        }
        line.own("drop", names);
    }
    line.own("filter", report.filter());
    line.own("enc", report.encoding());
    line.foreign("type", value_of(r->headers_in.content_type).substr(0, 200));
    line.foreign("query", view(r->args).substr(0, 1000));
    line.own("addr", view(r->connection->addr_text));
    line.foreign("agent", value_of(r->headers_in.user_agent).substr(0, 300));
    line.foreign("sdk", report.client().substr(0, 200));
    line.foreign("origin", context_of(r)->others.origin.substr(0, 300));
    if (ngx_int_t index = main_conf(r).request_id; index != NGX_ERROR) {
        auto *rid = ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(index));
        if (rid != nullptr && rid->not_found == 0) {
            line.foreign("rid", {reinterpret_cast<char *>(rid->data), rid->len});
        }
    }
    line.foreign("trace", context_of(r)->others.traceparent.substr(0, 100));
    line.own("items", report.summary().items_text());
    line.number("size", report.summary().plain_bytes);
    line.finish();
    return meta;
}

/* The quotas have been asked: hands the report over, or refuses it. The request is
 * finalized here or later. */
void hand_over(ngx_http_request_t *r, std::uint8_t dropped)
{
    Context &ctx = *context_of(r);
    ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(r, 0);
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    auto delivery = std::make_shared<Delivery>();
    delivery->meta = make_meta(r, ctx.report, dropped);
    delivery->body = ctx.report.take_body();
    if (!ctx.report.filter().empty()) {
        delivery->body.clear();         // it is only counted
    }
    delivery->unverified = ctx.report.unverified();
    delivery->queued = !delivery->unverified || loc_conf(r).unverified == 1;
    delivery->counted = ctx.counted;
    delivery->counted.endpoint = ctx.report.endpoint();
    delivery->counted.project = ctx.report.project();
    delivery->counted.filtered = !ctx.report.filter().empty();
    delivery->key = ctx.held_key;
    delivery->address = ctx.address;
    delivery->held = std::exchange(ctx.held, 0);
    ctx.settled = true;                 // the delivery counts
    r->connection->log->action = const_cast<char *>("queueing a report");
    deliver(std::move(delivery), r, cleanup);
}

void finalize(ngx_http_request_t *r, ngx_int_t rc) noexcept
{
    ngx_connection_t *c = r->connection;
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

/* Waits for leases of quotas; null once the request is gone. */
struct Waiting {
    ngx_http_request_t *request;
};

void stop_waiting(void *data) noexcept
{
    static_cast<Waiting *>(data)->request = nullptr;
}

void on_decision(ngx_http_request_t *r, const Decision &decision) noexcept
{
    ngx_http_set_log_request(r->connection->log, r);
    ngx_int_t rc = guarded(r->connection->log, "deciding about quotas", [&]() -> ngx_int_t {
        Context &ctx = *context_of(r);
        ctx.report.set_quota(decision);
        if ((decision.dropped & 1) != 0) {
            return refuse(r, refusal::rate_limited);
        }
        hand_over(r, decision.dropped);
        return NGX_DONE;
    });
    if (rc != NGX_DONE) {
        finalize(r, rc);
    }
}

/* The body is complete and in order. */
void ask_quotas(ngx_http_request_t *r)
{
    const Report &report = context_of(r)->report;
    const QuotaOwner &owner = report.owner();
    // A client that leaves now changes nothing: the report is on its way.
    r->read_event_handler = ngx_http_block_reading;
    if ((owner.key_limited | owner.project_limited) == 0 || report.unverified()
        || !report.filter().empty())
    {
        hand_over(r, 0);
        return;
    }
    ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(r, 0);
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    auto waiting = std::make_shared<Waiting>(Waiting{r});
    cleanup->handler = stop_waiting;
    cleanup->data = waiting.get();
    r->connection->log->action = const_cast<char *>("waiting for a quota");
    process()->quotas.take(owner, report.summary().counts,
                           [waiting, cleanup](const Decision &decision) {
                               if (waiting->request != nullptr) {
                                   cleanup->handler = nullptr;
                                   on_decision(waiting->request, decision);
                               }
                           });
}

/* What a piece of the body adds to the memory in use. */
std::optional<Refusal> hold(Context &ctx, std::size_t bytes)
{
    switch (process()->shares.hold(ctx.held_key, ctx.address, bytes)) {
    case Shares::Answer::granted:
        ctx.held += bytes;
        return std::nullopt;
    case Shares::Answer::full:
        return refusal::unavailable;
    default:
        return refusal::too_much_arriving;
    }
}

std::optional<Refusal> take_piece(ngx_http_request_t *r, Context &ctx, std::string_view piece)
{
    ctx.counted.bytes += piece.size();
    if (auto refused = hold(ctx, piece.size())) {
        return refused;
    }
    auto refused = ctx.report.take(piece);
    // The sender may have become known by this piece: what it holds is moved to its share.
    if (ctx.report.owner().key != ctx.held_key) {
        ctx.release();
        ctx.held_key = ctx.report.owner().key;
    }
    std::size_t needed = ctx.counted.bytes + ctx.report.decoder_bytes();
    if (!refused && needed > ctx.held) {
        refused = hold(ctx, needed - ctx.held);
    }
    return refused;
}

/* A body that another module has already read may lie in a file: it is read by the
 * thread pool, a window at a time. */
struct FileRead {
    ngx_http_request_t *request;
    ngx_fd_t fd;
    off_t offset;
    std::size_t wanted;
    ssize_t got;                        /* -1: error */
    ngx_err_t error;
    char window[32 * 1024];
};

void on_body(ngx_http_request_t *r) noexcept;

void read_window(void *data, ngx_log_t *log) noexcept
{
    auto *read = static_cast<FileRead *>(data);
    read->got = pread(read->fd, read->window, read->wanted, read->offset);
    read->error = read->got == -1 ? ngx_errno : 0;
}

ngx_int_t take_file(ngx_http_request_t *r, ngx_buf_t *b);

void on_window(ngx_event_t *ev) noexcept
{
    auto *read = static_cast<FileRead *>(ev->data);
    ngx_http_request_t *r = read->request;
    ngx_connection_t *c = r->connection;
    ngx_http_set_log_request(c->log, r);
    r->main->blocked--;
    r->aio = 0;
    ngx_int_t rc = guarded(c->log, "reading a report from a file", [&]() -> ngx_int_t {
        if (read->got <= 0) {
            ngx_log_error(NGX_LOG_CRIT, c->log, read->error, "the file of a request body ends early");
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ngx_buf_t *b = r->request_body->bufs->buf;
        b->file_pos += read->got;
        auto refused = take_piece(r, *context_of(r),
                                  {read->window, static_cast<std::size_t>(read->got)});
        return refused ? refuse(r, *refused) : NGX_OK;
    });
    if (rc != NGX_OK || context_of(r)->settled) {
        finalize(r, rc);
        return;
    }
    on_body(r);
    ngx_http_run_posted_requests(c);
}

ngx_int_t take_file(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_thread_task_t *task = ngx_thread_task_alloc(r->pool, sizeof(FileRead));
    if (task == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    auto *read = static_cast<FileRead *>(task->ctx);
    read->request = r;
    read->fd = b->file->fd;
    read->offset = b->file_pos;
    read->wanted = std::min(sizeof(read->window), static_cast<std::size_t>(b->file_last - b->file_pos));
    task->handler = read_window;
    task->event.data = read;
    task->event.handler = on_window;
    // Whatever the client does meanwhile, nobody else may go on with this body.
    r->read_event_handler = ngx_http_block_reading;
    if (ngx_thread_task_post(main_conf(r).spool.threads, task) != NGX_OK) {
        return refuse(r, refusal::unavailable);
    }
    r->main->blocked++;
    r->aio = 1;
    return NGX_AGAIN;
}

/* nginx could not read the body: it was not framed well, or the client is gone. */
ngx_int_t give_up(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc == NGX_HTTP_BAD_REQUEST && !r->connection->error) {
        r->keepalive = 0;               // nobody knows where the next request begins
        return refuse(r, refusal::framing);
    }
    Context &ctx = *context_of(r);
    ctx.reason = reason::client_gone;
    ctx.settle();
    return rc;
}

/* Takes what has arrived. NGX_AGAIN: more is to come; NGX_DONE: the request will be
 * finalized elsewhere; anything else is for finalizing it. */
ngx_int_t take_body(ngx_http_request_t *r)
{
    Context &ctx = *context_of(r);
    // Here and not with each piece: what frames a body may drip, too.
    if (ngx_current_msec - ctx.started > loc_conf(r).body_timeout) {
        return refuse(r, refusal::slow_client);
    }
    for (;;) {
        ngx_http_request_body_t *rb = r->request_body;
        while (rb != nullptr && rb->bufs != nullptr) {
            ngx_buf_t *b = rb->bufs->buf;
            if (b->in_file && !ngx_buf_in_memory(b)) {
                if (b->file_pos < b->file_last) {
                    return take_file(r, b);
                }
                rb->bufs = rb->bufs->next;
                continue;
            }
            std::string_view piece(reinterpret_cast<char *>(b->pos),
                                   static_cast<size_t>(b->last - b->pos));
            b->pos = b->last;
            rb->bufs = rb->bufs->next;
            if (piece.empty()) {
                continue;
            }
            if (auto refused = take_piece(r, ctx, piece)) {
                return refuse(r, *refused);
            }
        }
        if (!r->reading_body) {
            break;
        }
        ngx_int_t rc = ngx_http_read_unbuffered_request_body(r);
        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return give_up(r, rc);
        }
        if (rc == NGX_AGAIN && r->request_body->bufs == nullptr) {
            return NGX_AGAIN;
        }
    }
    if (auto refused = ctx.report.end()) {
        return refuse(r, *refused);
    }
    ask_quotas(r);
    return NGX_DONE;
}

void on_body(ngx_http_request_t *r) noexcept
{
    r->read_event_handler = on_body;
    ngx_int_t rc = guarded(r->connection->log, "reading a report", [r] { return take_body(r); });
    if (rc != NGX_AGAIN && rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

/* The script, or the answer to a form. */
std::optional<Refusal> check_dialog(ngx_http_request_t *r)
{
    std::string id = form_value(view(r->args), "eventId").value_or("");
    return normalize_uuid(id).empty() ? std::optional(refusal::bad_event_id) : std::nullopt;
}

}

void answer_delivered(ngx_http_request_t *r, const Refusal *refused) noexcept
{
    ngx_http_set_log_request(r->connection->log, r);
    r->connection->log->action = const_cast<char *>("answering a report");
    ngx_int_t rc = guarded(r->connection->log, "answering a report", [&]() -> ngx_int_t {
        Context &ctx = *context_of(r);
        ctx.accepted = refused == nullptr;
        if (refused == nullptr) {
            return send_accepted(r, ctx.report.endpoint(), ctx.report.event_id(),
                                 &ctx.report.quota());
        }
        ctx.reason = refused->reason;
        return send_refusal(r, ctx.report.endpoint(), *refused, nullptr);
    });
    finalize(r, rc);
}

ngx_int_t handle_report(ngx_http_request_t *r) noexcept
{
    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }
    return guarded(r->connection->log, "handling a report", [r]() -> ngx_int_t {
        const LocConf &conf = loc_conf(r);
        ReportLimits limits = {conf.max_body_size, conf.max_envelope_size, conf.max_event_size,
                               conf.minidump == 1, conf.unverified == 1, conf.tunnel_hosts};
        auto *ctx = pool_new<Context>(r->pool, Zone(main_conf(r).zone), limits);
        if (ctx == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ngx_http_set_ctx(r, ctx, ngx_http_errtrack_ingest_module);

        Target target;
        if (conf.tunnel_hosts != nullptr) {
            target.endpoint = Endpoint::tunnel;
        } else {
            target = find_target(view(r->uri));
        }
        ctx->report.set_target(target);
        if (conf.ingest == 0) {
            return refuse_early(r, refusal::switched_off);
        }
        if (target.endpoint == Endpoint::unknown) {
            return refuse_early(r, refusal::endpoint);
        }
        if (r->method == NGX_HTTP_OPTIONS) {
            ctx->settled = true;        // asks, and reports nothing
            ngx_int_t rc = ngx_http_discard_request_body(r);
            return rc == NGX_OK ? send_preflight(r, target.endpoint) : rc;
        }
        bool get = (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0;
        std::uint8_t method = get ? method_get : r->method == NGX_HTTP_POST ? method_post : 0;
        if ((methods_of(target.endpoint) & method) == 0) {
            return refuse_early(r, refusal::method);
        }
        if (target.endpoint == Endpoint::dialog) {
            if (auto refused = check_dialog(r)) {
                return refuse_early(r, *refused);
            }
        }

        const OtherHeaders &others = ctx->others = other_headers(r);
        ReportHead head = {!get, view(r->args), others.sentry_auth,
                           value_of(r->headers_in.authorization),
                           value_of(r->headers_in.content_type), others.content_encoding,
                           others.origin.empty() ? value_of(r->headers_in.referer) : others.origin,
                           value_of(r->headers_in.user_agent), view(r->connection->addr_text),
                           r->headers_in.content_length_n};
        ctx->started = ngx_current_msec;
        if (auto refused = ctx->report.begin(head)) {
            return refuse_early(r, *refused);
        }
        if (get && target.endpoint == Endpoint::dialog) {
            ctx->settled = true;
            ngx_int_t rc = ngx_http_discard_request_body(r);
            return rc == NGX_OK ? send_text(r, NGX_HTTP_OK, "text/javascript", dialog_script) : rc;
        }
        if (r->method == NGX_HTTP_HEAD) {
            // Whoever only looks, a checker of links say, reports nothing.
            ctx->settled = true;
            ngx_int_t rc = ngx_http_discard_request_body(r);
            return rc == NGX_OK ? send_accepted(r, target.endpoint, {}, nullptr) : rc;
        }
        ctx->held_key = ctx->report.owner().key;
        ngx_str_t address = r->connection->addr_text;
        ctx->address = ngx_murmur_hash2(address.data, address.len) | std::uint64_t(1) << 40;
        if (r->request_body != nullptr && r->reading_body) {
            // Another module has begun to read it, and gave up in the middle.
            r->keepalive = 0;
            return refuse(r, refusal::unavailable);
        }
        // Unbuffered: pieces are checked as they come, and never touch the disk.
        r->request_body_no_buffering = 1;
        ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? give_up(r, rc) : NGX_DONE;
    });
}

}
