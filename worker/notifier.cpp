#include "worker/notifier.hpp"

#include "worker/backlog.hpp"
#include "worker/entry.hpp"
#include "worker/mail_message.hpp"
#include "worker/notice.hpp"
#include "worker/seal.hpp"
#include "worker/secret_file.hpp"
#include "worker/tracker.hpp"

#include <jansson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Became = SendingOutcome::Verdict;

/* Waiting costs a thread nothing; more of them are only of use when so many channels hang. */
constexpr std::size_t sender_threads = 8;

/* The duty lasts longer: see take_duty() in sql/api/082_sending.sql. */
constexpr auto usual_pause = 1s;
constexpr auto pause_without_duty = 2s;
constexpr auto pause_after_trouble = 5s;
constexpr auto watch_pause = 15s;

constexpr int redis_patience = 5;

/* Whoever takes messages answers soon; what hangs is not to hold a thread for long. */
constexpr WebBounds message_bounds{5s, 5s, 10s};

struct FreeJson {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};
using Json = std::unique_ptr<json_t, FreeJson>;

std::string member_of(const std::string &object, const char *name)
{
    Json json(json_loadb(object.data(), object.size(), 0, nullptr));
    const char *text = json_string_value(json_object_get(json.get(), name));
    return text != nullptr ? text : "";
}

bool has_flag(const std::string &object, const char *name)
{
    Json json(json_loadb(object.data(), object.size(), 0, nullptr));
    return json_is_true(json_object_get(json.get(), name));
}

/* An address that the guard refuses stays so; a host without an address may get one. */
Became verdict_of(const WebError &error) noexcept
{
    if (error.again) {
        return Became::again;
    }
    return error.kind == WebError::Kind::rejected || error.kind == WebError::Kind::answer ? Became::message
                                                                                          : Became::channel;
}

}

Notifier::Notifier(std::string conninfo, std::string holder, const RedisSettings &redis,
                   const NotifierSettings &settings, const WebClientSettings &web, const SecretStore &secrets,
                   Metrics &metrics)
    : holder_(std::move(holder)), redis_settings_(redis), settings_(settings), web_(web), secrets_(secrets), metrics_(metrics), store_(std::move(conninfo))
{
    std::string fault = settings.public_url.empty() ? std::string() : url_fault(settings.public_url);
    if (!fault.empty()) {
        throw NotifierSettingsError("--public-url: " + fault);
    }
    if (!settings.mail.server.empty()) {
        fault = mail_server_fault(settings.mail.server);
        if (!fault.empty()) {
            throw NotifierSettingsError("--mail-server: " + fault);
        }
        if (settings.mail.from.empty()) {
            throw NotifierSettingsError("--mail-server: name the sender with --mail-from");
        }
    }
    fault = settings.mail.from.empty() ? std::string() : mail_address_fault(settings.mail.from);
    if (!fault.empty()) {
        throw NotifierSettingsError("--mail-from: " + fault);
    }
    for (const std::string &domain : settings.mail.domains) {
        if (!mail_address_fault("user@" + domain).empty()) {
            throw NotifierSettingsError("--mail-domain: \"" + domain + "\" is none: write it like example.org");
        }
    }
    if (settings.mail.user.empty() != settings.mail_password_file.empty()) {
        throw NotifierSettingsError(settings.mail.user.empty() ? "--mail-password-file: name who logs in with --mail-user"
                                                               : "--mail-user: name the file of the password with --mail-password-file");
    }
    for (std::size_t n = 0; n < sender_threads; n++) {
        senders_.emplace_back([this](const std::stop_token &stop) { send(stop); });
    }
    thread_ = std::jthread([this](const std::stop_token &stop) { run(stop); });
}

void Notifier::run(const std::stop_token &stop)
{
    std::string complaint;
    while (!stop.stop_requested()) {
        std::chrono::milliseconds pause = usual_pause;
        std::string trouble;
        try {
            // Even after the duty is lost: what arrived is not to be sent again.
            note();
            if (store_.take_notification_duty(holder_)) {
                turn(stop);
            } else {
                pause = pause_without_duty;
            }
        } catch (const StoreError &e) {
            pause = pause_after_trouble;
            // A database that is away is spoken of by whoever files.
            trouble = e.kind == StoreError::Kind::down ? complaint : e.what();
        } catch (const std::exception &e) {
            pause = pause_after_trouble;
            trouble = e.what();
        }
        if (trouble != complaint) {
            if (trouble.empty()) {
                spdlog::info("notifications: going on");
            } else {
                spdlog::error("notifications: {}, trying again every {} s", trouble, pause_after_trouble.count());
            }
            complaint = trouble;
        }
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, stop, pause, [this] { return !done_.empty(); });
    }
}

