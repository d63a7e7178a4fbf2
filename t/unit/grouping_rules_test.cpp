/* Rules that a project sets for its grouping: what they match, and what they do. */

#include "worker/grouping_rules.hpp"

#include <gtest/gtest.h>

#include "worker/event.hpp"
#include "worker/fingerprint.hpp"
#include "worker/glob.hpp"
#include "worker/json.hpp"

using namespace errtrack;

namespace {

std::shared_ptr<GroupingRules> rules(std::string_view fingerprint, std::string_view stack = "")
{
    auto made = std::make_shared<GroupingRules>();
    if (!fingerprint.empty()) {
        EXPECT_EQ(made->add_fingerprint_rule(fingerprint), "") << fingerprint;
    }
    if (!stack.empty()) {
        EXPECT_EQ(made->add_stack_rule(stack), "") << stack;
    }
    return made;
}

Event event_with(std::string_view members, std::shared_ptr<GroupingRules> rules)
{
    EventContext context;
    context.received_at = 1'767'225'600'000'000;
    context.grouping.rules = std::move(rules);
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? std::move(*event) : Event();
}

constexpr std::string_view error = R"("platform":"python","level":"error","logger":"shop","release":"shop@1",
    "sdk":{"name":"sentry.python.django"},"tags":{"tier":"web"},"transaction":"/cart","message":"m",
    "exception":{"type":"Timeout","value":"Took 5 ms","mechanism":{"type":"generic"},"stacktrace":{"frames":[
    {"module":"base.run","function":"main","filename":"base/run.py","abs_path":"/srv/base/run.py","in_app":true},
    {"module":"shop.db","function":"query","filename":"shop/db.py","abs_path":"/srv/shop/db.py","in_app":true},
    {"module":"lib.net","function":"read","filename":"lib/net.py","abs_path":"/opt/lib/net.py","in_app":false}]}},
    "threads":[{"id":7,"name":"main","crashed":true}])";

