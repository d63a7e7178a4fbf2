#include "worker/json_editor.hpp"

#include <algorithm>

namespace errtrack {

void JsonEditor::replace(JsonValue value, std::string json)
{
    if (value) {
        mark(value, Mark::replace);
        replacements_[value.index()] = std::move(json);
    }
}

void JsonEditor::add(std::string member)
{
    added_.push_back(std::move(member));
}

void JsonEditor::add(JsonValue object, std::string member)
{
    if (object) {
        mark(object, Mark::rebuild);
        added_inside_[object.index()].push_back(std::move(member));
    }
}

/* A stronger mark is never replaced by a weaker one. Every container above a mark has
 * one itself, so the way up ends at the first that has. */
void JsonEditor::mark(JsonValue value, Mark wanted)
{
    if (!value) {
        return;
    }
    Mark &own = marks_[value.index()];
    bool fresh = own == Mark::keep;
    own = std::max(own, wanted);
    while (fresh && (value = value.parent())) {
        fresh = marks_[value.index()] == Mark::keep;
        marks_[value.index()] = fresh ? Mark::rebuild : marks_[value.index()];
    }
}

std::string JsonEditor::write(const std::vector<std::string> &more) const
{
    std::string out;
    out.reserve(root_.raw().size() + 64);
    if (added_.empty() && more.empty()) {
        append(out, root_);
        return out;
    }
    out.push_back('{');
    for (const std::vector<std::string> *members : {&added_, &more}) {
        for (const std::string &member : *members) {
            out.append(out.size() > 1 ? "," : "").append(member);
        }
    }
    append_children(out, root_, 1);
    out.push_back('}');
    return out;
}

std::string JsonEditor::write(JsonValue value) const
{
    std::string out;
    if (value && marks_[value.index()] != Mark::drop) {
        append(out, value);
    }
    return out;
}

/* Recursion is bounded by the depth that documents may have. */
void JsonEditor::append(std::string &out, JsonValue value) const
{
    Mark mark = marks_[value.index()];
    if (mark == Mark::keep) {
        out.append(value.raw());
        return;
    }
    if (mark == Mark::replace) {
        out.append(replacements_.at(value.index()));
        return;
    }
    out.append(mark == Mark::wrap ? "{\"values\":[" : "");
    out.push_back(value.is_object() ? '{' : '[');
    std::size_t empty = out.size();
    if (auto added = added_inside_.find(value.index()); added != added_inside_.end()) {
        for (const std::string &member : added->second) {
            out.append(out.size() > empty ? "," : "").append(member);
        }
    }
    append_children(out, value, empty);
    out.push_back(value.is_object() ? '}' : ']');
    out.append(mark == Mark::wrap ? "]}" : "");
}

/* empty is the size of out with nothing in the container yet. */
void JsonEditor::append_children(std::string &out, JsonValue value, std::size_t empty) const
{
    for (JsonValue child : value) {
        if (marks_[child.index()] != Mark::drop) {
            out.append(out.size() > empty ? "," : "");
            std::string_view member = child.raw_member();
            out.append(member.substr(0, member.size() - child.raw().size()));
            append(out, child);
        }
    }
}

}