void Notifier::turn(const std::stop_token &stop)
{
    auto go_on = [&](const char *what, const std::string &problem) {
        if (!problem.empty() && problem != problem_) {
            spdlog::error("{}: {}", what, problem);
            problem_ = problem;
        }
        note();
        hand_out();
        return !stop.stop_requested() && store_.take_notification_duty(holder_);
    };
    std::string problem;
    bool more = true;
    while (more) {
        more = store_.plan_notifications(problem) > 0;
        if (!go_on("cannot be told", problem)) {
            return;
        }
    }
    if (Clock::now() >= watch_due_) {
        auto began = Clock::now();
        double behind = behind_seconds();
        store_.drop_untold();
        for (std::int64_t project = 0; (project = store_.watch_alerts(behind, project, problem)) != 0;) {
            if (!go_on("cannot be watched", problem)) {
                return;
            }
            store_.plan_notifications(problem);
            if (!go_on("cannot be told", problem)) {
                return;
            }
        }
        metrics_.sending(store_.sending_state());
        // However many projects there are, most of the time is for what has happened.
        watch_due_ = Clock::now() + std::max<Clock::duration>(watch_pause, 5 * (Clock::now() - began));
    }
}

/* 0 while the queue cannot be looked at: others say that. */
double Notifier::behind_seconds()
{
    try {
        if (!redis_) {
            redis_ = std::make_unique<Redis>(redis_settings_, redis_patience);
        }
        return std::max(read_backlog(*redis_, stream_key(0, false)).oldest_seconds,
                        read_backlog(*redis_, stream_key(0, true)).oldest_seconds);
    } catch (const RedisError &) {
        redis_.reset();
        return 0;
    }
}

void Notifier::hand_out()
{
    std::vector<std::int64_t> busy;
    std::size_t room = 0;
    {
        std::lock_guard lock(mutex_);
        busy.assign(busy_.begin(), busy_.end());
        room = sender_threads - std::min(busy.size(), sender_threads);
    }
    if (room == 0) {
        return;
    }
    std::vector<WaitingNotification> next = store_.next_notifications(busy, static_cast<unsigned>(room));
    std::lock_guard lock(mutex_);
    for (WaitingNotification &message : next) {
        busy_.insert(message.channel);
        waiting_.push_back(std::move(message));
    }
    handed_.notify_all();
}

void Notifier::note()
{
    {
        std::lock_guard lock(mutex_);
        std::move(done_.begin(), done_.end(), std::back_inserter(to_note_));
        done_.clear();
    }
    while (!to_note_.empty()) {
        const SendingOutcome outcome = to_note_.back();
        std::string came_of_it = store_.note_sending(outcome);
        to_note_.pop_back();
        metrics_.sent(came_of_it.c_str());
        if (came_of_it == "parked") {
            spdlog::warn("channel {} of project {}: {}: tried again in an hour, its messages wait", outcome.channel,
                         outcome.project, outcome.problem);
        } else if (!outcome.problem.empty()) {
            spdlog::info("channel {} of project {}: {}", outcome.channel, outcome.project, outcome.problem);
        }
        std::lock_guard lock(mutex_);
        busy_.erase(outcome.channel);
    }
}

void Notifier::send(const std::stop_token &stop)
{
    WebClient client(web_);
    while (true) {
        WaitingNotification message;
        {
            std::unique_lock lock(mutex_);
            if (!handed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
                return;
            }
            message = std::move(waiting_.front());
            waiting_.pop_front();
        }
        SendingOutcome outcome;
        try {
            outcome = deliver(client, message, stop);
        } catch (const std::exception &e) {
            outcome.verdict = Became::again;
            outcome.problem = e.what();
        }
        if (stop.stop_requested() && outcome.verdict != Became::sent) {
            return;
        }
        outcome.project = message.project;
        outcome.channel = message.channel;
        outcome.id = message.id;
        std::lock_guard lock(mutex_);
        done_.push_back(std::move(outcome));
        woken_.notify_all();
    }
}

