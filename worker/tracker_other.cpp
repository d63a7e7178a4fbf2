#include "worker/channel_webhook.hpp"
#include "worker/item.hpp"
#include "worker/markup.hpp"
#include "worker/notice_text.hpp"
#include "worker/tracker_issues.hpp"

namespace errtrack {
namespace {

constexpr std::int64_t body_version = 1;

/* As the links of issues keep it. */
constexpr std::size_t most_reference = 200;

/* What is to be done, and with what; the members of the notice follow. */
std::string body_of(const TrackerTask &task)
{
    std::string links = JsonObject().text("issue", page_of(task.notice, task.delivery.base)).done();
    JsonObject own;
    own.integer("version", body_version).text("action", word_of(task.notice.kind)).text("delivery_id", task.delivery.id);
    own.text("reference", task.reference).raw("links", links);
    std::string body = own.done();
    body.back() = ',';
    return body + task.notice.json.substr(1);
}

}

TrackerOutcome tell_other(WebClient &client, const TrackerSettings &tracker, const TrackerTask &task,
                          const std::stop_token &stop)
{
    std::string who = "the tracker at " + place_of(tracker).host;
    std::string body = body_of(task);
    TrackerApi api(client, stop, who, signed_headers(task.delivery, word_of(task.notice.kind), tracker.secret, body));
    Json answer;
    if (task.notice.kind != NoticeKind::create) {
        // Whether it says something with its success is its own business.
        api.ask(WebRequest::Method::post, tracker.url, body, answer, {200, 201, 202, 204});
        return {};
    }
    api.ask(WebRequest::Method::post, tracker.url, body, answer);
    std::string reference = answer.root()["reference"].text();
    if (reference.empty() || inert(reference, Markup::none, most_reference) != reference) {
        refuse_tracker(who + " does not say what it created: it has to answer with JSON like {\"reference\": \"SHOP-12\", "
                       "\"url\": \"https://tracker.example.com/SHOP-12\"}");
    }
    return {{}, reference, kept_url(answer.root()["url"].text()), ""};
}

}
