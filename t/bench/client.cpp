/*
 * HTTP clients for floods, over loopback, and for whoever reports beside one:
 *
 *     client flood PORT CONNECTIONS SECONDS FILE...              as fast as it is answered
 *     client drip PORT CONNECTIONS SECONDS MILLISECONDS FILE...  a byte in so many milliseconds
 *     client steady PORT CONNECTIONS SECONDS RATE FILE...        so many a second, whatever happens
 *
 * A file is a whole request; several are sent in turns. In each of them 32 # are replaced by a
 * number that nothing else gets, and 12 @ by one in letters. A client that floods does not care
 * for answers that come early: it sends the rest of its request, unless the server closes. Of
 * those that drip half begin with the first byte, and half have sent their head. Floods come
 * from 127.0.0.2, as a bad client has another address than a good one.
 *
 * What is printed: "status STATUS COUNT", of status 0 for requests that the server ended without
 * an answer, and "sent BYTES SECONDS". Of steady also, for each request, "at NUMBER STATUS
 * MICROSECONDS": from when it was due, not from when there was a connection for it.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

/* From the time on, which no later run begins with. */
std::uint64_t last_number = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();

/* The bytes of a request, with the places that differ in each. */
class Request {
public:
    explicit Request(std::string bytes) : bytes_(std::move(bytes))
    {
        std::size_t const end = bytes_.find("\r\n\r\n");
        if (end == std::string::npos) throw std::runtime_error("a file holds no request");
        head_ = end + 4;
        find('#', 32, digits_);
        find('@', 12, letters_);
    }

    std::string_view bytes() const noexcept { return bytes_; }
    std::size_t head() const noexcept { return head_; }

    void renew() noexcept
    {
        for (std::size_t at : digits_) write(at, 32, "0123456789abcdef");
        for (std::size_t at : letters_) write(at, 12, "abcdefghijklmnopqrstuvwxyz");
    }

private:
    void find(char mark, std::size_t length, std::vector<std::size_t>& places) const
    {
        std::string const marks(length, mark);
        for (std::size_t at = 0; (at = bytes_.find(marks, at)) != std::string::npos; at += length) {
            places.push_back(at);
        }
    }

    void write(std::size_t at, std::size_t length, std::string_view alphabet) noexcept
    {
        std::uint64_t left = ++last_number;
        for (std::size_t i = length; i-- > 0; left /= alphabet.size()) {
            bytes_[at + i] = alphabet[left % alphabet.size()];
        }
    }

    std::string bytes_;
    std::size_t head_;
    std::vector<std::size_t> digits_, letters_;
};

struct Connection {
    int fd = -1;
    std::vector<Request> requests;  // that it sends in turns
    std::size_t turn = 0;
    std::size_t sent = 0;           // bytes of the present one
    bool open = false;              // it has begun, and there is no answer yet
    bool polled = false;            // whether epoll tells when more can be sent
    std::string in;                 // what has come of an answer
    int begun = 0;                  // requests on this connection
    std::uint64_t number = 0;       // of the present request
    Clock::time_point due;

    std::string_view rest() { return requests[turn].bytes().substr(sent); }
};

struct Settings {
    in_addr_t from;
    std::uint16_t port;
    int connections;
    microseconds length;
    std::vector<std::string> files;
};

microseconds from_seconds(double seconds) { return microseconds(static_cast<std::int64_t>(seconds * 1e6)); }

/* Connections, and what all kinds of clients do with them. */
class Client {
public:
    explicit Client(Settings const& settings)
        : start_(Clock::now()), end_(start_ + settings.length), from_(settings.from), port_(settings.port), epoll_(epoll_create1(0))
    {
        std::vector<Request> requests;
        for (std::string const& file : settings.files) {
            std::ifstream in(file, std::ios::binary);
            requests.emplace_back(std::string(std::istreambuf_iterator<char>(in), {}));
        }
        for (int i = 0; i < settings.connections; i++) {
            all_.push_back(std::make_unique<Connection>());
            all_.back()->requests = requests;
            all_.back()->turn = static_cast<std::size_t>(i) % requests.size();
            connect(*all_.back());
        }
    }

    virtual ~Client()
    {
        for (auto& c : all_) ::close(c->fd);
        if (timer_ >= 0) ::close(timer_);
        ::close(epoll_);
    }

    Client(Client const&) = delete;
    Client& operator=(Client const&) = delete;

