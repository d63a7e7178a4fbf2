/*
 * The adapter between hiredis and nginx's events, and the life of the link.
 *
 * After any call into hiredis its context may be gone: it frees itself on errors.
 * context_ is cleared in on_cleanup, which hiredis calls before that, and nothing
 * here touches the context after handing control over.
 */

#include "ngx_module/redis_link.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr ngx_msec_t first_backoff = 100;
constexpr ngx_msec_t longest_backoff = 2000;

/* Bytes of a word from which on it is not copied once more. */
constexpr size_t long_word = 1024;

/* What Redis says, as it may stand in a log. */
std::string readable(const redisReply *reply)
{
    std::string text(reply->str, std::min(reply->len, static_cast<decltype(reply->len)>(200)));
    for (char &c : text) {
        c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return text;
}

void append_number(std::string &text, char kind, size_t number)
{
    char digits[24];
    digits[0] = kind;
    char *end = std::to_chars(digits + 1, digits + sizeof(digits), number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    text.append(digits, end);
}

RedisLink *link_of(const redisAsyncContext *context) noexcept
{
    return static_cast<RedisLink *>(context->data);
}

}

RedisLink::RedisLink(const RedisAddress &address, std::string_view use, ngx_log_t *log)
    : address_(address), name_(std::string(view(address.name)).append(use)), second_(!use.empty()),
      outage_(second_ ? NGX_LOG_INFO : NGX_LOG_ERR), log_(log)
{
    timer_owner_.fd = static_cast<ngx_socket_t>(-1);
    timer_owner_.data = this;
    for (ngx_event_t *ev : {&deadline_, &reconnect_}) {
        ev->data = &timer_owner_;
        ev->log = log;
    }
    deadline_.handler = on_deadline;
    reconnect_.handler = on_reconnect;
    reconnect_.cancelable = 1;
    connect();
}

RedisLink::~RedisLink()
{
    closing_ = true;
    drop();
    for (ngx_event_t *ev : {&deadline_, &reconnect_}) {
        if (ev->timer_set) {
            ngx_del_timer(ev);
        }
    }
}

void RedisLink::connect()
{
    redisAsyncContext *context =
        address_.port == 0
            ? redisAsyncConnectUnix(reinterpret_cast<const char *>(address_.host.data))
            : redisAsyncConnect(reinterpret_cast<const char *>(address_.host.data), address_.port);
    if (context == nullptr) {
        went_down("out of memory");
        return;
    }
    if (context->err != 0) {
        std::string why = context->errstr != nullptr ? context->errstr : "cannot connect";
        redisAsyncFree(context);
        went_down(why.c_str());
        return;
    }
    if (!attach(context)) {
        redisAsyncFree(context);
        went_down("no free connection: worker_connections are not enough");
        return;
    }
    ngx_add_timer(&deadline_, address_.connect_timeout);
    // Setting the callback asks for the write event that tells that it is there.
    redisAsyncSetConnectCallback(context, on_connect);
    send_greeting();
}

bool RedisLink::attach(redisAsyncContext *context)
{
    ngx_connection_t *c = ngx_get_connection(context->c.fd, log_);
    if (c == nullptr) {
        return false;
    }
    if (second_ && address_.port != 0) {
        // What the kernel holds back looks sent, and its megabytes outlast a deadline.
        int most = piece;
        setsockopt(context->c.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
    }
    c->data = context;
    c->log = log_;
    c->read->log = log_;
    c->write->log = log_;
    c->read->handler = on_readable;
    c->write->handler = on_writable;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    context_ = context;
    context->data = this;
    context->ev.data = c;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = on_cleanup;
    return true;
}

/* Level-triggered: hiredis reads at most 16 KB an event and relies on being told
 * again of what is left. */
void RedisLink::add_read(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    if (c->read->active == 0) {
        ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}

void RedisLink::del_read(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    if (c->read->active != 0) {
        ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
}

/* What the requests of one turn of the event loop send goes out at its end, in one write.
 * Only what does not fit into the socket waits for it to be writable, and so does a
 * connection that is being made. */
void RedisLink::add_write(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    if ((context->c.flags & REDIS_CONNECTED) != 0 && !link_of(context)->writing_) {
        ngx_post_event(c->write, &ngx_posted_events);
    } else if (c->write->active == 0) {
        ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}

/* hiredis asks for it when it has nothing left to write. */
void RedisLink::del_write(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    link_of(static_cast<redisAsyncContext *>(c->data))->fed_ = 0;
    if (c->write->active != 0) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
}

/* nginx and hiredis both think that the descriptor is theirs; nginx closes it. */
void RedisLink::on_cleanup(void *data) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    RedisLink *link = link_of(context);
    link->context_ = nullptr;
    ngx_close_connection(c);
    context->c.fd = -1;
    context->ev.data = nullptr;
    link->forget_unsent();
    if (!link->closing_) {
        link->went_down(context->errstr != nullptr && *context->errstr != '\0'
                            ? context->errstr : "connection closed");
    }
}

void RedisLink::on_readable(ngx_event_t *ev) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    if (c->close != 0) {
        // worker_shutdown_timeout closes whatever is open.
        redisAsyncFree(context);
        return;
    }
    redisAsyncHandleRead(context);
}

void RedisLink::on_writable(ngx_event_t *ev) noexcept
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *context = static_cast<redisAsyncContext *>(c->data);
    RedisLink *link = link_of(context);
    link->writing_ = true;
    redisAsyncHandleWrite(context);
    link->writing_ = false;
    guarded(link->log_, "writing to redis", [link] {
        link->feed();
        return NGX_OK;
    });
}

/* Runs outside hiredis' own guard: nothing may be freed or closed here. */
void RedisLink::on_connect(const redisAsyncContext *context, int status) noexcept
{
    RedisLink *link = link_of(context);
    if (status == REDIS_OK && link->greetings_ == 0) {
        link->went_up();
    }
}

void RedisLink::went_up()
{
    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }
    connected_ = true;
    connections_++;
    ngx_uint_t level = second_ ? NGX_LOG_INFO : NGX_LOG_NOTICE;
    ngx_log_error(level, log_, 0, "redis %s: connected", name_.c_str());
    complained_ = false;
    locked_out_ = false;
    watch_oldest();
    if (backoff_ != 0) {
        std::string_view ping = "PING";
        send(&ping, 1, 0, [](const redisReply *) {});
    }
}

/* The link is up when all of it is granted: without, commands would be refused one by
 * one, or go to another database. */
void RedisLink::send_greeting()
{
    greetings_ = 0;
    bool sent = true;
    if (address_.user.len > 0) {
        sent = greet({"AUTH", view(address_.user), view(address_.password)});
    } else if (address_.password.len > 0) {
        sent = greet({"AUTH", view(address_.password)});
    }
    if (sent && address_.database > 0) {
        sent = greet({"SELECT", std::to_string(address_.database)});
    }
    if (!sent) {
        drop();
    }
}

bool RedisLink::greet(std::initializer_list<std::string_view> words)
{
    auto check = [this, what = *words.begin()](const redisReply *reply) {
        if (reply == nullptr) {
            return;
        }
        if (reply->type != REDIS_REPLY_ERROR) {
            if (--greetings_ == 0) {
                went_up();
            }
            return;
        }
        // Said though the outage has been: without this line nobody would find out.
        if (!locked_out_) {
            locked_out_ = true;
            complained_ = true;
            ngx_str_t command = as_ngx_str(what);
            ngx_log_error(outage_, log_, 0, "redis %s: %V refused: %s, retrying",
                          name_.c_str(), &command, readable(reply).c_str());
        }
        drop();
    };
    greetings_++;
    return send(words.begin(), words.size(), 0, check);
}

void RedisLink::went_down(const char *why)
{
    connected_ = false;
    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }
    schedule_reconnect();
    // An outage is one line when it begins and one when it ends.
    if (!complained_) {
        complained_ = true;
        ngx_log_error(outage_, log_, 0, "redis %s: %s, retrying", name_.c_str(), why);
    }
}