SendingOutcome Notifier::deliver(WebClient &client, const WaitingNotification &message, const std::stop_token &stop)
{
    SendingOutcome outcome;
    auto failed = [&](Became verdict, const std::string &problem) {
        outcome.verdict = verdict;
        outcome.problem = problem;
        return outcome;
    };
    const char *owner = message.channel_kind == "tracker" ? "tracker" : "channel";
    auto secret = [&](const char *member, const SecretPlaces &places = {}) {
        std::string stored = member_of(message.sealed, member);
        std::string file = member_of(message.files, member);
        if (stored.empty() && file.empty()) {
            return std::string();
        }
        return secrets_.plain(stored.empty() ? "file:" + file : stored, seal_context(owner, member), places);
    };
    auto judged = [&](const Judgement &judgement) {
        outcome.wait_seconds = static_cast<double>(judgement.after.value_or(0s).count());
        switch (judgement.verdict) {
        case Verdict::delivered:
            return outcome;
        case Verdict::message_refused:
            return failed(Became::message, judgement.why);
        case Verdict::channel_refused:
            return failed(Became::channel, judgement.why);
        default:
            return failed(Became::again, judgement.why);
        }
    };
    try {
        Notice notice = read_notice(message.notice);
        Delivery delivery{message.delivery_id, std::time(nullptr), settings_.public_url};
        if (message.channel_kind == "tracker") {
            if (notice.kind == NoticeKind::create && !message.reference.empty()) {
                return outcome;         // it is there by now
            }
            TrackerTask task{std::move(notice), std::move(delivery), message.attempts, message.reference};
            const bool by_command = has_flag(message.files, "by_command");
            const SecretPlaces places{{message.tracker_url, member_of(message.settings, "api")}, !by_command};
            // Which project a number is of says no list of addresses.
            const bool by_number = by_command || member_of(message.files, "token").empty();
            TrackerOutcome told = tell_tracker(
                client, {message.provider, message.tracker_url, by_number ? message.external_id : 0, secret("token", places),
                         secret("secret", places), message.settings}, task, stop);
            outcome.reference = told.reference;
            outcome.url = told.url;
            return judged(told.judgement);
        }
        Channel channel{message.channel_kind, secret("url"), "", message.settings};
        channel.secret = secret("secret", {{channel.url}, false, false});
        MailSettings mail = settings_.mail;
        if (message.channel_kind == "mail" && mail.server.empty()) {
            return failed(Became::again, "the worker that sends has no mail server: start it with --mail-server");
        }
        if (message.channel_kind == "mail" && !settings_.mail_password_file.empty()) {
            mail.password = read_secret(settings_.mail_password_file);
        }
        std::variant<WebRequest, Mail> composed = compose(channel, notice, delivery, mail);
        if (const Mail *letter = std::get_if<Mail>(&composed)) {
            std::vector<MailRefusal> missed = letter->left_out;
            for (MailRefusal &refused : client.send_mail(*letter, stop)) {
                missed.push_back(std::move(refused));
            }
            // Tried again, it would reach the others twice.
            outcome.problem = missed.empty() ? "" : "it did not reach " + text_of(missed);
            return outcome;
        }
        auto sent = [&](WebRequest &request) {
            request.bounds = message_bounds;
            return judge_answer(message.channel_kind, client.send(request, stop));
        };
        Judgement judgement = sent(std::get<WebRequest>(composed));
        std::optional<WebRequest> end = compose_end(channel, notice, delivery);
        return judged(end && judgement.verdict == Verdict::delivered ? sent(*end) : judgement);
    } catch (const WebError &e) {
        return failed(verdict_of(e), e.what());
    } catch (const SecretError &e) {
        // The fault of the worker: another one may have it, or this one when it is started anew.
        return failed(Became::again, e.what());
    } catch (const ChannelError &e) {
        return failed(Became::channel, e.what());
    } catch (const NoticeError &e) {
        return failed(Became::again, e.what());
    }
}

}
