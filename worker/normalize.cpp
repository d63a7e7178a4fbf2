/*
 * One function for each attribute with rules of its own.
 */

#include "worker/normalize.hpp"

#include <algorithm>

#include "worker/fields.hpp"
#include "worker/grouping.hpp"
#include "worker/repair.hpp"
#include "worker/secrets.hpp"
#include "worker/tags.hpp"
#include "worker/user.hpp"

namespace errtrack {
namespace {

constexpr std::size_t dist_characters = 64;

std::string quoted(std::string_view text)
{
    std::string json;
    append_json_string(json, text);
    return json;
}

class Normalizer {
public:
    Normalizer(JsonEditor &editor, const Event &event, const CorrectedTime &time,
               const std::string &client_address, JsonValue derived)
        : editor_(editor), root_(editor.root()), event_(event), time_(time),
          client_address_(client_address), derived_(derived)
    {
    }

    void run()
    {
        columns();
        times();
        tags();
        user();
        request();
        contexts();
        breadcrumbs();
        exceptions();
        software();
    }

private:
    static bool is_list(JsonValue value) { return value.is_array() || value.is_object(); }

    /* A member that has to be an object if it is there. */
    JsonValue object(std::string_view key, std::string_view old_key)
    {
        JsonValue value = interface_of(root_, key, old_key);
        if (!value.is_object() && !value.is_null()) {
            editor_.drop(value);
        }
        return value;
    }

    /* A member that is there is to be this text; gone when there is none. */
    void becomes(JsonValue member, std::string_view text)
    {
        if (member && text.empty()) {
            editor_.drop(member);
        } else if (member && (!member.is_string() || member.text() != text)) {
            editor_.replace(member, quoted(text));
        }
    }

    /* Numbers and booleans become texts, what is a list goes. */
    void becomes_text(JsonValue member)
    {
        if (!member.is_null() && !member.is_string()) {
            becomes(member, lenient_text(member).value_or(""));
        }
    }

    /* ---- attributes ---- */

    void columns()
    {
        becomes(root_["level"], event_.level);
        becomes(root_["platform"], event_.platform);
        becomes(root_["logger"], event_.logger);
        becomes(root_["transaction"], event_.transaction);
        becomes(root_["release"], event_.release);
        if (JsonValue environment = root_["environment"]) {
            becomes(environment, event_.environment);
        } else if (!event_.environment.empty()) {
            editor_.add("\"environment\":" + quoted(event_.environment));
        }
        if (JsonValue dist = root_["dist"]) {
            std::string text(trim(lenient_text(dist).value_or("")));
            bool good = text.size() <= dist_characters
                        && std::all_of(text.begin(), text.end(), [](char c) {
                               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                                      || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
                           });
            becomes(dist, good ? text : "");
        }
        becomes_text(root_["server_name"]);
    }

    void times()
    {
        move(root_["timestamp"]);
        move(root_["start_timestamp"]);
        for (JsonValue span : root_["spans"]) {
            move(span["timestamp"]);
            move(span["start_timestamp"]);
        }
    }

    void move(JsonValue timestamp)
    {
        std::optional<std::int64_t> time = timestamp_of(timestamp);
        if (!time && !timestamp.is_null()) {
            editor_.drop(timestamp);
        } else if (time && time_.shift != 0) {
            editor_.replace(timestamp, quoted(format_timestamp(*time + time_.shift)));
        }
    }

    /* In the form in which they came when they are in order, else as a list of pairs. */
    void tags()
    {
        JsonValue node = root_["tags"];
        if (node.is_null()) {
            return;
        }
        Tags tags = sent_tags(node);
        if (tags.empty()) {
            editor_.drop(node);
        } else if (!says(node, tags)) {
            std::string json = "[";
            for (const auto &[key, value] : tags) {
                json.append(json.size() > 1 ? ",[" : "[").append(quoted(key)).append(",");
                json.append(quoted(value)).append("]");
            }
            editor_.replace(node, json + "]");
        }
    }

    static bool says(JsonValue node, const Tags &tags)
    {
        std::size_t n = 0;
        std::string buffer;
        for (JsonValue tag : node) {
            JsonValue value = tag;
            std::string key;
            if (node.is_object()) {
                key = tag.key();
            } else if (auto part = tag.begin(); part != tag.end()) {
                key = part->text();
                ++part;
                value = *part;
            }
            if (n == tags.size() || key != tags[n].first || !value.is_string()
                || value.text(buffer) != tags[n].second) {
                return false;
            }
            n++;
        }
        return n == tags.size();
    }

    void user()
    {
        JsonValue user = object("user", "sentry.interfaces.User");
        for (std::string_view key : {"id", "username", "email", "name"}) {
            becomes_text(user[key]);
        }
        if (JsonValue address = user["ip_address"]; !address.is_null()) {
            std::string text = address.text();
            text = text == "{{auto}}" ? client_address_ : text;
            becomes(address, is_address(text) || text == filtered_text ? text : "");
        }
    }

