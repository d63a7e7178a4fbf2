/*
 * A blocking connection to Redis: the only user of hiredis outside nginx. Owned by
 * one thread. Commands throw RedisError when the connection is of no more use; an
 * error that Redis answers is a reply like any other, for the caller to judge.
 */

#ifndef ERRTRACK_WORKER_REDIS_HPP
#define ERRTRACK_WORKER_REDIS_HPP

#include <hiredis/hiredis.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* The connection is gone, or could not be made: trying again may help. */
class RedisError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* Redis understood a command and will not do it: it is full, or read only. The
 * connection is good. */
class RedisRefusal : public RedisError {
public:
    using RedisError::RedisError;
};

/* The settings cannot work: trying again does not help. */
class RedisSettingsError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct RedisSettings {
    std::string address;            /* host:port, [address]:port or unix:/path */
    std::string password_file;      /* may be empty */
    int database = 0;
};

class RedisReply {
public:
    explicit RedisReply(redisReply *reply) : reply_(reply) {}

    const redisReply *operator->() const noexcept { return reply_.get(); }
    const redisReply &operator*() const noexcept { return *reply_; }
    bool is_error() const noexcept { return reply_->type == REDIS_REPLY_ERROR; }
    bool is_error(std::string_view prefix) const noexcept
    {
        return is_error() && text().substr(0, prefix.size()) == prefix;
    }
    std::string_view text() const noexcept { return text_of(*reply_); }

    /* Empty for what is no text. */
    static std::string_view text_of(const redisReply &reply) noexcept
    {
        bool text = reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS
                    || reply.type == REDIS_REPLY_ERROR;
        return text ? std::string_view(reply.str, reply.len) : std::string_view();
    }

private:
    struct Free {
        void operator()(redisReply *reply) const noexcept { freeReplyObject(reply); }
    };
    std::unique_ptr<redisReply, Free> reply_;
};

class Redis {
public:
    /* Connects, authenticates, selects; may throw RedisSettingsError. Every command must be answered within
     * seconds, which has to be longer than any command blocks. */
    Redis(const RedisSettings &settings, int seconds);

    RedisReply command(const std::vector<std::string_view> &words);

    /* The same, but an error reply is thrown, as RedisRefusal. */
    RedisReply must(const std::vector<std::string_view> &words);

private:
    [[noreturn]] void fail(std::string_view why) const;

    struct Free {
        void operator()(redisContext *context) const noexcept { redisFree(context); }
    };
    std::string address_;
    std::unique_ptr<redisContext, Free> context_;
};

}

#endif
