/*
 * HTTP for who watches: the only user of civetweb. Answers GET of a few fixed paths, from
 * threads of its own. For loopback or a network of the operator's, not for the public.
 */

#ifndef ERRTRACK_WORKER_LISTENER_HPP
#define ERRTRACK_WORKER_LISTENER_HPP

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

struct mg_connection;
struct mg_context;

namespace errtrack {

/* The address cannot be listened at. */
class ListenerError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Listener {
public:
    struct Answer {
        int status = 200;
        const char *type = "text/plain";
        std::string body;
    };
    /* Called by any of the threads, several at a time; must not throw. */
    using Routes = std::map<std::string, std::function<Answer()>, std::less<>>;

    /* address: host:port or [host]:port. Throws ListenerError. */
    Listener(const std::string &address, Routes routes);

private:
    static int on_request(mg_connection *connection) noexcept;
    static int on_message(const mg_connection *connection, const char *message) noexcept;

    struct Stop {
        void operator()(mg_context *context) const noexcept;
    };
    const Routes routes_;
    const std::thread::id starter_;     /* the one thread that writes: */
    std::string complaint_;             /* why it cannot be started */
    std::unique_ptr<mg_context, Stop> context_;
};

}

#endif
