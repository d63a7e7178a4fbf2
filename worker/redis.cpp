/*
 * Connecting, and the one way in which commands are sent.
 */

#include "worker/redis.hpp"

#include "worker/secret_file.hpp"

#include <csignal>

namespace errtrack {
namespace {

constexpr timeval connect_patience = {2, 0};
constexpr std::string_view unix_prefix = "unix:";

redisContext *connect(const std::string &address)
{
    if (address.rfind(unix_prefix, 0) == 0) {
        return redisConnectUnixWithTimeout(address.c_str() + unix_prefix.size(),
                                           connect_patience);
    }
    std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    if (host.empty() || port.empty() || port.size() > 5
        || port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65535)
    {
        throw RedisSettingsError("the address of Redis is host:port or unix:/path");
    }
    return redisConnectWithTimeout(host.c_str(), std::stoi(port), connect_patience);
}

}

Redis::Redis(const RedisSettings &settings, int seconds) : address_(settings.address)
{
    // hiredis writes with write(), which kills the process when the peer is gone.
    std::signal(SIGPIPE, SIG_IGN);
    context_.reset(connect(settings.address));
    if (context_ == nullptr) {
        fail("out of memory");
    }
    if (context_->err != 0) {
        fail(context_->errstr);
    }
    redisSetTimeout(context_.get(), timeval{seconds, 0});
    if (!settings.password_file.empty()) {
        std::string password = read_secret(settings.password_file);
        if (password.empty()) {
            throw RedisSettingsError("cannot read a password from " + settings.password_file);
        }
        must({"AUTH", password});
    }
    if (settings.database != 0) {
        must({"SELECT", std::to_string(settings.database)});
    }
}

RedisReply Redis::command(const std::vector<std::string_view> &words)
{
    std::vector<const char *> arguments;
    std::vector<std::size_t> lengths;
    arguments.reserve(words.size());
    lengths.reserve(words.size());
    for (std::string_view word : words) {
        arguments.push_back(word.data());
        lengths.push_back(word.size());
    }
    auto *reply = static_cast<redisReply *>(redisCommandArgv(
        context_.get(), static_cast<int>(words.size()), arguments.data(), lengths.data()));
    if (reply == nullptr) {
        fail(context_->errstr);
    }
    return RedisReply(reply);
}

RedisReply Redis::must(const std::vector<std::string_view> &words)
{
    RedisReply reply = command(words);
    if (reply.is_error()) {
        throw RedisRefusal("Redis at " + address_ + ": " + std::string(reply.text()));
    }
    return reply;
}

void Redis::fail(std::string_view why) const
{
    throw RedisError("Redis at " + address_ + ": " + std::string(why));
}

}