    void run()
    {
        while (!over(Clock::now())) {
            epoll_event events[256];
            int const n = epoll_wait(epoll_, events, 256, 100);
            for (int i = 0; i < n; i++) {
                auto* c = static_cast<Connection*>(events[i].data.ptr);
                if (c == nullptr) {
                    std::uint64_t ticks;
                    if (read(timer_, &ticks, sizeof ticks) == sizeof ticks) tick(Clock::now());
                    continue;
                }
                if (events[i].events & EPOLLOUT) send(*c, c->rest().size());
                /* An event of a connection that has been replaced meanwhile finds nothing. */
                if (events[i].events & ~EPOLLOUT) receive(*c);
            }
        }
        for (auto const& [status, count] : statuses_) {
            std::printf("status %d %llu\n", status, static_cast<unsigned long long>(count));
        }
        std::printf("sent %llu %.3f\n", static_cast<unsigned long long>(bytes_),
            std::chrono::duration<double>(Clock::now() - start_).count());
    }

protected:
    virtual bool over(Clock::time_point now) { return now >= end_; }
    virtual void tick(Clock::time_point) {}
    /* A request has its answer, or 0 when the server has closed without one. */
    virtual void answered(Connection&, int /*status*/) {}
    /* Nothing is left to be sent, and nothing to be read: of a connection that is new, too. */
    virtual void ready(Connection&) {}

