#include "worker/tags.hpp"

#include <algorithm>

#include "worker/fields.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t most_tags = 200;
constexpr std::size_t key_characters = 200;
constexpr std::size_t value_characters = 200;

/* They say what an attribute says, and may say something else. */
constexpr std::string_view attributes[] = {"release", "dist",     "user",
                                           "filename", "function", "environment"};

constexpr std::string_view also_user = "(user)";

bool in_key(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '.' || c == ':' || c == '-';
}

/* Empty when it cannot be the key of a tag. */
std::string key_of(const std::optional<std::string> &text)
{
    std::string key(trim(text.value_or("")));
    std::replace(key.begin(), key.end(), ' ', '-');
    bool good = key.size() <= key_characters && std::all_of(key.begin(), key.end(), in_key);
    return good ? key : "";
}

/* Empty when it cannot be the value of a tag. */
std::string value_of(const std::optional<std::string> &text)
{
    std::string value(trim(text.value_or("")));
    bool good = value.find('\n') == value.npos
                && cut_characters(value, value_characters).size() == value.size();
    return good ? value : "";
}

/* Adds a tag unless its key is there. */
void add(Tags &tags, std::string_view key, std::string value)
{
    bool known = std::any_of(tags.begin(), tags.end(),
                             [key](const auto &each) { return each.first == key; });
    if (!known && !key.empty() && !value.empty() && tags.size() < most_tags) {
        tags.emplace_back(key, std::move(value));
    }
}

void add_text(Tags &tags, std::string_view key, std::string_view text)
{
    add(tags, key, value_of(std::string(cut_characters(trim(text), value_characters))));
}

void add_flag(Tags &tags, std::string_view key, JsonValue value)
{
    if (std::optional<bool> flag = value.boolean()) {
        add(tags, key, *flag ? "yes" : "no");
    }
}

/* "Linux 6.1" and "Linux" under the context's key. */
void add_named(Tags &tags, const std::string &key, JsonValue context)
{
    std::string name = lenient_text(context["name"]).value_or("");
    std::string version = lenient_text(context["version"]).value_or("");
    if (!name.empty()) {
        add_text(tags, key, version.empty() ? name : name + " " + version);
        add_text(tags, key + ".name", name);
    }
}

void add_context(Tags &tags, const std::string &key, JsonValue context)
{
    std::string type = context["type"].text();
    type = type.empty() ? key : type;
    auto member = [&](std::string_view name) { return lenient_text(context[name]).value_or(""); };
    if (type == "os" || type == "browser" || type == "runtime") {
        add_named(tags, key, context);
        if (type == "os") {
            add_flag(tags, key + ".rooted", context["rooted"]);
        }
    } else if (type == "device") {
        add_text(tags, key, member("model"));
        add_text(tags, key + ".family", member("family"));
    } else if (type == "gpu") {
        add_text(tags, key + ".name", member("name"));
        add_text(tags, key + ".vendor", member("vendor_name"));
    } else if (type == "app") {
        add_text(tags, key + ".device", member("device_app_hash"));
    } else if (type == "monitor") {
        add_text(tags, key + ".id", member("id"));
        add_text(tags, key + ".slug", member("slug"));
    }
}

/*
 * The first name of a user is the tag; the second is one that only searches look at, under
 * a key that nobody can send. Each more would be a row for each user of each issue.
 */
void add_user(Tags &tags, JsonValue user)
{
    constexpr std::pair<std::string_view, std::string_view> kinds[] = {
        {"id", "id:"}, {"email", "email:"}, {"username", "username:"}, {"ip_address", "ip:"}};
    std::string_view key = "user";
    for (const auto &[member, prefix] : kinds) {
        std::string text = lenient_text(user[member]).value_or("");
        if (!trim(text).empty()) {
            add_text(tags, key, std::string(prefix).append(trim(text)));
            if (key == also_user) {
                return;
            }
            key = also_user;
        }
    }
}

}

Tags sent_tags(JsonValue tags)
{
    Tags made;
    for (JsonValue tag : tags) {
        std::optional<std::string> key;
        JsonValue value;
        if (tags.is_object()) {
            key = tag.key();
            value = tag;
        } else if (auto part = tag.begin(); tag.is_array() && part != tag.end()) {
            key = lenient_text(*part);
            ++part;
            value = *part;
        }
        std::string name = key_of(key);
        if (std::find(std::begin(attributes), std::end(attributes), name) == std::end(attributes)) {
            add(made, name, value_of(lenient_text(value)));
        }
    }
    return made;
}

Tags tags_of(JsonValue root, const Event &event, JsonValue contexts)
{
    Tags tags = sent_tags(root["tags"]);
    add_text(tags, "level", event.level);
    add_text(tags, "logger", event.logger);
    add_text(tags, "environment", event.environment);
    add_text(tags, "release", event.release);
    add_text(tags, "dist", lenient_text(root["dist"]).value_or(""));
    add_text(tags, "transaction", event.transaction);
    add_text(tags, "server_name", lenient_text(root["server_name"]).value_or(""));
    add_text(tags, "site", lenient_text(root["site"]).value_or(""));
    add_text(tags, "url", interface_of(root, "request", "sentry.interfaces.Http")["url"].text());
    for (JsonValue each : values_of(interface_of(root, "exception", "sentry.interfaces.Exception"), 1)) {
        add_flag(tags, "handled", each["mechanism"]["handled"]);
        add_text(tags, "mechanism", each["mechanism"]["type"].text());
    }
    add_user(tags, interface_of(root, "user", "sentry.interfaces.User"));
    for (JsonValue list :
         {interface_of(root, "contexts", "sentry.interfaces.Contexts"), contexts}) {
        for (JsonValue context : list) {
            if (context.is_object()) {
                add_context(tags, key_of(context.key()), context);
            }
        }
    }
    return tags;
}

}
