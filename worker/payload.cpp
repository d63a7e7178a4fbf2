/*
 * What GitLab stumbles over is edited out; what is still too large then loses one part
 * after the other.
 */

#include "worker/payload.hpp"

#include "worker/fields.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace errtrack {
namespace {

/* Members that are left when nothing else helped, each up to a size. */
constexpr std::size_t narrow_bytes = 4096;
constexpr std::string_view narrow_members[] = {
    "event_id", "timestamp", "platform",    "level",       "logger",  "transaction",
    "release",  "dist",      "environment", "server_name", "message", "logentry",
    "user",     "tags",      "sdk",         "fingerprint"};

/* Ruby's parser takes 100 levels, and Sentry's form of an event has two more than the body. */
constexpr std::uint32_t most_levels = 90;

class Payload {
public:
    Payload(JsonEditor &editor, std::string_view event_id, PayloadNotes notes)
        : editor_(editor), root_(editor.root()), notes_(std::move(notes))
    {
        if (JsonValue id = root_["event_id"]; !event_id.empty() && id.text() != event_id) {
            drop_all("event_id");
            std::string member = "\"event_id\":";
            append_json_string(member, event_id);
            editor_.add(std::move(member));
        }
        drop_all("_errtrack");
    }

    /* Makes the text readable for GitLab. */
    void mend()
    {
        const Json &document = editor_.document();
        bool deep = document.levels() > most_levels;
        if (deep || document.has_vast_numbers()) {
            mend_inside(root_, 1);
        }
        if (deep) {
            notes_.trimmed.push_back("levels");
        }
        if (JsonValue exception = root_["exception"]) {
            mend_list(exception);
            bool bare = exception.is_object() && !exception["values"];
            if (bare && exception.begin() != exception.end()) {
                editor_.wrap(exception);
            }
        }
        if (JsonValue threads = root_["threads"]) {
            mend_list(threads);
        }
    }

    /* Drops what can be missed most easily, until the text fits. */
    std::string bounded()
    {
        std::string text = write();
        trim_step(text, "vars", [&] { drop_vars(); });
        for (std::string_view key : {"breadcrumbs", "extra", "modules", "contexts", "debug_meta"}) {
            trim_step(text, key, [&] { drop_interface(key); });
        }
        trim_step(text, "request.data", [&] {
            for (std::string_view key : {"request", "sentry.interfaces.Http"}) {
                editor_.drop(root_[key]["data"]);
            }
        });
        for (std::string_view key : {"request", "threads"}) {
            trim_step(text, key, [&] { drop_interface(key); });
        }
        trim_step(text, "rest", [&] { drop_rest(); });
        return text;
    }

private:
    /* Also the earlier ones of equal keys, for readers that take the first. */
    void drop_all(std::string_view key)
    {
        for (JsonValue member : root_) {
            if (member.has_key(key)) {
                editor_.drop(member);
            }
        }
    }

    /* An attribute under its own name and under the one that old SDKs gave it. */
    void drop_interface(std::string_view key)
    {
        constexpr std::pair<std::string_view, std::string_view> old_names[] = {
            {"breadcrumbs", "sentry.interfaces.Breadcrumbs"},
            {"contexts", "sentry.interfaces.Contexts"},
            {"debug_meta", "sentry.interfaces.DebugMeta"},
            {"request", "sentry.interfaces.Http"},
            {"threads", "sentry.interfaces.Threads"}};
        drop_all(key);
        for (const auto &[name, old_name] : old_names) {
            if (name == key) {
                drop_all(old_name);
            }
        }
    }

    /* Recursion is bounded by most_levels. A number that is too long is no number, as NaN
     * is none. */
    void mend_inside(JsonValue container, std::uint32_t level)
    {
        for (JsonValue value : container) {
            if (value.is_vast()) {
                editor_.replace(value, "null");
            } else if (!value.is_object() && !value.is_array()) {
                continue;
            } else if (level < most_levels) {
                mend_inside(value, level + 1);
            } else {
                editor_.replace(value, value.is_object() ? "\"{Object}\"" : "\"[Array]\"");
            }
        }
    }

    static JsonValue list_in(JsonValue value)
    {
        JsonValue values = value["values"];
        return values ? values : value;
    }

    /* exception and threads: an array of objects, or an object whose values are one. */
    void mend_list(JsonValue value)
    {
        if (!value.is_array() && !value.is_object()) {
            if (!value.is_null()) {
                editor_.drop(value);
            }
            return;
        }
        JsonValue values = value["values"];
        if (values && !values.is_array() && !values.is_null()) {
            editor_.drop(values);
        }
        JsonValue list = list_in(value);
        if (list.is_object()) {
            mend_entry(list);
        } else if (list.is_array()) {
            for (JsonValue entry : list) {
                if (entry.is_object()) {
                    mend_entry(entry);
                } else {
                    editor_.drop(entry);
                }
            }
        }
    }

    void mend_entry(JsonValue entry)
    {
        JsonValue stacktrace = entry["stacktrace"];
        if (!stacktrace.is_object() && !stacktrace.is_null()) {
            editor_.drop(stacktrace);
        }
        JsonValue frames = stacktrace["frames"];
        if (!frames.is_array()) {
            if (!frames.is_null()) {
                editor_.drop(frames);
            }
            return;
        }
        for (JsonValue frame : frames) {
            if (frame.is_object()) {
                mend_frame(frame);
            } else {
                editor_.drop(frame);
            }
        }
    }

