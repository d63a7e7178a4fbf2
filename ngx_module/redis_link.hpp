/*
 * The Redis connections of an nginx worker process, on nginx's own event loop: the only
 * user of hiredis here. Commands of all requests share one and are pipelined; answers
 * come in order. So large reports have one of their own, or what is small would wait for
 * megabytes. It belongs to the process, not to a request: a request that ends first only
 * lets go of its call.
 *
 * States: down (waiting to reconnect), connecting and connected. While it is down a
 * call is refused at once, and the client is told so. Calls made while it connects
 * wait for that: a process that nginx has just started refuses nobody.
 *
 * In a process that quits the link stays: requests may still come on connections that
 * were accepted. It holds nothing back, having no timer when nothing is in flight,
 * and is closed when the process exits.
 *
 * hiredis 0.14 has no timers, so there are two here: one for connecting and one
 * for the oldest unanswered call. Answers are matched by order, so a call that is
 * late cannot be skipped: the link is dropped, and every call gets a null reply,
 * which means "unknown".
 */

#ifndef ERRTRACK_NGX_MODULE_REDIS_LINK_HPP
#define ERRTRACK_NGX_MODULE_REDIS_LINK_HPP

#include "ngx_module/ngx.hpp"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Where Redis is. Filled while nginx reads its configuration; no names are
 * resolved later. Lives in the configuration pool. */
struct RedisAddress {
    ngx_str_t name;         /* as configured, for logs */
    ngx_str_t host;         /* literal address, or path of a socket; terminated */
    in_port_t port;         /* 0 for a socket */
    ngx_int_t database;
    ngx_str_t user;         /* of an ACL; empty: the default user */
    ngx_str_t password;     /* empty: none */
    ngx_msec_t connect_timeout;
    ngx_msec_t timeout;     /* for the oldest unanswered call, and each piece of it */
    size_t buffer;          /* bytes of unanswered commands before calls are refused */
};

