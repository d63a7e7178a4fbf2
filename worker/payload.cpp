/*
 * A payload is edited by marks on the nodes of its document, then written once: a
 * node without marks is copied with everything in it, a container above a mark is
 * put together again from its children.
 */

#include "worker/payload.hpp"

#include <algorithm>
#include <cmath>
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

class PayloadEditor {
public:
    PayloadEditor(const Json &document, std::string_view event_id)
        : root_(document.root()), event_id_(event_id), marks_(document.size(), Mark::keep)
    {
        if (!event_id_.empty()) {
            JsonValue id = root_["event_id"];
            if (id && id.text() == event_id_) {
                event_id_ = {};
            } else {
                drop_all("event_id");
                mark(root_, Mark::rebuild);
            }
        }
        if (root_["_errtrack"]) {
            drop_all("_errtrack");
        }
    }

    /* Makes the text readable for GitLab. */
    void mend()
    {
        if (JsonValue exception = root_["exception"]) {
            mend_list(exception);
            bool bare = exception.is_object() && !exception["values"];
            if (bare && exception.begin() != exception.end()) {
                mark(exception, Mark::wrap);
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
                drop(root_[key]["data"]);
            }
        });
        for (std::string_view key : {"request", "threads"}) {
            trim_step(text, key, [&] { drop_interface(key); });
        }
        trim_step(text, "rest", [&] { drop_rest(); });
        return text;
    }

private:
    enum class Mark : std::uint8_t { keep, rebuild, wrap, drop };

    /* A stronger mark is never replaced by a weaker one. Every container above a
     * mark has one itself, so the way up ends at the first that has. */
    void mark(JsonValue value, Mark wanted)
    {
        Mark &own = marks_[value.index()];
        bool fresh = own == Mark::keep;
        own = std::max(own, wanted);
        while (fresh && (value = value.parent())) {
            fresh = marks_[value.index()] == Mark::keep;
            marks_[value.index()] = fresh ? Mark::rebuild : marks_[value.index()];
        }
    }

    void drop(JsonValue value)
    {
        if (value) {
            mark(value, Mark::drop);
        }
    }

    /* Also the earlier ones of equal keys, for readers that take the first. */
    void drop_all(std::string_view key)
    {
        for (JsonValue member : root_) {
            if (member.has_key(key)) {
                drop(member);
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
                drop(value);
            }
            return;
        }
        JsonValue values = value["values"];
        if (values && !values.is_array() && !values.is_null()) {
            drop(values);
        }
        JsonValue list = list_in(value);
        if (list.is_object()) {
            mend_entry(list);
        } else if (list.is_array()) {
            for (JsonValue entry : list) {
                if (entry.is_object()) {
                    mend_entry(entry);
                } else {
                    drop(entry);
                }
            }
        }
    }

    void mend_entry(JsonValue entry)
    {
        JsonValue stacktrace = entry["stacktrace"];
        if (!stacktrace.is_object() && !stacktrace.is_null()) {
            drop(stacktrace);
        }
        JsonValue frames = stacktrace["frames"];
        if (!frames.is_array()) {
            if (!frames.is_null()) {
                drop(frames);
            }
            return;
        }
        for (JsonValue frame : frames) {
            if (frame.is_object()) {
                mend_frame(frame);
            } else {
                drop(frame);
            }
        }
    }

    /* Context lines are counted from lineno, in integers of 32 bits. */
    void mend_frame(JsonValue frame)
    {
        constexpr double most = 2147483647.0;
        std::optional<double> lineno = frame["lineno"].number();
        bool numbered = lineno && std::abs(*lineno) < most;
        for (JsonValue member : frame) {
            bool around = member.has_key("pre_context") || member.has_key("post_context");
            bool context = around || member.has_key("context_line");
            if (context && (!numbered || (around && !member.is_array() && !member.is_null()))) {
                drop(member);
            }
        }
    }

    void drop_vars()
    {
        auto drop_in = [&](JsonValue stacktrace) {
            for (JsonValue frame : stacktrace["frames"]) {
                drop(frame["vars"]);
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
                drop(member);
            }
        }
    }

    template <class Step>
    void trim_step(std::string &text, std::string_view name, Step step)
    {
        if (text.size() > max_payload) {
            mark(root_, Mark::rebuild);
            trimmed_.push_back(name);
            step();
            text = write();
        }
    }

    std::string write() const
    {
        std::string out;
        out.reserve(root_.raw().size() + 64);
        append(out, root_);
        return out;
    }

    /* Recursion is bounded by the depth that documents may have. */
    void append(std::string &out, JsonValue value) const
    {
        Mark own = marks_[value.index()];
        if (own == Mark::keep) {
            out.append(value.raw());
            return;
        }
        out.append(own == Mark::wrap ? "{\"values\":[" : "");
        out.push_back(value.is_object() ? '{' : '[');
        std::size_t empty = out.size();
        if (value == root_) {
            append_own(out);
        }
        for (JsonValue child : value) {
            if (marks_[child.index()] == Mark::drop) {
                continue;
            }
            if (out.size() > empty) {
                out.push_back(',');
            }
            std::string_view member = child.raw_member();
            out.append(member.substr(0, member.size() - child.raw().size()));
            append(out, child);
        }
        out.push_back(value.is_object() ? '}' : ']');
        out.append(own == Mark::wrap ? "]}" : "");
    }

    /* The members that are ours. */
    void append_own(std::string &out) const
    {
        if (!event_id_.empty()) {
            out.append("\"event_id\":");
            append_json_string(out, event_id_);
        }
        if (!trimmed_.empty()) {
            out.append(event_id_.empty() ? "" : ",").append("\"_errtrack\":{\"trimmed\":[");
            for (std::string_view name : trimmed_) {
                out.append(name == trimmed_.front() ? "" : ",");
                append_json_string(out, name);
            }
            out.append("]}");
        }
    }

    JsonValue root_;
    std::string_view event_id_;              /* empty when it need not be written */
    std::vector<Mark> marks_;
    std::vector<std::string_view> trimmed_;
};

}

std::string make_payload(const Json &document, std::string_view event_id)
{
    PayloadEditor editor(document, event_id);
    editor.mend();
    return editor.bounded();
}

}