void RedisLink::schedule_reconnect()
{
    if (reconnect_.timer_set) {
        return;
    }
    backoff_ = std::clamp(backoff_ * 2, first_backoff, longest_backoff);
    // Jitter, so that the processes of a fleet do not come back all at once.
    ngx_msec_t jitter = static_cast<ngx_msec_t>(ngx_random()) % (backoff_ / 2 + 1);
    ngx_add_timer(&reconnect_, backoff_ / 2 + jitter);
}

void RedisLink::on_reconnect(ngx_event_t *ev) noexcept
{
    auto *link = static_cast<RedisLink *>(static_cast<ngx_connection_t *>(ev->data)->data);
    guarded(link->log_, "connecting to redis", [link] {
        link->connect();
        return NGX_OK;
    });
}

/* Frees the context, if there is one: every unanswered call gets a null reply. */
void RedisLink::drop()
{
    if (context_ != nullptr) {
        redisAsyncFree(context_);
    }
}

void RedisLink::on_deadline(ngx_event_t *ev) noexcept
{
    auto *link = static_cast<RedisLink *>(static_cast<ngx_connection_t *>(ev->data)->data);
    if (link->connected_ && !link->sent_.empty()
        && ngx_current_msec - link->sent_.front().moved < link->address_.timeout)
    {
        link->watch_oldest();
        return;
    }
    if (!link->complained_) {
        link->complained_ = true;
        ngx_log_error(NGX_LOG_ERR, link->log_, 0, "redis %s: no answer in %M ms, closing",
                      link->name_.c_str(),
                      link->connected_ ? link->address_.timeout : link->address_.connect_timeout);
    }
    link->drop();
}

