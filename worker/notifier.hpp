/*
 * Tells people: plans messages from what happened, sends them, notes what became of them. Of
 * several workers one does it; it says so every second, and when it falls silent another
 * takes over within ten. What was on its way then is sent again, under the same delivery id.
 *
 *     plan, look for what is frequent, late, ...      one thread, which alone has the database
 *     hand the oldest message of each channel out
 *     send it                                         some threads, a channel in one at a time
 *     note what became of it
 *
 * So a channel gets its messages in their order, and one that hangs keeps a thread, not the
 * others: it is left alone for longer each time.
 */

#ifndef ERRTRACK_WORKER_NOTIFIER_HPP
#define ERRTRACK_WORKER_NOTIFIER_HPP

#include "worker/channel.hpp"
#include "worker/metrics.hpp"
#include "worker/redis.hpp"
#include "worker/secret_store.hpp"
#include "worker/store.hpp"
#include "worker/web_client.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace errtrack {

struct NotifierSettings {
    bool enabled = true;
    std::string public_url;         /* where people see the pages; empty: messages have no links */
    std::string mail_password_file;
    MailSettings mail;
};

/* The settings cannot work: trying again does not help. */
class NotifierSettingsError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Notifier {
public:
    /* Begins at once. holder: tells workers apart. Throws NotifierSettingsError. */
    Notifier(std::string conninfo, std::string holder, const RedisSettings &redis, const NotifierSettings &settings,
             const WebClientSettings &web, const SecretStore &secrets, Metrics &metrics);

    /* Interrupts what is on its way: the next worker sends it again. */
    ~Notifier() = default;

private:
    using Clock = std::chrono::steady_clock;

    void run(const std::stop_token &stop);
    void turn(const std::stop_token &stop);
    double behind_seconds();
    void hand_out();
    void note();

    void send(const std::stop_token &stop);
    SendingOutcome deliver(WebClient &client, const WaitingNotification &message, const std::stop_token &stop);

    const std::string holder_;
    const RedisSettings redis_settings_;
    const NotifierSettings settings_;
    const WebClientSettings web_;
    const SecretStore &secrets_;
    Metrics &metrics_;

    /* Of the thread that runs. */
    Store store_;
    std::unique_ptr<Redis> redis_;
    Clock::time_point watch_due_ = {};
    std::vector<SendingOutcome> to_note_;
    std::string problem_;           /* the last that was told of; it is not repeated */

    std::mutex mutex_;              /* for what follows */
    std::condition_variable_any woken_;
    std::condition_variable_any handed_;
    std::deque<WaitingNotification> waiting_;
    std::vector<SendingOutcome> done_;
    std::set<std::int64_t> busy_;   /* channels: waiting, being sent, or not noted yet */

    std::vector<std::jthread> senders_; /* last: they end before the others go */
    std::jthread thread_;
};

}

#endif
