/*
 * A server on loopback for the tests of what asks servers: it does with each connection what a
 * test says, in a thread of its own, and counts them.
 */

#ifndef ERRTRACK_T_UNIT_WEB_SERVER_HPP
#define ERRTRACK_T_UNIT_WEB_SERVER_HPP

#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace errtrack {

/* A key, and a certificate for localhost and 127.0.0.1 that is signed with it: nobody trusts
 * it who does not name its file. */
class Certificate {
public:
    Certificate()
    {
        std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
        std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), &X509_free);
        X509_set_version(made.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
        X509_set_pubkey(made.get(), key.get());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char *>("localhost"), -1, -1, 0);
        X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
        X509_EXTENSION *names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                                                    "DNS:localhost,IP:127.0.0.1");
        X509_add_ext(made.get(), names, -1);
        X509_EXTENSION_free(names);
        X509_sign(made.get(), key.get(), EVP_sha256());
        SSL_CTX_use_certificate(context_.get(), made.get());
        SSL_CTX_use_PrivateKey(context_.get(), key.get());
        int file = mkstemp(file_.data());
        std::unique_ptr<std::FILE, decltype(&std::fclose)> out(fdopen(file, "w"), &std::fclose);
        PEM_write_X509(out.get(), made.get());
    }

    ~Certificate() { unlink(file_.c_str()); }
    Certificate(const Certificate &) = delete;
    Certificate &operator=(const Certificate &) = delete;

    const std::string &file() const { return file_; }
    SSL_CTX *context() const { return context_.get(); }

private:
    std::string file_ = testing::TempDir() + "certificate-XXXXXX";
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
};

/* One connection, as the server sees it. */
class Peer {
public:
    explicit Peer(int socket) : socket_(socket) {}

    /* False: the client does not go along. */
    bool start_tls(const Certificate &certificate)
    {
        tls_.reset(SSL_new(certificate.context()));
        SSL_set_fd(tls_.get(), socket_);
        return SSL_accept(tls_.get()) == 1;
    }

    /* All up to this, and with it; what came before the client closed otherwise. */
    std::string read_until(std::string_view end)
    {
        while (ahead_.find(end) == ahead_.npos && more()) {
        }
        std::size_t at = ahead_.find(end);
        return take(at == ahead_.npos ? ahead_.size() : at + end.size());
    }

    std::string read_bytes(std::size_t count)
    {
        while (ahead_.size() < count && more()) {
        }
        return take(std::min(count, ahead_.size()));
    }

    /* False: the client has closed. */
    bool write(std::string_view text)
    {
        while (!text.empty()) {
            ssize_t sent = tls_ ? SSL_write(tls_.get(), text.data(), static_cast<int>(text.size()))
                                : ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /* Until the client closes, or for that long: true when it has. */
    bool closed_within(int milliseconds) const
    {
        pollfd wait = {socket_, POLLIN | POLLRDHUP, 0};
        return poll(&wait, 1, milliseconds) > 0;
    }

    void wait_until_closed()
    {
        while (more()) {
        }
    }

private:
    bool more()
    {
        char bytes[4096];
        ssize_t length = tls_ ? SSL_read(tls_.get(), bytes, sizeof(bytes)) : ::recv(socket_, bytes, sizeof(bytes), 0);
        if (length > 0) {
            ahead_.append(bytes, static_cast<std::size_t>(length));
        }
        return length > 0;
    }

    std::string take(std::size_t count)
    {
        std::string taken = ahead_.substr(0, count);
        ahead_.erase(0, count);
        return taken;
    }

    const int socket_;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
    std::string ahead_;
};

class WebServer {
public:
    using Talk = std::function<void(Peer &)>;

    explicit WebServer(Talk talk) : talk_(std::move(talk))
    {
        std::signal(SIGPIPE, SIG_IGN);
        // The same port for both families; one that others have on one of them is left to them.
        while (!listen_at_any_port()) {
        }
        acceptor_ = std::thread([this] { accept_all(); });
    }

    ~WebServer()
    {
        eventfd_write(stop_, 1);
        acceptor_.join();
        for (int socket : sockets_) {
            shutdown(socket, SHUT_RDWR);
        }
        for (std::thread &thread : threads_) {
            thread.join();
        }
        for (int socket : sockets_) {
            close(socket);
        }
        for (int socket : {ipv4_, ipv6_, stop_}) {
            close(socket);
        }
    }

    WebServer(const WebServer &) = delete;
    WebServer &operator=(const WebServer &) = delete;

    std::string port() const { return std::to_string(port_); }
    std::string url(const std::string &path = "/") const { return "http://127.0.0.1:" + port() + path; }
    unsigned connections() const { return connections_; }

    /* What a talk wants to be known, and waiting for it. */
    void tell(const std::string &text)
    {
        std::lock_guard lock(mutex_);
        told_ += text;
        changed_.notify_all();
    }

    std::string told()
    {
        std::lock_guard lock(mutex_);
        return told_;
    }

    void wait_for_word(const std::string &word)
    {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(5),
                                      [&] { return told_.find(word) != told_.npos; })) << told_;
    }

private:
    bool listen_at_any_port()
    {
        sockaddr_in ipv4 = {};
        ipv4.sin_family = AF_INET;
        ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(ipv4);
        sockaddr_in6 ipv6 = {};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_addr = in6addr_loopback;
        int only = 1;
        setsockopt(ipv6_, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
        bool first = bind(ipv4_, reinterpret_cast<sockaddr *>(&ipv4), sizeof(ipv4)) == 0 && listen(ipv4_, 16) == 0
                     && getsockname(ipv4_, reinterpret_cast<sockaddr *>(&ipv4), &length) == 0;
        port_ = ntohs(ipv4.sin_port);
        ipv6.sin6_port = ipv4.sin_port;
        bool second = bind(ipv6_, reinterpret_cast<sockaddr *>(&ipv6), sizeof(ipv6)) == 0 && listen(ipv6_, 16) == 0;
        if (!first || (!second && errno != EADDRINUSE)) {
            throw std::runtime_error("cannot listen on 127.0.0.1 and ::1");
        }
        if (!second) {
            close(ipv4_);
            close(ipv6_);
            ipv4_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            ipv6_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        }
        return second;
    }

    void accept_all()
    {
        pollfd waits[] = {{stop_, POLLIN, 0}, {ipv4_, POLLIN, 0}, {ipv6_, POLLIN, 0}};
        while (poll(waits, 3, -1) > 0 && waits[0].revents == 0) {
            int listening = waits[1].revents != 0 ? ipv4_ : ipv6_;
            int socket = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
            if (socket >= 0) {
                connections_++;
                sockets_.push_back(socket);
                threads_.emplace_back([this, socket] {
                    Peer peer(socket);
                    talk_(peer);
                    shutdown(socket, SHUT_RDWR);
                });
            }
        }
    }

    const Talk talk_;
    int ipv4_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ipv6_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int stop_ = eventfd(0, EFD_CLOEXEC);
    std::uint16_t port_ = 0;
    std::atomic<unsigned> connections_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string told_;
    std::vector<int> sockets_;          /* these and the next are the acceptor's until it ends */
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}

#endif