    void tick_every(microseconds period)
    {
        timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        timespec const time{period.count() / 1'000'000, period.count() % 1'000'000 * 1000};
        itimerspec const every{time, time};
        timerfd_settime(timer_, 0, &every, nullptr);
        epoll_event event{EPOLLIN, {nullptr}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
    }

    void begin(Connection& c)
    {
        c.turn = (c.turn + 1) % c.requests.size();
        c.requests[c.turn].renew();
        c.number = last_number;
        c.sent = 0;
        c.open = true;
        c.begun++;
    }

    /* So much of the rest, as far as it goes. */
    void send(Connection& c, std::size_t length)
    {
        while (length > 0) {
            ssize_t const n = ::send(c.fd, c.rest().data(), length, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) return poll(c, true);
            /* What the server said before it closed is still to be read. */
            if (n < 0) return receive(c);
            c.sent += static_cast<std::size_t>(n);
            length -= static_cast<std::size_t>(n);
            bytes_ += static_cast<std::uint64_t>(n);
        }
        if (c.polled) poll(c, false);
        if (!c.open && c.rest().empty()) ready(c);
    }

    void receive(Connection& c)
    {
        char buffer[16384];
        ssize_t const n = recv(c.fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return replace(c);
        c.in.append(buffer, static_cast<std::size_t>(n));
        std::size_t const end = c.in.find("\r\n\r\n");
        if (end == std::string::npos) return;
        std::string_view const head = std::string_view(c.in).substr(0, end);
        if (c.in.size() < end + 4 + static_cast<std::size_t>(number_after(head, "Content-Length: "))) return;
        int const status = number_after(head, " ");
        bool const close = head.find("Connection: close") != std::string_view::npos;
        c.in.clear();
        finish(c, status);
        if (close) {
            replace(c);
        } else if (c.rest().empty()) {
            ready(c);
        }
    }

    /* By another connection: the server has closed this one, or says that it will. */
    void replace(Connection& c)
    {
        if (c.open) finish(c, 0);
        ::close(c.fd);
        connect(c);
        ready(c);
    }

    std::vector<std::unique_ptr<Connection>> all_;
    Clock::time_point start_, end_;

private:
    void connect(Connection& c)
    {
        c.fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port_);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr_in from{};
        from.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(from_);
        if (c.fd < 0 || bind(c.fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0
            || ::connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
            throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
        }
        int const one = 1;
        setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c.sent = c.requests[c.turn].bytes().size();
        c.begun = 0;
        c.in.clear();
        c.polled = false;
        epoll_event event{EPOLLIN, {&c}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    }

    void poll(Connection& c, bool out)
    {
        epoll_event event{out ? EPOLLIN | EPOLLOUT : EPOLLIN, {&c}};
        epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
        c.polled = out;
    }

    void finish(Connection& c, int status)
    {
        statuses_[status]++;
        c.open = false;
        answered(c, status);
    }

    static int number_after(std::string_view head, std::string_view name)
    {
        std::size_t const at = head.find(name);
        int number = 0;
        if (at != std::string_view::npos) {
            std::from_chars(head.data() + at + name.size(), head.data() + head.size(), number);
        }
        return number;
    }

    in_addr_t from_;
    std::uint16_t port_;
    int epoll_, timer_ = -1;
    std::map<int, std::uint64_t> statuses_;
    std::uint64_t bytes_ = 0;
};

class Flood : public Client {
public:
    explicit Flood(Settings const& settings) : Client(settings)
    {
        for (auto& c : all_) ready(*c);
    }

private:
    void ready(Connection& c) override
    {
        begin(c);
        send(c, c.rest().size());
    }
};

class Drip : public Client {
public:
    Drip(Settings const& settings, microseconds period) : Client(settings), period_(period)
    {
        /* Not all of them at the same moment. */
        for (std::size_t i = 0; i < all_.size(); i++) {
            all_[i]->due = start_ + period * static_cast<long>(i) / static_cast<long>(all_.size());
        }
        tick_every(std::chrono::milliseconds(5));
    }

private:
    void tick(Clock::time_point now) override
    {
        for (std::size_t i = 0; i < all_.size(); i++) {
            Connection& c = *all_[i];
            if (c.due > now) continue;
            c.due += period_;
            if (c.rest().empty()) {
                if (c.open) continue;
                begin(c);
                if (i % 2 == 1) send(c, c.requests[c.turn].head());
            }
            if (!c.rest().empty()) send(c, 1);
        }
    }

    microseconds period_;
};

class Steady : public Client {
public:
    Steady(Settings const& settings, int rate) : Client(settings), period_(1'000'000 / rate), next_(start_)
    {
        for (auto& c : all_) idle_.push_back(c.get());
        tick_every(period_);
    }

private:
    /* nginx has several processes, and one may be busier: others are to be met as well. */
    static constexpr int renew_after = 20;

    bool over(Clock::time_point now) override
    {
        bool const waits = idle_.size() < all_.size() || !due_.empty();
        return now >= end_ && (!waits || now > end_ + std::chrono::seconds(10));
    }

    void tick(Clock::time_point now) override
    {
        for (; next_ <= now && next_ < end_; next_ += period_) due_.push_back(next_);
        serve();
    }

    void answered(Connection& c, int status) override
    {
        auto const took = std::chrono::duration_cast<microseconds>(Clock::now() - c.due);
        std::printf("at %llu %d %lld\n", static_cast<unsigned long long>(c.number), status, static_cast<long long>(took.count()));
    }

    void ready(Connection& c) override
    {
        if (c.begun >= renew_after) return replace(c);
        std::erase(idle_, &c);
        idle_.push_back(&c);
        serve();
    }

    void serve()
    {
        while (!due_.empty() && !idle_.empty()) {
            Connection& c = *idle_.front();
            idle_.pop_front();
            c.due = due_.front();
            due_.pop_front();
            begin(c);
            send(c, c.rest().size());
        }
    }

    microseconds period_;
    Clock::time_point next_;
    std::deque<Connection*> idle_;          // the one that has been idle for longest is first
    std::deque<Clock::time_point> due_;     // of requests that there was no connection for
};

void run(std::span<char*> args)
{
    std::string_view const kind = args.size() > 5 ? args[1] : "";
    Settings settings{};
    if (kind != "flood" && kind != "drip" && kind != "steady") {
        throw std::runtime_error("usage: client flood|drip|steady PORT CONNECTIONS SECONDS [PACE] FILE...");
    }
    settings.from = kind == "steady" ? INADDR_LOOPBACK : INADDR_LOOPBACK + 1;
    settings.port = static_cast<std::uint16_t>(std::stoi(args[2]));
    settings.connections = std::stoi(args[3]);
    settings.length = from_seconds(std::stod(args[4]));
    std::size_t const files = kind == "flood" ? 5 : 6;
    settings.files.assign(args.begin() + static_cast<std::ptrdiff_t>(files), args.end());
    if (settings.files.empty()) throw std::runtime_error("there is no file with a request");
    if (kind == "flood") {
        Flood(settings).run();
    } else if (kind == "drip") {
        Drip(settings, std::chrono::milliseconds(std::stoi(args[5]))).run();
    } else {
        Steady(settings, std::stoi(args[5])).run();
    }
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        run({argv, static_cast<std::size_t>(argc)});
        return 0;
    } catch (std::exception const& error) {
        std::fprintf(stderr, "client: %s\n", error.what());
        return 1;
    }
}
