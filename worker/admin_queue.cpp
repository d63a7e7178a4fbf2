/*
 * The few questions that "errtrack status" has for Redis, asked one after the
 * other over one connection that is closed at once.
 */

#include "worker/admin_queue.hpp"

#include <csignal>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

#include "worker/admin_database.hpp"
#include "worker/entry.hpp"

namespace errtrack {

namespace {

constexpr timeval patience = {5, 0};
constexpr std::string_view consumer_group = "workers";

struct FreeRedis {
    void operator()(redisContext *context) const { redisFree(context); }
    void operator()(redisReply *reply) const { freeReplyObject(reply); }
};

using Context = std::unique_ptr<redisContext, FreeRedis>;
using Reply = std::unique_ptr<redisReply, FreeRedis>;

class QueueReader {
public:
    QueueReader(const std::string &address, const std::string &password_file) : address_(address)
    {
        // Hiredis writes with write(), which kills the process when the peer is gone.
        std::signal(SIGPIPE, SIG_IGN);
        context_.reset(connect());
        if (context_ == nullptr) {
            fail("out of memory");
        }
        if (context_->err != 0) {
            fail(context_->errstr);
        }
        redisSetTimeout(context_.get(), patience);
        if (!password_file.empty()) {
            ask({"AUTH", read_password(password_file)});
        }
    }

    std::string length(const std::string &stream)
    {
        return std::to_string(ask({"XLEN", stream})->integer);
    }

    /* Empty while the stream or its group has not been made. */
    std::string pending(const std::string &stream)
    {
        Reply reply = send({"XPENDING", stream, consumer_group});
        if (reply->type == REDIS_REPLY_ERROR
            && std::strncmp(reply->str, "NOGROUP", std::strlen("NOGROUP")) == 0) {
            return {};
        }
        check(*reply);
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
            fail("an answer to XPENDING that is not understood");
        }
        return std::to_string(reply->element[0]->integer);
    }

    std::string generation()
    {
        Reply reply = ask({"HGET", keys_hash, keys_marker});
        return reply->type == REDIS_REPLY_STRING ? std::string(reply->str, reply->len)
                                                 : std::string();
    }

private:
    redisContext *connect() const
    {
        if (address_.rfind("unix:", 0) == 0) {
            return redisConnectUnixWithTimeout(address_.c_str() + std::strlen("unix:"), patience);
        }
        std::size_t colon = address_.rfind(':');
        std::string host = address_.substr(0, colon);
        std::string port = colon == std::string::npos ? "" : address_.substr(colon + 1);
        if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
            host = host.substr(1, host.size() - 2);
        }
        if (host.empty() || port.empty() || port.size() > 5
            || port.find_first_not_of("0123456789") != std::string::npos
            || std::stoi(port) > 65535) {
            throw Failure(Exit::refused, "the address of Redis is host:port or unix:/path");
        }
        return redisConnectWithTimeout(host.c_str(), std::stoi(port), patience);
    }

    std::string read_password(const std::string &path) const
    {
        std::ifstream file(path);
        std::string password;
        if (!std::getline(file, password) || password.empty()) {
            throw Failure(Exit::refused, "cannot read a password from " + path);
        }
        if (password.back() == '\r') {
            password.pop_back();
        }
        return password;
    }

    Reply send(std::initializer_list<std::string_view> words)
    {
        std::vector<const char *> arguments;
        std::vector<std::size_t> lengths;
        for (std::string_view word : words) {
            arguments.push_back(word.data());
            lengths.push_back(word.size());
        }
        Reply reply(static_cast<redisReply *>(redisCommandArgv(
            context_.get(), static_cast<int>(words.size()), arguments.data(), lengths.data())));
        if (reply == nullptr) {
            fail(context_->errstr);
        }
        return reply;
    }

    Reply ask(std::initializer_list<std::string_view> words)
    {
        Reply reply = send(words);
        check(*reply);
        return reply;
    }

    void check(const redisReply &reply) const
    {
        if (reply.type == REDIS_REPLY_ERROR) {
            fail(std::string(reply.str, reply.len));
        }
    }

    [[noreturn]] void fail(const std::string &why) const
    {
        throw Failure(Exit::refused, "Redis at " + address_ + ": " + why);
    }

    std::string address_;
    Context context_;
};

}

QueueStatus read_queue_status(const std::string &address, const std::string &password_file)
{
    QueueReader reader(address, password_file);
    QueueStatus status;
    status.events_waiting = reader.length(stream_key(0, false));
    status.events_pending = reader.pending(stream_key(0, false));
    status.large_waiting = reader.length(stream_key(0, true));
    status.large_pending = reader.pending(stream_key(0, true));
    status.keys_generation = reader.generation();
    return status;
}

}
