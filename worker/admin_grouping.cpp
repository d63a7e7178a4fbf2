#include "worker/admin_grouping.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/event.hpp"
#include "worker/grouping.hpp"
#include "worker/grouping_rules.hpp"
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

Event event_of(const std::string &body, const std::string &from, const EventContext &context)
{
    std::optional<Event> event = parse_event(body, context);
    if (!event) {
        throw Failure(Exit::refused, from + " holds no event: it is not a JSON object");
    }
    return std::move(*event);
}

std::string add(GroupingRules &rules, const std::string &kind, const std::string &rule)
{
    return kind == "fingerprint" ? rules.add_fingerprint_rule(rule) : rules.add_stack_rule(rule);
}

/* A new rule that cannot be read, or says what cannot be meant, ends the command. */
void must_add(GroupingRules &rules, const std::string &kind, const std::string &rule)
{
    std::string why = kind == "fingerprint"
                          ? rules.add_fingerprint_rule(rule, RuleVariables::known)
                          : rules.add_stack_rule(rule);
    if (!why.empty()) {
        throw Failure(Exit::refused, why);
    }
}

/* What is to be tried comes before what the project has: the first rule decides. */
std::shared_ptr<const GroupingRules> rules_of(const Options &options, Database *database)
{
    auto rules = std::make_shared<GroupingRules>();
    if (!options.fingerprint_rule.empty()) {
        must_add(*rules, "fingerprint", options.fingerprint_rule);
    }
    if (database != nullptr) {
        for (const auto &row : database->run("select kind, rule from errtrack_private.grouping_rule_list("
                                             "errtrack_private.find_project($1))",
                                             options.project)) {
            add(*rules, row[0].c_str(), row[1].c_str());
        }
    }
    if (!options.stack_rule.empty()) {
        must_add(*rules, "stack", options.stack_rule);
    }
    return rules;
}

Algorithm must_know(const std::string &name)
{
    std::optional<Algorithm> algorithm = algorithm_named(name);
    if (!algorithm) {
        throw Failure(Exit::refused, "there is no grouping \"" + name + "\": use "
                                         + std::string(to_text(Algorithm::g0)) + " or "
                                         + std::string(to_text(Algorithm::g1)));
    }
    return *algorithm;
}

/* The one to try, else that of the project. */
Algorithm algorithm_of(const Options &options, Database *database)
{
    if (!options.algorithm.empty()) {
        return must_know(options.algorithm);
    }
    if (database == nullptr) {
        return newest_algorithm;
    }
    pqxx::result found = database->run("select algorithm from errtrack_private.grouping_of("
                                       "errtrack_private.find_project($1))",
                                       options.project);
    return must_know(found[0][0].c_str());
}

std::vector<Event> events_of(const Options &options)
{
    std::optional<Database> database;
    if (!options.project.empty()) {
        database.emplace(options.database);
    }
    EventContext context;
    context.grouping.rules = rules_of(options, database ? &*database : nullptr);
    context.grouping.algorithm = algorithm_of(options, database ? &*database : nullptr);
    std::vector<Event> events;
    if (!options.event_id.empty()) {
        pqxx::result body = database->run("select errtrack_private.event_payload("
                                          "errtrack_private.find_project($1), $2::uuid)",
                                          options.project, options.event_id);
        events.push_back(event_of(body[0][0].c_str(), "event " + options.event_id, context));
    }
    for (const std::string &file : options.files) {
        events.push_back(event_of(content_of(file), file, context));
    }
    if (events.empty() || events.size() > 2) {
        throw Failure(Exit::refused, "name one event, or two to compare");
    }
    return events;
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
    std::vector<Event> events = events_of(options);
    const Event &first = events.front();
    if (events.size() == 1) {
        if (options.json) {
            std::cout << object_of(first) << '\n';
        } else {
            print_event(first);
        }
        return;
    }
    const Event &second = events.back();
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

void list_rules(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select r.kind, r.place, r.rule"
              " from errtrack_private.grouping_rule_list(errtrack_private.find_project($1)) as r",
              options.project);
}

void add_rule(const Options &options)
{
    GroupingRules reader;
    must_add(reader, options.kind, options.value);
    Database database(options.database);
    std::string place = number_or_empty(options.place);
    pqxx::result added = database.run(
        "select errtrack_private.add_grouping_rule(errtrack_private.find_project($1), $2, $3, $4::integer)",
        options.project, options.kind, options.value, null_if_empty(place));
    database.commit();
    int got = added[0][0].as<int>();
    std::cout << options.kind << " rule " << got << " of " << options.project << " is set\n";
    if (options.place > got) {
        remark("there is no place " + place + " yet: it is the last rule");
    }
}

void remove_rule(const Options &options)
{
    Database database(options.database);
    pqxx::result removed = database.run(
        "select errtrack_private.remove_grouping_rule(errtrack_private.find_project($1), $2, $3::integer)",
        options.project, options.kind, std::to_string(options.place));
    database.commit();
    std::cout << "removed: " << removed[0][0].c_str() << '\n';
}

void project_grouping(const Options &options)
{
    if (!options.algorithm.empty()) {
        must_know(options.algorithm);
    }
    Database database(options.database);
    if (!options.algorithm.empty()) {
        database.run("select errtrack_private.switch_grouping(errtrack_private.find_project($1), $2, $3)",
                     options.project, options.algorithm, options.transition_days);
    }
    show_record(std::cout, database, options.json, {},
                "select g.algorithm, g.previous, g.previous_until"
                " from errtrack_private.grouping_of(errtrack_private.find_project($1)) as g",
                options.project);
    database.commit();
}

}