/* The timer always ends at the deadline of a call that was the oldest once; when
 * it fires early it is set anew, so that a reply does not have to move it. */
void RedisLink::watch_oldest()
{
    if (!connected_) {
        return;                         // the timer is that of connecting
    }
    if (sent_.empty()) {
        if (deadline_.timer_set) {
            ngx_del_timer(&deadline_);
        }
        return;
    }
    if (!deadline_.timer_set) {
        ngx_msec_t waited = ngx_current_msec - sent_.front().moved;
        ngx_add_timer(&deadline_, address_.timeout - std::min(waited, address_.timeout - 1));
    }
}

void RedisLink::complain(const redisReply *reply)
{
    refused_++;
    if (ngx_time() == refused_at_) {
        return;
    }
    refused_at_ = ngx_time();
    ngx_log_error(NGX_LOG_ERR, log_, 0, "redis %s: refused %ui command(s): %s", name_.c_str(),
                  refused_, readable(reply).c_str());
    refused_ = 0;
}

bool RedisLink::call(const std::string_view *words, size_t count, Callback callback)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += words[i].size();
    }
    return room_for(bytes) && send(words, count, bytes, std::move(callback));
}

/* Nothing is sent before the turn of the event loop ends. */
bool RedisLink::send(const std::string_view *words, size_t count, size_t bytes, Callback callback)
{
    // The clock may be old: whoever calls may have computed for long.
    ngx_time_update();
    auto call = std::unique_ptr<Call>(new Call{this, bytes, std::move(callback)});
    if (bytes > piece || !unsent_.empty()) {
        send_in_pieces(words, count, std::move(call));
        return true;
    }
    return send_whole(words, count, call);
}

/* The beginning brings the callback along, and hiredis reads its name. */
bool RedisLink::put(std::unique_ptr<Call> &call, std::string_view bytes)
{
    if (context_ == nullptr) {
        return false;
    }
    if (call == nullptr) {
        // The newest: a large one may take as long as it needs while it moves.
        sent_.back().moved = ngx_current_msec;
        return redisAppendFormattedCommand(&context_->c, bytes.data(), bytes.size()) == REDIS_OK;
    }
    sent_.push_back({ngx_current_msec, ngx_current_msec});
    if (redisAsyncFormattedCommand(context_, on_reply, call.get(), bytes.data(), bytes.size())
        != REDIS_OK)
    {
        sent_.pop_back();
        return false;
    }
    static_cast<void>(call.release());      // on_reply() has it now
    return true;
}

/* Formatted here, in one buffer that is kept; what is long goes straight to hiredis, so
 * that it is copied once. */
bool RedisLink::send_whole(const std::string_view *words, size_t count, std::unique_ptr<Call> &call)
{
    size_t bytes = call->bytes;
    command_.clear();
    append_number(command_, '*', count);
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        append_number(command_, '$', words[i].size());
        if (words[i].size() >= long_word) {
            good = put(call, command_) && put(call, words[i]);
            command_.clear();
        } else {
            command_.append(words[i]);
        }
        command_.append("\r\n");
    }
    good = good && put(call, command_);
    if (call != nullptr) {
        return false;
    }
    in_flight_bytes_ += bytes;
    watch_oldest();
    if (!good) {
        drop();                         // half a command: Redis must not see it
    }
    return true;
}