TEST(Globs, of_text_and_paths)
{
    auto matches = [](std::string_view pattern, std::string_view text, Glob::Kind kind = Glob::Kind::text) {
        std::optional<Glob> glob = Glob::parse(pattern, Glob::Case::sensitive, kind);
        return glob && glob->matches(text);
    };
    EXPECT_TRUE(matches("a*c", "abbc"));
    EXPECT_TRUE(matches("*", ""));
    EXPECT_FALSE(matches("a*c", "abbd"));
    EXPECT_FALSE(matches("A", "a"));
    EXPECT_TRUE(matches("a?c", "abc"));
    EXPECT_TRUE(matches("[a-c]x", "bx"));
    EXPECT_FALSE(matches("[!a-c]x", "bx"));
    EXPECT_FALSE(matches("[a", "a"));
    EXPECT_FALSE(matches("", ""));
    EXPECT_TRUE(matches("/srv/*/db.py", "/srv/shop/db.py", Glob::Kind::path));
    EXPECT_FALSE(matches("/srv/*.py", "/srv/shop/db.py", Glob::Kind::path));
    EXPECT_TRUE(matches("/srv/**.py", "\\SRV\\shop\\db.py", Glob::Kind::path));
    EXPECT_TRUE(matches("srv/**", "/srv/shop/db.py", Glob::Kind::path));
    EXPECT_FALSE(matches(std::string(100, '*') + "b", std::string(100'000, 'a')));
}

TEST(FingerprintRules, match_by_every_field)
{
    for (std::string_view matcher : {
             "type:Timeout", "error.type:Time*", "value:*TOOK*", "message:took*", "logger:shop", "level:ERROR",
             "release:shop@*", "sdk:sentry.python", "sdk:sentry.python.django", "tags.tier:web", "!type:Other",
             "path:**/shop/*.py", "stack.abs_path:/srv/**", "module:shop.*", "function:query", "family:other",
             "family:javascript,all", "app:yes", "thread.id:7", "thread.name:main", "thread.crashed:yes",
             "module:shop.db app:yes", "[ module:base.run ] | module:shop.db", "module:shop.db | [ function:read ]",
             "error.mechanism:generic"}) {
        std::string rule = std::string(matcher) + " -> ruled";
        EXPECT_EQ(event_with(error, rules(rule)).hashes, event_with("\"fingerprint\":[\"ruled\"]", nullptr).hashes) << rule;
    }
}

TEST(FingerprintRules, need_all_matchers_for_one_frame)
{
    for (std::string_view matcher : {
             "type:timeout", "!type:Timeout", "module:shop.db function:read", "module:shop.db app:no",
             "family:native", "[ module:shop.db ] | module:base.run", "tags.tier:db", "thread.current:yes",
             "type:Timeout level:info", "package:*"}) {
        EXPECT_EQ(event_with(error, rules(std::string(matcher) + " -> ruled")).hashes,
                  event_with(error, nullptr).hashes) << matcher;
    }
}

TEST(FingerprintRules, give_entries_and_titles)
{
    auto hashes = [](std::string_view rule) { return event_with(error, rules(rule)).hashes; };
    auto sent = [](std::string_view list) {
        return event_with(std::string(error) + ",\"fingerprint\":" + std::string(list), nullptr).hashes;
    };
    EXPECT_EQ(hashes("type:Timeout -> a, b"), sent(R"(["a","b"])"));
    EXPECT_EQ(hashes("type:Timeout -> \"a b\" {{ error.type }}"), sent(R"(["a b","Timeout"])"));
    EXPECT_EQ(hashes("type:Timeout -> {{ default }} {{ transaction }}"), sent(R"(["{{ default }}","/cart"])"));
    Event event = event_with(error, rules("type:Timeout -> a title=\"{{ type }} in {{ transaction }}\""));
    EXPECT_EQ(event.title, "Timeout in /cart");
    EXPECT_EQ(event_with(std::string(error) + R"(,"fingerprint":["client"])", rules("type:Timeout -> a")).hashes,
              sent(R"(["a"])"));
}

TEST(FingerprintRules, the_first_decides_and_built_in_ones_come_last)
{
    auto both = rules("type:Time* -> first");
    EXPECT_EQ(both->add_fingerprint_rule("type:Timeout -> second"), "");
    EXPECT_EQ(event_with(error, both).hashes, event_with("\"fingerprint\":[\"first\"]", nullptr).hashes);
    constexpr std::string_view chunk = R"("platform":"javascript","exception":{"type":"ChunkLoadError"})";
    EXPECT_EQ(event_with(chunk, nullptr).hashes, event_with("\"fingerprint\":[\"chunkloaderror\"]", nullptr).hashes);
    EXPECT_EQ(event_with(chunk, rules("type:Chunk* -> own")).hashes,
              event_with("\"fingerprint\":[\"own\"]", nullptr).hashes);
}

TEST(StackRules, mark_frames)
{
    auto counted = [](std::string_view rule) {
        Event event = event_with(error, rules("", rule));
        std::string marks;
        for (const Frame &frame : event.grouping->exceptions.front().frames) {
            marks += frame.noise == Noise::hard ? '-' : frame.in_app ? 'a' : 's';
        }
        return marks;
    };
    EXPECT_EQ(counted("module:nothing -app"), "aas");
    EXPECT_EQ(counted("module:base.run -app"), "sas");
    EXPECT_EQ(counted("function:read +app"), "aaa");
    EXPECT_EQ(counted("function:query ^-group"), "aa-");
    EXPECT_EQ(counted("function:query v-group"), "-as");
    EXPECT_EQ(counted("function:query ^ -group v -app # a remark"), "sa-");
    EXPECT_EQ(counted("app:no +app -group"), "aa-");
    EXPECT_EQ(counted("type:Other module:shop.* -app"), "aas");
    auto two = rules("", "function:main category=base");
    EXPECT_EQ(two->add_stack_rule("[ category:base ] | function:query -app"), "");
    EXPECT_FALSE(event_with(error, two).grouping->exceptions.front().frames[1].in_app);
}

TEST(StackRules, bound_how_many_frames_count)
{
    auto counted = [](std::string_view rule, std::string_view second = "") {
        auto made = rules("", rule);
        if (!second.empty()) {
            EXPECT_EQ(made->add_stack_rule(second), "") << second;
        }
        Event event = event_with(error, made);
        Json document;
        EXPECT_TRUE(document.parse(explain_grouping(*event.grouping)));
        std::string hints;
        for (JsonValue variant : document.root()["variants"]) {
            for (JsonValue part : (*variant["components"].begin())["components"]) {
                for (JsonValue frame : part["components"]) {
                    hints += frame["contributes"].boolean().value_or(false) ? "+" : "-";
                }
            }
            hints += " ";
        }
        return hints;
    };
    EXPECT_EQ(counted("module:nothing max-frames=1"), "++- +++ ");
    EXPECT_EQ(counted("module:shop.db max-frames=1"), "+-- +-- ");
    EXPECT_EQ(counted("type:Timeout family:other max-frames=2"), "++- ++- ");
    EXPECT_EQ(counted("type:Other family:other max-frames=1"), "++- +++ ");
    EXPECT_EQ(counted("module:shop.db max-frames=1", "module:shop.db max-frames=0"), "++- +++ ");
    EXPECT_EQ(counted("module:shop.db max-frames=1", "module:nothing max-frames=2"), "+-- +-- ");
    EXPECT_EQ(counted("module:shop.db min-frames=3"), "+++ ");
    EXPECT_EQ(counted("module:shop.db min-frames=2"), "++- +++ ");
    EXPECT_EQ(counted("module:shop.db -app max-frames=5"), "+-- +++ ");
}

TEST(StackRules, with_too_few_frames_type_and_value_decide)
{
    Event event = event_with(error, rules("", "family:all min-frames=4"));
    EXPECT_EQ(event.hashes, event_with(R"("exception":{"type":"Timeout","value":"Took 5 ms"})", nullptr).hashes);
    std::string why = explain_grouping(*event.grouping);
    EXPECT_NE(why.find(R"("hint":"too_few_frames")"), why.npos) << why;
    constexpr std::string_view threads = R"("platform":"python","threads":[{"crashed":true,"stacktrace":{"frames":[
        {"module":"a","function":"f","in_app":true},{"module":"a","function":"g","in_app":true}]}}])";
    constexpr std::string_view nearest = R"("platform":"python","threads":[{"crashed":true,"stacktrace":{"frames":[
        {"module":"a","function":"g","in_app":true}]}}])";
    EXPECT_EQ(event_with(threads, rules("", "module:a max-frames=1")).hashes, event_with(nearest, nullptr).hashes);
}

