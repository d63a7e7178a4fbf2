/*
 * A request to a server of somebody else, and the form that its parts have to have. What
 * people configure SQL has checked when they did, in the same words (sql/api/091_faults.sql;
 * t/faults.jsonl holds both to it); where an address leads is a matter of address_guard.hpp,
 * when it is connected to. Pure.
 */

#ifndef ERRTRACK_WORKER_WEB_REQUEST_HPP
#define ERRTRACK_WORKER_WEB_REQUEST_HPP

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

inline constexpr std::size_t most_url = 2048;

/* How long a server may take, in all and in parts of it. */
struct WebBounds {
    std::chrono::milliseconds connect{5'000};   /* name, connection and TLS together */
    std::chrono::seconds quiet{10};             /* with next to nothing received or sent */
    std::chrono::milliseconds total{30'000};
};

struct WebRequest {
    enum class Method { get, post, put, patch };

    /* What to do with an answer whose body is longer than most_answer. */
    enum class Excess {
        cut,                        /* only the status matters: take what fits, and hang up */
        refuse                      /* it is to be read: a part of it is worth nothing */
    };

    Method method = Method::get;
    std::string url;
    std::vector<std::string> headers;   /* "Name: value" */
    std::string body;                   /* of all methods but get; a form unless a Content-Type says else */
    WebBounds bounds;
    std::size_t most_answer = 64 * 1024;
    Excess excess = Excess::cut;
    bool guarded = true;                /* false: the operator named the server, wherever it is */
};

/* What is wrong with the address of a web server, and what to do; empty when it is one: http
 * or https, a host, no user, no odd characters, at most most_url bytes. */
std::string url_fault(std::string_view url);

/* The same of the address of a mail server: smtp://host or smtps://host, with a port or
 * without. */
std::string mail_server_fault(std::string_view url);

/* The same of a header line that people add to requests: "Name: value", one line of ASCII, and
 * none of those that say how the request is sent. */
std::string header_fault(std::string_view line);

}

#endif