/* hiredis moves all that it still has whenever the socket has taken some of it, which is
 * quadratic; and whoever copies megabytes holds up every other request. */
void RedisLink::send_in_pieces(const std::string_view *words, size_t count,
                               std::unique_ptr<Call> call)
{
    size_t bytes = call->bytes;
    Unsent command = {std::move(call), {}};
    std::string text;
    append_number(text, '*', count);
    for (size_t i = 0; i < count; i++) {
        append_number(text, '$', words[i].size());
        if (words[i].size() > piece) {
            command.parts.push_back({std::exchange(text, {}), words[i]});
        } else {
            text.append(words[i]);
        }
        text.append("\r\n");
    }
    command.parts.push_back({std::move(text), {}});
    unsent_.push_back(std::move(command));
    in_flight_bytes_ += bytes;
    feed();
}

/* Hands on a piece when the one before has left hiredis. */
void RedisLink::feed()
{
    if (unsent_.empty() || fed_ >= piece) {
        return;
    }
    bool good = true;
    writing_ = true;                    // to wait for the socket: others are due first
    while (good && !unsent_.empty() && fed_ < piece) {
        Unsent &command = unsent_.front();
        Unsent::Part &part = command.parts.front();
        if (!part.text.empty()) {
            good = put(command.call, part.text);
            fed_ += part.text.size();
            part.text.clear();
        } else {
            std::string_view next = part.word.substr(0, piece);
            good = put(command.call, next);
            fed_ += next.size();
            part.word.remove_prefix(next.size());
        }
        if (good && part.word.empty()) {
            command.parts.pop_front();
        }
        if (command.parts.empty()) {
            unsent_.pop_front();
        }
    }
    if (good && context_ != nullptr) {
        add_write(context_->ev.data);
    }
    writing_ = false;
    watch_oldest();
    if (!good) {
        drop();                         // half a command: Redis must not see it
    }
}

void RedisLink::settle(ngx_msec_t most)
{
    ngx_time_update();
    for (ngx_msec_t began = ngx_current_msec;
         connected_ && !sent_.empty() && ngx_current_msec - began < most; ngx_time_update())
    {
        on_writable(static_cast<ngx_connection_t *>(context_->ev.data)->write);
        if (!connected_) {
            return;                     // writing found it closed
        }
        pollfd ready = {context_->c.fd, POLLIN, 0};
        if (::poll(&ready, 1, 5) > 0) {
            redisAsyncHandleRead(context_);
        }
    }
}

/* The connection is gone. */
void RedisLink::forget_unsent()
{
    fed_ = 0;
    for (Unsent &command : std::exchange(unsent_, {})) {
        if (command.call == nullptr) {
            continue;                   // on_reply() has had it
        }
        in_flight_bytes_ -= command.call->bytes;
        if (!closing_) {
            guarded(log_, "giving up a command of redis", [&] {
                command.call->callback(nullptr);
                return NGX_OK;
            });
        }
    }
}

void RedisLink::on_reply(redisAsyncContext *, void *reply, void *data) noexcept
{
    std::unique_ptr<Call> call(static_cast<Call *>(data));
    RedisLink *link = call->link;
    const auto *answer = static_cast<const redisReply *>(reply);
    if (answer != nullptr && answer->type != REDIS_REPLY_ERROR) {
        // Not when it connects: a server with no place for us accepts, and closes.
        link->backoff_ = 0;
    }
    link->in_flight_bytes_ -= call->bytes;
    link->latency_ = ngx_current_msec - link->sent_.front().begun;
    link->sent_.pop_front();
    if (link->sent_.empty() && link->half_sent()) {
        // Redis will not read the rest, and closes; whoever called lets go of it now.
        link->unsent_.pop_front();
        link->drop();
    }
    link->watch_oldest();
    if (link->closing_) {
        return;                         // the process ends: nobody waits any more
    }
    guarded(link->log_, "taking an answer of redis", [&] {
        call->callback(answer);
        return NGX_OK;
    });
}

}
