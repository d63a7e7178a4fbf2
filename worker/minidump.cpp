/*
 * What is added stands behind what was sent: of equal keys the last one counts, and a
 * null counts as absent.
 */

#include "worker/minidump.hpp"

#include "worker/json.hpp"
#include "worker/repair.hpp"

#include <string_view>

namespace errtrack {
namespace {

bool parse_object(Json &document, std::string_view text)
{
    std::string buffer;
    return document.parse(repair(text, buffer)) && document.root().is_object();
}

/* Chunks are numbered from 1; clients send them in any order. */
std::string joined_chunks(const std::vector<MultipartPart> &parts)
{
    std::string text;
    for (std::size_t n = 1; n <= parts.size(); n++) {
        std::string name = "sentry__" + std::to_string(n);
        std::size_t size = text.size();
        for (const MultipartPart &part : parts) {
            if (!part.file && part.name == name) {
                text.append(part.content);
                break;
            }
        }
        if (text.size() == size) {
            break;
        }
    }
    return text;
}

bool any_of(JsonValue root, std::initializer_list<std::string_view> names)
{
    for (std::string_view name : names) {
        if (!root[name].is_null()) {
            return true;
        }
    }
    return false;
}

/* The event of a document that is an object. */
std::string completed(JsonValue root)
{
    std::string text(root.raw());
    text.pop_back();
    bool empty = root.begin() == root.end();
    auto add = [&](std::string_view member) {
        text.append(empty ? "" : ",").append(member);
        empty = false;
    };
    if (root["level"].is_null()) {
        add("\"level\":\"fatal\"");
    }
    if (root["platform"].is_null()) {
        add("\"platform\":\"native\"");
    }
    if (!any_of(root, {"exception", "sentry.interfaces.Exception", "message", "logentry",
                       "sentry.interfaces.Message"}))
    {
        add("\"message\":\"Minidump\"");
    }
    return text + "}";
}

}

std::string minidump_event(const std::vector<MultipartPart> &parts)
{
    Json document;
    bool found = false;
    for (const MultipartPart &part : parts) {
        if (!part.file && part.name == "sentry" && !found) {
            found = parse_object(document, part.content);
        }
    }
    if (!found && !parse_object(document, joined_chunks(parts))) {
        parse_object(document, "{}");
    }
    return completed(document.root());
}

std::string minidump_event(std::string_view json)
{
    Json document;
    return parse_object(document, json) ? completed(document.root()) : std::string(json);
}

}
