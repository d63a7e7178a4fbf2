/*
 * civetweb without a folder to serve: every request is answered here, or refused.
 */

#include "worker/listener.hpp"

#include <civetweb.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace errtrack {
namespace {

bool is_port(const std::string &digits)
{
    return digits.size() <= 5 && std::stoi(digits) > 0 && std::stoi(digits) <= 65535;
}

/* A list or a suffix would mean more to civetweb. */
void check_address(const std::string &address)
{
    std::size_t colon = std::min(address.rfind(':'), address.size());
    std::string host = address.substr(0, colon);
    std::string port = address.substr(std::min(colon + 1, address.size()));
    bool number = !port.empty() && port.find_first_not_of("0123456789") == std::string::npos;
    bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (host.empty() || !number || host.find_first_of(", ") != std::string::npos
        || (!brackets && host.find_first_of("[]:") != std::string::npos))
    {
        throw ListenerError("the address to listen at is host:port");
    }
    if (!is_port(port)) {
        throw ListenerError("port " + port + " is out of range: use 1 to 65535");
    }
}

void send(mg_connection *connection, const Listener::Answer &answer, bool body)
{
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " "
                       + mg_get_response_code_text(connection, answer.status)
                       + "\r\nContent-Type: " + answer.type
                       + "\r\nContent-Length: " + std::to_string(answer.body.size())
                       + "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
    if (body) {
        text += answer.body;
    }
    mg_write(connection, text.data(), text.size());
}

}

Listener::Listener(const std::string &address, Routes routes)
    : routes_(std::move(routes)), starter_(std::this_thread::get_id())
{
    check_address(address);
    const char *options[] = {"listening_ports", address.c_str(), "num_threads", "4",
                             "request_timeout_ms", "5000", "enable_keep_alive", "no", nullptr};
    mg_callbacks callbacks = {};
    callbacks.begin_request = on_request;
    callbacks.log_message = on_message;
    context_.reset(mg_start(&callbacks, this, options));
    if (context_ == nullptr) {
        throw ListenerError("cannot listen at " + address + ": " + complaint_);
    }
}

int Listener::on_request(mg_connection *connection) noexcept
{
    const mg_request_info *request = mg_get_request_info(connection);
    const auto *self = static_cast<const Listener *>(request->user_data);
    std::string_view method = request->request_method;
    const char *path = request->local_uri;
    auto route = self->routes_.find(std::string_view(path == nullptr ? "" : path));
    if (route == self->routes_.end()) {
        send(connection, {404, "text/plain", "not found\n"}, true);
    } else if (method != "GET" && method != "HEAD") {
        send(connection, {405, "text/plain", "GET\n"}, true);
    } else {
        send(connection, route->second(), method == "GET");
    }
    return 1;
}

int Listener::on_message(const mg_connection *connection, const char *message) noexcept
{
    const mg_context *context = mg_get_context(connection);
    auto *self = static_cast<Listener *>(context == nullptr ? nullptr : mg_get_user_data(context));
    // The others are about what clients do, and are of no interest.
    if (self != nullptr && std::this_thread::get_id() == self->starter_ && self->complaint_.empty()) {
        self->complaint_ = message;
    }
    return 1;
}

void Listener::Stop::operator()(mg_context *context) const noexcept
{
    mg_stop(context);
}

}
