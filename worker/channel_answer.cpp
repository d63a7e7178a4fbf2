#include "worker/channel.hpp"

#include "worker/json.hpp"
#include "worker/repair.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace errtrack {
namespace {

constexpr std::string_view slack = "slack";
constexpr std::string_view mattermost = "mattermost";
constexpr std::string_view teams = "teams";
constexpr std::string_view pagerduty = "pagerduty";

/* Words in answers that say more than their status does. */
struct Word {
    std::string_view kind;
    std::string_view word;
    Verdict verdict;
};

constexpr Word words[] = {
    {slack, "no_service", Verdict::channel_refused},
    {slack, "no_active_hooks", Verdict::channel_refused},
    {slack, "no_team", Verdict::channel_refused},
    {slack, "team_disabled", Verdict::channel_refused},
    {slack, "invalid_token", Verdict::channel_refused},
    {slack, "channel_not_found", Verdict::channel_refused},
    {slack, "channel_is_archived", Verdict::channel_refused},
    {slack, "action_prohibited", Verdict::channel_refused},
    {slack, "posting_to_general_channel_denied", Verdict::channel_refused},
    {slack, "user_not_found", Verdict::channel_refused},
    {slack, "rate_limited", Verdict::again},
    {slack, "rollup_error", Verdict::again},
    {slack, "invalid_payload", Verdict::message_refused},
    {slack, "invalid_blocks", Verdict::message_refused},
    {slack, "no_text", Verdict::message_refused},
    {slack, "msg_too_long", Verdict::message_refused},
    {mattermost, "web.incoming_webhook.invalid.app_error", Verdict::channel_refused},
    {mattermost, "web.incoming_webhook.disabled.app_error", Verdict::channel_refused},
    {mattermost, "web.incoming_webhook.channel.app_error", Verdict::channel_refused},
    {mattermost, "web.incoming_webhook.channel_locked.app_error", Verdict::channel_refused},
    {mattermost, "web.incoming_webhook.permissions.app_error", Verdict::channel_refused},
    {teams, "workflowtriggerisnotenabled", Verdict::channel_refused},
    {pagerduty, "routing_key", Verdict::channel_refused},
    {pagerduty, "routing key", Verdict::channel_refused},
};

std::string name_of(std::string_view kind)
{
    constexpr std::pair<std::string_view, const char *> names[] = {
        {"webhook", "the server"}, {slack, "Slack"}, {mattermost, "Mattermost"}, {"discord", "Discord"}, {teams, "Teams"},
        {"google_chat", "Google Chat"}, {pagerduty, "PagerDuty"}, {"gitlab_alert", "GitLab"}};
    for (const auto &[known, name] : names) {
        if (known == kind) {
            return name;
        }
    }
    return "the server";
}

bool is_success(long status)
{
    return status >= 200 && status < 300;
}

std::string what_to_do(Verdict verdict)
{
    switch (verdict) {
    case Verdict::delivered:
        return "";
    case Verdict::again:
        return ": it is sent again later";
    case Verdict::message_refused:
        return ": it does not take this message, and never will";
    case Verdict::channel_refused:
        return ": the address or the key of the channel is no longer good, set it anew";
    }
    return "";
}

Verdict verdict_of(long status)
{
    switch (status) {
    case 401:
    case 403:
    case 404:
    case 405:
    case 410:
    case 501:
        return Verdict::channel_refused;
    case 408:
    case 425:
    case 429:
        return Verdict::again;
    default:
        return is_success(status)                  ? Verdict::delivered
               : status >= 500                     ? Verdict::again
               : status >= 300 && status < 400     ? Verdict::channel_refused
                                                   : Verdict::message_refused;
    }
}

Judgement judged(std::string_view who, const std::string &answers, Verdict verdict)
{
    Judgement judgement;
    judgement.verdict = verdict;
    if (verdict != Verdict::delivered) {
        judgement.why = std::string(who) + " answers " + answers + what_to_do(verdict);
    }
    return judgement;
}

/* The status that is told in the body of an answer with status 200; 0 when there is none. */
long told_status(std::string_view kind, const std::string &body, const Json &document)
{
    constexpr std::string_view told = "HTTP error ";
    if (kind == teams && body.find(told) != body.npos) {
        long status = 0;
        const char *begin = body.data() + body.find(told) + told.size();
        std::from_chars(begin, body.data() + body.size(), status);
        return status;
    }
    if (kind == "google_chat") {
        return static_cast<long>(document.root()["error"]["code"].integer().value_or(0));
    }
    return 0;
}

/* Discord says it to the millisecond, in JSON. */
std::optional<std::chrono::seconds> told_patience(std::string_view kind, const Json &document)
{
    std::optional<double> seconds = kind == "discord" ? document.root()["retry_after"].number() : std::nullopt;
    if (!seconds || !(*seconds > 0)) {
        return std::nullopt;
    }
    double most = static_cast<double>(most_retry_after.count());
    return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::min(*seconds, most))));
}

}

Judgement judge_status(std::string_view who, const WebAnswer &answer)
{
    Judgement judgement = judged(who, std::to_string(answer.status), verdict_of(answer.status));
    if (answer.status >= 300 && answer.status < 400) {
        judgement.why = std::string(who) + " answers " + std::to_string(answer.status)
                        + ": name the address that it redirects to";
    }
    if (judgement.verdict == Verdict::again) {
        judgement.after = answer.retry_after;
    }
    return judgement;
}

Judgement judge_answer(std::string_view kind, const WebAnswer &answer)
{
    std::string who = name_of(kind);
    Judgement judgement = judge_status(who, answer);
    Json document;
    std::string repaired;
    document.parse(repair(answer.body, repaired));
    if (judgement.verdict == Verdict::again && !judgement.after) {
        judgement.after = told_patience(kind, document);
    }
    // What a server says it cannot do now is not for its words to make final.
    if (judgement.verdict == Verdict::again && answer.status != 500) {
        return judgement;
    }
    std::string body = lower(trim(answer.body));
    bool success = is_success(answer.status);
    if (success && kind == slack && body == "ok") {
        return judgement;
    }
    // Only Slack hides one of these words behind a success.
    for (const Word &word : words) {
        if (word.kind == kind && (!success || kind == slack) && body.find(word.word) != body.npos) {
            return judged(who, std::to_string(answer.status) + ", " + std::string(word.word), word.verdict);
        }
    }
    if (success && kind == slack && document.root()["ok"].boolean() == false) {
        return judged(who, std::to_string(answer.status) + ", but not ok", Verdict::message_refused);
    }
    long told = success ? told_status(kind, answer.body, document) : 0;
    if (told != 0 && !is_success(told)) {
        return judged(who, std::to_string(answer.status) + ", but tells of " + std::to_string(told), verdict_of(told));
    }
    if (success && kind == teams && body.find("delivery failed") != body.npos) {
        return judged(who, std::to_string(answer.status) + ", but tells of a failure", Verdict::again);
    }
    return judgement;
}

}