TEST(Rules, that_cannot_be_read_are_refused)
{
    GroupingRules made;
    for (std::string_view text : {"", "# nothing", "-> a", "type:x", "type:x ->", "nonsense:x -> a", "type -> a",
                                  "type:[a -> b", "family:martian -> a", "app:maybe -> a", "[ type:x ] | app:yes -> a",
                                  "[ app:yes -> a"}) {
        EXPECT_NE(made.add_fingerprint_rule(text), "") << text;
    }
    for (std::string_view text : {"app:yes", "app:yes +wings", "app:yes category=", "app:yes max-frames=", "app:yes max-frames=x",
                                  "app:yes max-frames=-1", "app:yes min-frames=101", "app:yes ^min-frames=2"}) {
        EXPECT_NE(made.add_stack_rule(text), "") << text;
    }
    EXPECT_NE(made.add_fingerprint_rule("type:" + std::string(3000, 'x') + " -> a"), "");
    std::string many;
    for (int i = 0; i < 21; i++) {
        many += "type:a ";
    }
    EXPECT_NE(made.add_fingerprint_rule(many + "-> a"), "");
    for (int i = 0; i < 500; i++) {
        EXPECT_EQ(made.add_fingerprint_rule("type:a -> b"), "");
    }
    EXPECT_NE(made.add_fingerprint_rule("type:a -> b"), "");
}

TEST(Rules, have_no_unknown_variables_when_they_are_new)
{
    constexpr auto known = RuleVariables::known;
    GroupingRules made;
    for (std::string_view text : {"type:a -> {{ nosuch }}", "type:a -> a {{nosuch}}", "type:a -> a title=\"{{ nosuch }}\"",
                                  "type:a -> a title=\"{{ type }} {{ nosuch }}\""}) {
        std::string why = made.add_fingerprint_rule(text, known);
        EXPECT_EQ(why.find("there is no variable \"nosuch\": use transaction, "), 0u) << text << ": " << why;
        EXPECT_EQ(made.add_fingerprint_rule(text), "") << text;
    }
    EXPECT_NE(made.add_fingerprint_rule("type:a -> a title=\"{{ default }}\"", known), "");
    for (std::string_view text : {"type:a -> {{ default }} {{ tags.tier }} title=\"{{ tags.tier }}\"", "type:a -> a-{{nosuch}}"}) {
        EXPECT_EQ(made.add_fingerprint_rule(text, known), "") << text;
    }
    std::string all = std::string(variable_names) + ", " + std::string(more_variable_names);
    std::string_view names = all;
    while (!names.empty()) {
        std::string name(names.substr(0, names.find(", ")));
        names.remove_prefix(std::min(names.size(), name.size() + 2));
        EXPECT_EQ(made.add_fingerprint_rule("type:a -> {{ " + name + " }}", known), "") << name;
    }
}

TEST(Rules, are_the_lines_of_a_text)
{
    RuleText found = read_fingerprint_rules("# remark\n\n  type:A -> a # why \r\ntype:B -> b");
    EXPECT_EQ(found.rules, (std::vector<std::string>{"type:A -> a # why", "type:B -> b"}));
    EXPECT_EQ(found.problem, "");
    EXPECT_EQ(read_stack_rules("").rules.size(), 0u);
    EXPECT_EQ(read_stack_rules("\n \n#").rules.size(), 0u);
    EXPECT_EQ(read_stack_rules("app:yes -app\n\nfunction:x +wing\nnonsense").problem.find("line 3: there is no action \"+wing\""), 0u);
    EXPECT_EQ(read_fingerprint_rules("type:A -> {{ nosuch }}").problem.find("line 1: there is no variable"), 0u);
    std::string many;
    for (std::size_t i = 0; i < max_rules; i++) {
        many += "app:yes -app\n";
    }
    EXPECT_EQ(read_stack_rules(many).problem, "");
    EXPECT_EQ(read_stack_rules(many + "app:yes -app").problem, "line 501: a project has at most 500 rules");
}

TEST(Rules, name_the_matchers_that_there_are)
{
    GroupingRules made;
    std::string why = made.add_fingerprint_rule("typo:a -> b");
    EXPECT_EQ(why.find("there is no matcher \"typo\": use type, value, error.mechanism, message, "), 0u) << why;
    EXPECT_NE(why.find(", path, module, function, package, "), why.npos) << why;
    EXPECT_NE(why.find(", tags.NAME"), why.npos) << why;
}

}