    void request()
    {
        JsonValue request = object("request", "sentry.interfaces.Http");
        if (JsonValue method = request["method"]; !method.is_null()) {
            std::string text = method.text();
            std::transform(text.begin(), text.end(), text.begin(), [](char c) {
                return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            });
            bool good = text.size() >= 3 && text.size() <= 32
                        && std::all_of(text.begin(), text.end(), [](char c) {
                               return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
                           });
            becomes(method, good ? text : "");
        }
        if (JsonValue url = request["url"]; !url.is_string() && !url.is_null()) {
            editor_.drop(url);
        }
        if (JsonValue env = request["env"]; !env.is_object() && !env.is_null()) {
            editor_.drop(env);
        }
        query(request["query_string"]);
        headers(request["headers"]);
        if (JsonValue cookies = request["cookies"];
            !is_list(cookies) && !cookies.is_string() && !cookies.is_null()) {
            editor_.drop(cookies);
        }
    }

    void query(JsonValue query)
    {
        if (query.is_string() && query.text().starts_with('?')) {
            editor_.replace(query, quoted(query.text().substr(1)));
        } else if (query.is_array()) {
            for (JsonValue pair : query) {
                if (JsonValue value = second(pair); value && value.is_null()) {
                    editor_.replace(value, "\"\"");
                }
            }
        } else if (!query.is_string() && !query.is_object() && !query.is_null()) {
            editor_.drop(query);
        }
    }

    static JsonValue second(JsonValue pair)
    {
        auto part = pair.begin();
        return pair.is_array() && part != pair.end() ? *++part : JsonValue();
    }

    void headers(JsonValue headers)
    {
        if (!is_list(headers) && !headers.is_null()) {
            editor_.drop(headers);
        }
        for (JsonValue each : headers) {
            JsonValue value = headers.is_object() ? each : second(each);
            if (value.is_array()) {
                std::string joined;
                for (JsonValue part : value) {
                    joined.append(joined.empty() ? "" : ",").append(lenient_text(part).value_or(""));
                }
                editor_.replace(value, quoted(joined));
            } else if (value.is_object()) {
                editor_.drop(headers.is_object() ? value : each);
            }
        }
    }

    void contexts()
    {
        JsonValue contexts = object("contexts", "sentry.interfaces.Contexts");
        for (JsonValue context : contexts) {
            JsonValue type = context["type"];
            if (!context.is_object()) {
                editor_.drop(context);
            } else if (type && type.text().empty()) {
                editor_.replace(type, quoted(context.key()));
            }
        }
        JsonValue derived = derived_["contexts"];
        if (!contexts.is_object()) {
            add(derived);
            return;
        }
        for (JsonValue each : derived) {
            editor_.add(contexts, std::string(each.raw_member()));
        }
    }

    /* A member of the root in the place of what is none. */
    void add(JsonValue derived)
    {
        if (derived) {
            editor_.drop(root_[derived.key()]);
            editor_.add(std::string(derived.raw_member()));
        }
    }

    /* The elements of a list that may be an object with values; others than objects go. */
    std::vector<JsonValue> objects(JsonValue list)
    {
        if (!is_list(list) && !list.is_null()) {
            editor_.drop(list);
        }
        JsonValue inner = list.is_object() && list["values"] ? list["values"] : list;
        if (list.is_object() && !inner.is_array() && !inner.is_object() && !inner.is_null()) {
            editor_.drop(inner);
        }
        std::vector<JsonValue> elements;
        if (inner.is_array()) {
            for (JsonValue each : inner) {
                if (each.is_object()) {
                    elements.push_back(each);
                } else {
                    editor_.drop(each);
                }
            }
        } else if (inner.is_object()) {
            elements.push_back(inner);
        }
        return elements;
    }

    void breadcrumbs()
    {
        for (JsonValue crumb :
             objects(interface_of(root_, "breadcrumbs", "sentry.interfaces.Breadcrumbs"))) {
            if (JsonValue data = crumb["data"]; !data.is_object() && !data.is_null()) {
                editor_.drop(data);
            }
            move(crumb["timestamp"]);
        }
    }

    void exceptions()
    {
        for (JsonValue each :
             objects(interface_of(root_, "exception", "sentry.interfaces.Exception"))) {
            if (JsonValue type = each["type"]; !type.is_string() && !type.is_null()) {
                editor_.drop(type);
            }
            if (JsonValue value = each["value"]; !value.is_string() && !value.is_null()) {
                editor_.replace(value, quoted(cut_bytes(value.canonical(), max_message_bytes)));
            }
            JsonValue mechanism = each["mechanism"];
            JsonValue type = mechanism["type"];
            bool empty = mechanism.begin() == mechanism.end();
            if (!mechanism.is_null() && (!mechanism.is_object() || empty)) {
                editor_.drop(mechanism);
            } else if (type && !type.is_string()) {
                editor_.replace(type, "\"generic\"");
            }
        }
    }

    void software()
    {
        JsonValue sdk = object("sdk", "sdk");
        add(derived_["sdk"]);
        becomes_text(sdk["name"]);
        becomes_text(sdk["version"]);
        for (std::string_view key : {"packages", "integrations", "features"}) {
            if (JsonValue list = sdk[key]; !list.is_array() && !list.is_null()) {
                editor_.drop(list);
            }
        }
        object("extra", "extra");
        object("modules", "modules");
        object("debug_meta", "sentry.interfaces.DebugMeta");
    }

    JsonEditor &editor_;
    const JsonValue root_;
    const Event &event_;
    const CorrectedTime &time_;
    const std::string &client_address_;
    const JsonValue derived_;
};

}

void normalize(JsonEditor &editor, const Event &event, const CorrectedTime &time,
               const std::string &client_address, JsonValue derived)
{
    Normalizer(editor, event, time, client_address, derived).run();
}

}
