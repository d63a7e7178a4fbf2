/* An HTTP server on loopback, of a test: what it answers is the test's to say. */

#ifndef ERRTRACK_T_UNIT_LOOPBACK_SERVER_HPP
#define ERRTRACK_T_UNIT_LOOPBACK_SERVER_HPP

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

struct LoopbackRequest {
    std::string method;
    std::string path;                           /* without the parameters */
    std::map<std::string, std::string> parameters;      /* as they are sent */
    std::map<std::string, std::string> headers; /* by names in small letters */
    std::string body;
};

struct LoopbackAnswer {
    int status = 200;
    std::string body;
    std::vector<std::string> headers = {};      /* "Name: value" */
};

/* One request after the other, each over a connection of its own. */
class LoopbackServer {
public:
    using Handler = std::function<LoopbackAnswer(const LoopbackRequest &)>;

    explicit LoopbackServer(Handler handler) : handler_(std::move(handler))
    {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        auto *any = reinterpret_cast<sockaddr *>(&address);
        if (listener_ < 0 || bind(listener_, any, length) != 0 || listen(listener_, 16) != 0
            || getsockname(listener_, any, &length) != 0 || pipe(wake_) != 0)
        {
            throw std::runtime_error("cannot listen on loopback");
        }
        origin_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { serve(); });
    }

    ~LoopbackServer()
    {
        close(wake_[1]);
        thread_.join();
        close(wake_[0]);
        close(listener_);
    }

    LoopbackServer(const LoopbackServer &) = delete;
    LoopbackServer &operator=(const LoopbackServer &) = delete;

    const std::string &origin() const { return origin_; }

    /* "POST /path" of all requests so far, and forgets them. */
    std::vector<std::string> take_log()
    {
        std::lock_guard lock(mutex_);
        return std::exchange(log_, {});
    }

private:
    bool wait_for(int socket)
    {
        pollfd sockets[] = {{socket, POLLIN, 0}, {wake_[0], POLLIN, 0}};
        return poll(sockets, 2, -1) > 0 && sockets[1].revents == 0;
    }

    void serve()
    {
        while (wait_for(listener_)) {
            int connection = accept(listener_, nullptr, nullptr);
            std::string text;
            while (!complete(text) && wait_for(connection)) {
                char buffer[16384];
                ssize_t n = recv(connection, buffer, sizeof(buffer), 0);
                if (n <= 0) {
                    break;
                }
                text.append(buffer, static_cast<std::size_t>(n));
            }
            if (complete(text)) {
                answer(connection, text);
            }
            close(connection);
        }
    }

    static bool complete(const std::string &text)
    {
        std::size_t end = text.find("\r\n\r\n");
        return end != text.npos && text.size() >= end + 4 + length_of(parse(text));
    }

    static std::size_t length_of(const LoopbackRequest &request)
    {
        auto length = request.headers.find("content-length");
        return length == request.headers.end() ? 0 : std::stoul(length->second);
    }

    static LoopbackRequest parse(const std::string &text)
    {
        LoopbackRequest request;
        std::size_t end = text.find("\r\n\r\n");
        std::size_t line = text.find("\r\n");
        std::string target = text.substr(text.find(' ') + 1, text.rfind(' ', line) - text.find(' ') - 1);
        request.method = text.substr(0, text.find(' '));
        request.path = target.substr(0, target.find('?'));
        for (std::size_t at = target.find('?'); at != target.npos; at = target.find('&', at + 1)) {
            std::string pair = target.substr(at + 1, target.find('&', at + 1) - at - 1);
            request.parameters[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
        }
        while (line < end) {
            std::size_t begin = line + 2;
            line = text.find("\r\n", begin);
            std::size_t colon = text.find(':', begin);
            std::string name = text.substr(begin, colon - begin);
            for (char &c : name) {
                c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            }
            request.headers[name] = text.substr(colon + 2, line - colon - 2);
        }
        request.body = text.substr(end + 4);
        return request;
    }

    void answer(int connection, const std::string &text)
    {
        LoopbackRequest request = parse(text);
        {
            std::lock_guard lock(mutex_);
            log_.push_back(request.method + " " + request.path);
        }
        LoopbackAnswer answer = handler_(request);
        std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\nConnection: close\r\nContent-Length: "
                          + std::to_string(answer.body.size()) + "\r\n";
        for (const std::string &header : answer.headers) {
            out += header + "\r\n";
        }
        out += "\r\n" + answer.body;
        for (std::size_t sent = 0; sent < out.size();) {
            ssize_t n = send(connection, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            sent += static_cast<std::size_t>(n);
        }
        shutdown(connection, SHUT_WR);
    }

    const Handler handler_;
    const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int wake_[2] = {-1, -1};
    std::string origin_;
    std::mutex mutex_;
    std::vector<std::string> log_;
    std::thread thread_;
};

#endif
