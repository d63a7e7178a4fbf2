#include "worker/tracker_api.hpp"

#include "worker/markup.hpp"
#include "worker/repair.hpp"
#include "worker/timestamp.hpp"

#include <algorithm>
#include <chrono>

namespace errtrack {
namespace {

/* A page of issues, each as long as they may be there. */
constexpr std::size_t most_answer = 16 * 1024 * 1024;

/* However much was written since: a second issue is less of a harm than reading for ever. */
constexpr unsigned most_pages = 20;

constexpr std::size_t most_words = 300;

/* However many requests a task takes: whoever makes it wait keeps a sender from others. */
constexpr std::chrono::seconds most_time{60};

/* What GitHub wants to be left alone for when it does not say. */
constexpr std::chrono::seconds usual_wait{60};

/* What the tracker says about a refusal: {"message": }, {"error": }, with GitHub's "errors". */
std::string words_of(JsonValue said)
{
    std::string text;
    for (std::string_view key : {"message", "error", "errors"}) {
        JsonValue words = said[key];
        if (words && !words.is_null()) {
            text.append(text.empty() ? "" : " ").append(words.is_string() ? words.text() : std::string(words.raw()));
        }
    }
    return inert(text, Markup::none, most_words);
}

bool is_limit(const WebAnswer &answer, const std::string &words)
{
    std::string small = lower(words);
    bool says = small.find("rate limit") != small.npos || small.find("abuse detection") != small.npos;
    return answer.status == 429 || (answer.status == 403 && (answer.retry_after || says));
}

/* Both GitLab and GitHub answer 404 where a token may not know that there is something. */
const char *what_is_wrong(long status)
{
    switch (status) {
    case 401:
        return ": the token is not known there, or has expired";
    case 403:
        return ": the token may not do this: it has to read the project and write its issues";
    case 404:
        return ": the project is not at this address, or the token does not see it";
    default:
        return ": its API is not at this address, or the project takes no issues";
    }
}

}

void refuse_tracker(const std::string &why)
{
    throw TrackerStop{{Verdict::channel_refused, std::nullopt, why}};
}

TrackerApi::TrackerApi(WebClient &client, const std::stop_token &stop, std::string who, std::vector<std::string> headers,
                       std::string limits)
    : client_(client), stop_(stop), who_(std::move(who)), headers_(std::move(headers)), limits_(std::move(limits))
{
}

WebAnswer TrackerApi::send(WebRequest::Method method, const std::string &url, std::string body)
{
    if (std::chrono::steady_clock::now() - begun_ > most_time) {
        throw TrackerStop{{Verdict::again, std::nullopt,
                           who_ + ": its answers take longer than " + std::to_string(most_time.count()) + " s together"}};
    }
    WebRequest request;
    request.method = method;
    request.url = url;
    request.headers = headers_;
    request.body = std::move(body);
    request.most_answer = most_answer;
    request.excess = WebRequest::Excess::refuse;
    try {
        return client_.send(request, stop_);
    } catch (const WebError &error) {
        throw TrackerStop{{error.again ? Verdict::again : Verdict::channel_refused, std::nullopt, who_ + ": " + error.what()}};
    }
}

long TrackerApi::ask(WebRequest::Method method, const std::string &url, std::string body, Json &answer,
                     std::initializer_list<long> others)
{
    WebAnswer got = send(method, url, std::move(body));
    std::string repaired;
    bool parsed = answer.parse(repair(got.body, repaired));
    if (std::find(others.begin(), others.end(), got.status) != others.end()) {
        return got.status;
    }
    if (got.status < 200 || got.status > 299) {
        refuse(got, answer.root());
    }
    if (!parsed) {
        refuse_tracker(who_ + " answers " + std::to_string(got.status)
                       + ", but not with JSON: its API is not at this address, name the project's own");
    }
    return got.status;
}

void TrackerApi::refuse(const WebAnswer &answer, JsonValue said)
{
    std::string words = words_of(said);
    Judgement judgement = judge_status(who_, answer);
    std::string answers = who_ + " answers " + std::to_string(answer.status);
    if (is_limit(answer, words)) {
        judgement = {Verdict::again, answer.retry_after, answers + ": there were too many requests"};
        ask_how_long(judgement);
    } else if (judgement.verdict == Verdict::channel_refused && answer.status >= 400) {
        judgement.why = answers + what_is_wrong(answer.status);
    }
    judgement.why += words.empty() ? "" : " (it says: " + words + ")";
    throw TrackerStop{judgement};
}

void TrackerApi::ask_how_long(Judgement &judgement)
{
    if (judgement.after || limits_.empty()) {
        return;
    }
    // Costs nothing of the limit. A second limit, on bursts, is not told there.
    WebAnswer got = send(WebRequest::Method::get, limits_, "");
    Json limits;
    limits.parse(got.body);
    JsonValue core = limits.root()["resources"]["core"];
    std::chrono::seconds after = usual_wait;
    if (core["remaining"].integer() == 0) {
        auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
        after = std::chrono::seconds(core["reset"].integer().value_or(0)) - now;
    }
    judgement.after = std::clamp(after, std::chrono::seconds(1), most_retry_after);
}

JsonValue TrackerApi::find(const TrackerList &list, std::string_view mark, Json &page)
{
    for (unsigned number = 1; number <= most_pages; number++) {
        ask(WebRequest::Method::get, list.url + "&page=" + std::to_string(number), "", page);
        std::size_t count = 0;
        bool older = false;
        for (JsonValue element : page.root()) {
            if (element[list.text].text().find(mark) != std::string::npos) {
                return element;
            }
            older = timestamp_of(element["created_at"]).value_or(list.since) < list.since;
            count++;
        }
        if (count < list.page_size || older) {
            break;
        }
    }
    return {};
}

}
