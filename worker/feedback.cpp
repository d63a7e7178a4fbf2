#include "worker/feedback.hpp"

#include "worker/entry.hpp"
#include "worker/event.hpp"
#include "worker/fields.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t name_characters = 128;
constexpr std::size_t email_characters = 75;
constexpr std::size_t message_characters = 4096;
constexpr std::size_t url_characters = 2048;
constexpr std::size_t source_characters = 64;

std::string short_text(JsonValue value, std::size_t characters)
{
    return std::string(cut_characters(trim(lenient_text(value).value_or("")), characters));
}

}

std::string_view read_user_report(std::string_view payload, const ItemContext &context,
                                  std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    std::string event = context.header_event_id.empty() ? normalize_uuid(root["event_id"].text())
                                                        : context.header_event_id;
    if (event.empty()) {
        return reason::event_id;
    }
    scrub_stored(document, context, {root["name"], root["email"], root["comments"]});
    row = JsonObject().text("kind", "user_report")
              .text("id", event)
              .text("event", event)
              .text("name", short_text(root["name"], name_characters))
              .text("email", short_text(root["email"], email_characters))
              .text("message", short_text(root["comments"], message_characters))
              .done();
    return reason::none;
}

std::string_view read_feedback(std::string_view payload, const ItemContext &context,
                               std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    JsonValue feedback = root["contexts"]["feedback"];
    scrub_stored(document, context,
                 {feedback["name"], feedback["contact_email"], feedback["message"], feedback["url"],
                  feedback["source"], root["release"], root["environment"]});
    std::string message = short_text(feedback["message"], message_characters);
    if (message.empty()) {
        return reason::invalid_feedback;
    }
    row = JsonObject().text("kind", "feedback")
              .text("id", context.event_id)
              .text("event", normalize_uuid(feedback["associated_event_id"].text()))
              .text("name", short_text(feedback["name"], name_characters))
              .text("email", short_text(feedback["contact_email"], email_characters))
              .text("message", message)
              .text("url", short_text(feedback["url"], url_characters))
              .text("source", short_text(feedback["source"], source_characters))
              .text("release", valid_release(lenient_text(root["release"])))
              .text("environment", valid_environment(lenient_text(root["environment"])))
              .done();
    return reason::none;
}

}