    /* Context lines are counted from lineno, in integers of 32 bits. */
    void mend_frame(JsonValue frame)
    {
        JsonValue lineno = frame["lineno"];
        std::optional<std::string> digits;
        if (lineno.is_string()) {
            digits = line_number(lineno.text());
            if (digits) {
                editor_.replace(lineno, *digits);
            }
        } else if (line_number(lineno.raw())) {
            digits = lineno.raw();
        }
        if (!digits && !lineno.is_null()) {
            editor_.drop(lineno);
        }
        for (JsonValue member : frame) {
            bool around = member.has_key("pre_context") || member.has_key("post_context");
            bool context = around || member.has_key("context_line");
            if (context && (!digits || (around && !member.is_array() && !member.is_null()))) {
                editor_.drop(member);
            } else if (around) {
                for (JsonValue line : member) {
                    mend_text(line);
                }
            } else if (context || member.has_key("filename") || member.has_key("abs_path")
                       || member.has_key("function")) {
                mend_text(member);
            }
        }
        mend_vars(frame["vars"]);
    }

    /* A string or null: what else can be told as text is, so that lines keep their place. */
    void mend_text(JsonValue value)
    {
        if (value.is_string() || value.is_null()) {
            return;
        }
        std::string json;
        std::optional<std::string> text = lenient_text(value);
        text ? append_json_string(json, *text) : void(json = "null");
        editor_.replace(value, json);
    }

    /* As JSON text, when it is a number of a line. */
    static std::optional<std::string> line_number(std::string_view text)
    {
        constexpr double most = 2147483647.0;
        double number = 0;
        auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        bool good = error == std::errc() && rest == text.data() + text.size() && number >= 0
                    && number < most && text.find_first_not_of("0123456789.eE+") == text.npos;
        return good ? std::optional(std::to_string(static_cast<std::int64_t>(number)))
                    : std::nullopt;
    }

    /* Variables have names; those of a list are numbered. */
    void mend_vars(JsonValue vars)
    {
        if (vars.is_array()) {
            std::string json = "{";
            std::size_t number = 0;
            for (JsonValue each : vars) {
                std::string value = editor_.write(each);
                if (!value.empty()) {
                    json.append(json.size() == 1 ? "\"" : ",\"").append(std::to_string(number));
                    json.append("\":").append(value);
                }
                number++;
            }
            editor_.replace(vars, json + "}");
        } else if (!vars.is_object() && !vars.is_null()) {
            editor_.drop(vars);
        }
    }

    void drop_vars()
    {
        auto drop_in = [&](JsonValue stacktrace) {
            for (JsonValue frame : stacktrace["frames"]) {
                editor_.drop(frame["vars"]);
            }
        };
        for (std::string_view key : {"exception", "sentry.interfaces.Exception", "threads",
                                     "sentry.interfaces.Threads"}) {
            JsonValue list = list_in(root_[key]);
            drop_in(list["stacktrace"]);
            for (JsonValue entry : list) {
                drop_in(entry["stacktrace"]);
                drop_in(entry["raw_stacktrace"]);
            }
        }
        drop_in(root_["stacktrace"]);
        drop_in(root_["sentry.interfaces.Stacktrace"]);
    }

    /* Of equal keys only the last stays, so that what is left has a bound. */
    void drop_rest()
    {
        std::vector<std::uint32_t> narrow;
        for (std::string_view name : narrow_members) {
            if (JsonValue member = root_[name]; member.raw_member().size() <= narrow_bytes) {
                narrow.push_back(member.index());
            }
        }
        for (JsonValue member : root_) {
            if (std::find(narrow.begin(), narrow.end(), member.index()) == narrow.end()) {
                editor_.drop(member);
            }
        }
    }

    template <class Step>
    void trim_step(std::string &text, std::string_view name, Step step)
    {
        if (text.size() > max_payload) {
            if (std::find(notes_.trimmed.begin(), notes_.trimmed.end(), name)
                == notes_.trimmed.end()) {
                notes_.trimmed.push_back(name);
            }
            step();
            text = write();
        }
    }

    /* With the member that is ours. */
    std::string write() const
    {
        if (notes_.trimmed.empty() && notes_.time.empty()) {
            return editor_.write();
        }
        std::string own = "\"_errtrack\":{";
        if (!notes_.trimmed.empty()) {
            own.append("\"trimmed\":[");
            for (std::string_view name : notes_.trimmed) {
                own.append(name == notes_.trimmed.front() ? "" : ",");
                append_json_string(own, name);
            }
            own.append(notes_.time.empty() ? "]" : "],");
        }
        if (!notes_.time.empty()) {
            own.append("\"time\":");
            append_json_string(own, notes_.time);
        }
        return editor_.write({own + "}"});
    }

    JsonEditor &editor_;
    const JsonValue root_;
    PayloadNotes notes_;
};

}

std::string make_payload(JsonEditor &editor, std::string_view event_id, PayloadNotes notes)
{
    Payload payload(editor, event_id, std::move(notes));
    payload.mend();
    return payload.bounded();
}

}