/* Directive setters; conf points at the RedisAddress. */
char *set_redis_address(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *set_redis_password_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

class RedisLink {
public:
    /* Gets the reply, or null when it is not known whether the command was done. Runs
     * on the event loop and must not throw. */
    using Callback = std::function<void(const redisReply *)>;

    /* use: what it is for, in logs; empty: the first of a process. */
    RedisLink(const RedisAddress &address, std::string_view use, ngx_log_t *log);
    ~RedisLink();
    RedisLink(const RedisLink &) = delete;
    RedisLink &operator=(const RedisLink &) = delete;

    /* Connecting or connected. */
    bool up() const noexcept { return context_ != nullptr; }

    /* Connected and logged in. */
    bool connected() const noexcept { return connected_; }

    /* Whether an answer may be expected soon: what is on its way has not waited for long,
     * and is not much. A process that has just started may connect meanwhile; after an
     * outage Redis has to have answered once, since it may accept and stay mute. */
    bool prompt() const noexcept
    {
        return up() && backoff_ == 0 && in_flight_bytes_ <= address_.buffer / 2
               && (sent_.empty() || ngx_current_msec - sent_.front().begun < patience);
    }

    /* How often that has come about: what Redis had is certain only while it stays. */
    ngx_uint_t connections() const noexcept { return connections_; }

    size_t in_flight() const noexcept { return in_flight_bytes_; }

    /* How long the last answer took, in milliseconds. */
    ngx_msec_t latency() const noexcept { return latency_; }

    /* Logs that Redis refused a command: at once, then once a second with a count. */
    void complain(const redisReply *reply);

    /* Whether a command of this size can be taken now. One that is larger than the buffer
     * can when nothing else is on its way, or it never could. */
    bool room_for(size_t bytes) const noexcept
    {
        return up() && (in_flight_bytes_ == 0 || in_flight_bytes_ + bytes <= address_.buffer);
    }

    /*
     * Sends a command. False: refused, the callback is dropped and was not called.
     * True: the callback runs exactly once. A word of more than a piece is not copied at
     * once: it must stay where it is until then. An error may come before all is sent.
     */
    bool call(std::initializer_list<std::string_view> words, Callback callback)
    {
        return call(words.begin(), words.size(), std::move(callback));
    }
    bool call(const std::vector<std::string_view> &words, Callback callback)
    {
        return call(words.data(), words.size(), std::move(callback));
    }

    /* For a process that ends, whose event loop runs no more: sends what is there and takes
     * answers until all have come, so long at most. */
    void settle(ngx_msec_t most);

private:
    static constexpr ngx_msec_t patience = 250;

    /* Bytes of a command from which on it is handed to hiredis in pieces of that size. */
    static constexpr size_t piece = 256 * 1024;

    struct Call {
        RedisLink *link;
        size_t bytes;
        Callback callback;
    };

    /* When an unanswered call was begun, and when hiredis got the last of it so far. */
    struct Sent {
        ngx_msec_t begun;
        ngx_msec_t moved;
    };

    /* A command of which hiredis does not have all. */
    struct Unsent {
        struct Part {
            std::string text;
            std::string_view word;          /* comes after it */
        };
        std::unique_ptr<Call> call;         /* null: hiredis has the beginning */
        std::deque<Part> parts;
    };

    void connect();
    bool attach(redisAsyncContext *context);
    void send_greeting();
    bool greet(std::initializer_list<std::string_view> words);
    bool call(const std::string_view *words, size_t count, Callback callback);
    bool send(const std::string_view *words, size_t count, size_t bytes, Callback callback);
    bool send_whole(const std::string_view *words, size_t count, std::unique_ptr<Call> &call);
    void send_in_pieces(const std::string_view *words, size_t count, std::unique_ptr<Call> call);
    bool put(std::unique_ptr<Call> &call, std::string_view piece);
    void feed();
    bool half_sent() const noexcept { return !unsent_.empty() && unsent_.front().call == nullptr; }
    void forget_unsent();
    void went_up();
    void went_down(const char *why);
    void drop();
    void schedule_reconnect();
    void watch_oldest();

    static void on_connect(const redisAsyncContext *context, int status) noexcept;
    static void on_reply(redisAsyncContext *context, void *reply, void *data) noexcept;
    static void on_readable(ngx_event_t *ev) noexcept;
    static void on_writable(ngx_event_t *ev) noexcept;
    static void on_deadline(ngx_event_t *ev) noexcept;
    static void on_reconnect(ngx_event_t *ev) noexcept;
    static void add_read(void *data) noexcept;
    static void del_read(void *data) noexcept;
    static void add_write(void *data) noexcept;
    static void del_write(void *data) noexcept;
    static void on_cleanup(void *data) noexcept;

    const RedisAddress address_;
    const std::string name_;                /* of it in logs */
    const bool second_;
    const ngx_uint_t outage_;               /* its level in the log: the first one tells of it */
    ngx_log_t *log_;
    redisAsyncContext *context_ = nullptr;  /* null while there is no socket */
    ngx_connection_t timer_owner_ = {};     /* debug logs of timers read its descriptor */
    ngx_event_t deadline_ = {};             /* ordinary: work in flight holds the process */
    ngx_event_t reconnect_ = {};            /* cancelable: an idle link does not */
    ngx_msec_t backoff_ = 0;
    ngx_msec_t latency_ = 0;
    std::string command_;                   /* what of one is not long */
    std::deque<Sent> sent_;                 /* the unanswered calls, oldest first */
    size_t in_flight_bytes_ = 0;
    std::deque<Unsent> unsent_;
    size_t fed_ = 0;                        /* bytes of pieces that have not left hiredis */
    time_t refused_at_ = 0;
    ngx_uint_t refused_ = 0;                /* since then, not logged */
    ngx_uint_t connections_ = 0;
    ngx_uint_t greetings_ = 0;              /* commands of the greeting not yet answered */
    bool connected_ = false;
    bool closing_ = false;
    bool writing_ = false;                  /* hiredis is */
    bool complained_ = false;               /* the present outage has been logged */
    bool locked_out_ = false;               /* so has that Redis does not let us in */
};

/* Both of a process. Each may have the buffer of the address in flight: what requests hold
 * of it together is bounded before. */
struct RedisLinks {
    RedisLink main;         /* small reports, and all that is no report */
    RedisLink large;        /* reports larger than large_body (worker/entry.hpp) */

    RedisLinks(const RedisAddress &address, ngx_log_t *log)
        : main(address, "", log), large(address, " for large reports", log) {}

    RedisLink &of(bool large_report) noexcept { return large_report ? large : main; }
};

}

#endif
