#include "worker/limits.hpp"

#include <algorithm>

#include "worker/fields.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t text_bytes = 8 * kib;
constexpr std::size_t frames_kept = 250;
constexpr std::size_t most_entries = 1000;

/* Of a value: bytes of its text, and levels of lists in it. */
struct Bag {
    std::size_t bytes;
    unsigned depth;
};

constexpr Bag vars{2 * kib, 5};
constexpr Bag data{2 * kib, 5};
constexpr Bag params{2 * kib, 5};
constexpr Bag context{8 * kib, 7};
constexpr Bag flags{132 * kib, 7};
constexpr Bag extra{16 * kib, 7};
constexpr Bag modules{16 * kib, 2};
constexpr Bag body{16 * kib, 7};
constexpr Bag headers{8 * kib, 7};

class Limiter {
public:
    explicit Limiter(JsonEditor &editor) : editor_(editor), root_(editor.root()) {}

    std::vector<std::string_view> run()
    {
        stacks();
        for (JsonValue crumb :
             values_of(interface_of(root_, "breadcrumbs", "sentry.interfaces.Breadcrumbs"),
                       most_entries)) {
            part(crumb["data"], data, "breadcrumbs");
            text(crumb["message"], "breadcrumbs");
        }
        for (JsonValue each : root_["extra"]) {
            part(each, extra, "extra");
        }
        for (JsonValue each : interface_of(root_, "contexts", "sentry.interfaces.Contexts")) {
            part(each, each.has_key("flags") ? flags : context, "contexts");
        }
        part(root_["modules"], modules, "modules");
        JsonValue request = interface_of(root_, "request", "sentry.interfaces.Http");
        part(request["data"], body, "request.data");
        part(request["headers"], headers, "request.headers");
        part(request["cookies"], headers, "request.cookies");
        part(request["query_string"], headers, "request.query_string");
        part(request["env"], headers, "request.env");
        for (std::string_view key : {"logentry", "message", "sentry.interfaces.Message"}) {
            JsonValue message = root_[key];
            text(message, key);
            text(message["message"], key);
            text(message["formatted"], key);
            part(message["params"], params, key);
        }
        return std::move(cut_);
    }

private:
    void stacks()
    {
        for (auto [key, old_key] : {std::pair("exception", "sentry.interfaces.Exception"),
                                    std::pair("threads", "sentry.interfaces.Threads")}) {
            for (JsonValue each : values_of(interface_of(root_, key, old_key), most_entries)) {
                text(each["value"], key);
                stack(each["stacktrace"]);
            }
        }
        stack(interface_of(root_, "stacktrace", "sentry.interfaces.Stacktrace"));
    }

    /* The newest frames are the last ones. */
    void stack(JsonValue stacktrace)
    {
        JsonValue frames = stacktrace["frames"];
        std::size_t number = static_cast<std::size_t>(std::distance(frames.begin(), frames.end()));
        for (JsonValue frame : frames) {
            if (number-- > frames_kept) {
                editor_.drop(frame);
                name("frames");
            } else {
                part(frame["vars"], vars, "vars");
            }
        }
    }

    void name(std::string_view part)
    {
        if (std::find(cut_.begin(), cut_.end(), part) == cut_.end()) {
            cut_.push_back(part);
        }
    }

    void text(JsonValue value, std::string_view of)
    {
        if (value.is_string()) {
            part(value, {text_bytes, 0}, of);
        }
    }

    void part(JsonValue value, Bag bag, std::string_view of)
    {
        left_ = bag.bytes;
        if (value && !shorten(value, bag.depth)) {
            name(of);
        }
    }

    /* Recursion is bounded by depth. False: something had to go. */
    bool shorten(JsonValue value, unsigned depth)
    {
        if (!value.is_object() && !value.is_array()) {
            return shorten_scalar(value);
        }
        if (depth == 0) {
            editor_.replace(value, value.is_object() ? "\"{Object}\"" : "\"[Array]\"");
            return false;
        }
        bool whole = true;
        for (JsonValue child : value) {
            std::size_t key = child.raw_member().size() - child.raw().size() + 1;
            if (key >= left_) {
                left_ = 0;
                editor_.drop(child);
                whole = false;
            } else {
                left_ -= key;
                whole = shorten(child, depth - 1) && whole;
            }
        }
        return whole;
    }

    bool shorten_scalar(JsonValue value)
    {
        std::size_t size = value.raw().size();
        if (size <= left_) {
            left_ -= size;
            return true;
        }
        constexpr std::string_view dots = "...";
        std::string json;
        if (value.is_string()) {
            std::string text = value.text();
            append_json_string(json, std::string(cut_bytes(text, left_)).append(dots));
        } else {
            json = "\"...\"";
        }
        editor_.replace(value, json);
        left_ = 0;
        return false;
    }

    JsonEditor &editor_;
    const JsonValue root_;
    std::size_t left_ = 0;
    std::vector<std::string_view> cut_;
};

}

std::vector<std::string_view> limit_parts(JsonEditor &editor)
{
    return Limiter(editor).run();
}

}
