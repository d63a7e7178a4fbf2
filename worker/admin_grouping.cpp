#include "worker/admin_grouping.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "worker/admin_database.hpp"
#include "worker/event.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"

namespace errtrack {
namespace {

std::string content_of(const std::string &file)
{
    if (file == "-") {
        return {std::istreambuf_iterator<char>(std::cin), {}};
    }
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) {
        throw Failure(Exit::refused, "cannot read " + file);
    }
    return text;
}

Event event_of(const std::string &file)
{
    std::optional<Event> event = parse_event(content_of(file), EventContext());
    if (!event) {
        throw Failure(Exit::refused, file + " holds no event: it is not a JSON object");
    }
    return std::move(*event);
}

std::string object_of(const Event &event)
{
    std::string out = "{\"title\":";
    append_json_string(out, event.title);
    out.append(",\"culprit\":");
    append_json_string(out, event.culprit);
    out.append(",\"location\":");
    append_json_string(out, location_of(*event.grouping));
    return out.append(",\"grouping\":").append(explain_grouping(*event.grouping)).append("}");
}

/* A component and those in it, deeper by one step each; "-" before what does not count. */
void print_component(JsonValue component, std::size_t depth)
{
    bool counts = component["contributes"].boolean().value_or(false);
    std::cout << std::string(2 * depth, ' ') << (counts ? "  " : "- ") << component["name"].text();
    if (std::optional<std::int64_t> frame = component["frame"].integer()) {
        std::cout << ' ' << *frame;
    }
    for (std::string_view name : {"value", "raw", "hint", "rule"}) {
        if (JsonValue value = component[name]) {
            std::cout << "  " << (name == "value" ? "" : std::string(name) + " ") << value.raw();
        }
    }
    std::cout << '\n';
    for (JsonValue inner : component["components"]) {
        print_component(inner, depth + 1);
    }
}

/* Terminals must not obey what a client wrote. */
std::string printable(std::string text)
{
    std::replace_if(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return text;
}

void print_event(const Event &event)
{
    Json document;
    if (!document.parse(explain_grouping(*event.grouping))) {
        throw Failure(Exit::refused, "the explanation is not JSON");
    }
    JsonValue why = document.root();
    std::cout << "title       " << printable(event.title) << "\nculprit     "
              << printable(event.culprit) << "\nlocation    "
              << printable(location_of(*event.grouping)) << "\nstrategy    " << why["strategy"].text()
              << "\nconfidence  " << why["confidence"].text() << '\n';
    for (JsonValue hash : why["hashes"]) {
        std::cout << "hash        " << hash["hash"].text() << ' ' << hash["variant"].text() << '\n';
    }
    if (JsonValue fingerprint = why["fingerprint"]) {
        std::cout << "fingerprint " << fingerprint["resolved"].raw() << ' '
                  << fingerprint["rule"].text() << '\n';
    }
    for (JsonValue variant : why["variants"]) {
        print_component(variant, 0);
    }
}

bool are_same(const Event &a, const Event &b)
{
    return std::any_of(a.hashes.begin(), a.hashes.end(), [&](const GroupingHash &one) {
        return std::any_of(b.hashes.begin(), b.hashes.end(),
                           [&](const GroupingHash &other) { return one.hash == other.hash; });
    });
}

}

void show_grouping(const Options &options)
{
    Event first = event_of(options.files[0]);
    if (options.files.size() == 1) {
        if (options.json) {
            std::cout << object_of(first) << '\n';
        } else {
            print_event(first);
        }
        return;
    }
    Event second = event_of(options.files[1]);
    bool same = are_same(first, second);
    if (options.json) {
        std::cout << "{\"same\":" << (same ? "true" : "false") << ",\"events\":["
                  << object_of(first) << ',' << object_of(second) << "]}\n";
        return;
    }
    print_event(first);
    std::cout << '\n';
    print_event(second);
    std::cout << '\n' << (same ? "the same error" : "two errors") << '\n';
}

}
