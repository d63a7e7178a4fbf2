/* Grouping: the canonical bytes, and which differences count. */

#include "worker/grouping.hpp"

#include <gtest/gtest.h>

#include "worker/event.hpp"

using namespace errtrack;
using namespace std::string_literals;

namespace {

std::vector<GroupingHash> hashes(std::string_view members)
{
    EventContext context;
    context.received_at = 1'675'278'725'000'000;
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", context);
    EXPECT_TRUE(event) << members;
    return event ? event->hashes : std::vector<GroupingHash>();
}

bool same(std::string_view a, std::string_view b)
{
    for (const GroupingHash &one : hashes(a)) {
        for (const GroupingHash &other : hashes(b)) {
            if (one.hash == other.hash) {
                return true;
            }
        }
    }
    return false;
}

std::string variants(std::string_view members)
{
    std::string names;
    for (const GroupingHash &hash : hashes(members)) {
        names += (names.empty() ? "" : " ") + hash.variant;
    }
    return names;
}

/* The hash that the given canonical bytes must have. */
void expect_bytes(std::string_view members, std::string_view bytes,
                  std::string_view prefix = to_text(newest_algorithm))
{
    std::vector<GroupingHash> found = hashes(members);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(to_hex(found.front().hash), to_hex(hash_of(prefix, bytes))) << members;
}

std::string error(std::string_view frames, std::string_view more = "")
{
    return R"("platform":"python","exception":{"type":"E","value":"v","stacktrace":{"frames":[)"
           + std::string(frames) + "]}}" + std::string(more);
}

TEST(Hashes, are_the_first_half_of_sha_256)
{
    EXPECT_EQ(to_hex(hash_of("", "")), "6e340b9cffb37a989ca544e6bb780a2c");
    EXPECT_NE(hash_of("g1", "x"), hash_of("fp", "x"));
}

TEST(Hashes, are_taken_over_canonical_bytes)
{
    expect_bytes(R"("exception":{"type":"E","value":"v"})", "X(T1:E;V1:v;)");
    expect_bytes(R"("exception":[{"type":"A"},{"type":"Bé"}])", "X(T1:A;)X(T3:Bé;)");
    expect_bytes(R"("message":"hello")", "G5:hello;");
    expect_bytes("", "");
    expect_bytes(error(R"({"module":"m","filename":"M.py","function":"f",
                           "context_line":" a  = 1 "})"),
                 "X(T1:E;S{L1:m;F1:f;C5:a = 1;})");
    expect_bytes(error(R"({"filename":"Dir/M.PY"},{},{"function":"g"})"),
                 "X(T1:E;S{L4:m.py;})");
    expect_bytes(R"("exception":{"type":"E","value":"v","mechanism":{"meta":{"ns_error":
        {"domain":"NSCocoa","code":4}}}})", "X(T1:E;N9:NSCocoa:4;)");
    expect_bytes(R"("checksum":"abc")", "K3:abc;", "fp");
    expect_bytes(R"("fingerprint":["a","bc"])", "P1:a;P2:bc;", "fp");
    expect_bytes(R"("fingerprint":["{{ default }}","x"],"message":"m")", "D(G1:m;)P1:x;");
}

TEST(Hashes, empty_events_fall_back_to_one)
{
    EXPECT_EQ(variants(""), "fallback");
    EXPECT_TRUE(same("", R"("level":"info","release":"1","message":" ")"));
}

TEST(Variants, app_and_system)
{
    std::string_view both = R"({"module":"a","function":"f","in_app":true},
                               {"module":"l","function":"g","in_app":false})";
    EXPECT_EQ(variants(error(both)), "app system");
    EXPECT_EQ(variants(error(R"({"module":"l","function":"g","in_app":false})")), "system");
    EXPECT_EQ(variants(error(R"({"module":"a","function":"f","in_app":true})")), "app");
    EXPECT_EQ(variants(error("")), "app");
    EXPECT_EQ(variants(R"("message":"m")"), "message");
    EXPECT_EQ(variants(R"("fingerprint":["x"])"), "custom");
    EXPECT_EQ(variants(R"("checksum":"x")"), "custom");
    EXPECT_TRUE(same(error(both), error(R"({"module":"a","function":"f","in_app":true},
                                           {"module":"z","function":"z","in_app":false})")));
}

TEST(Variants, frames_without_flags)
{
    std::string_view flagged = R"({"module":"a","function":"f","in_app":true},
                                  {"module":"b","function":"g"})";
    std::string_view bare = R"({"module":"a","function":"f"},{"module":"b","function":"g"})";
    EXPECT_EQ(variants(error(flagged)), "app system");
    EXPECT_EQ(variants(error(bare)), "app");
    EXPECT_TRUE(same(error(flagged), error(bare)));
    EXPECT_EQ(variants(error(R"({"function":"f"})")), "system");
    EXPECT_EQ(variants(error(R"({"module":"a","function":"<stripped>"})")), "system");
    EXPECT_EQ(variants(error(R"({"module":"a","in_app":"true"})")), "app");
}

TEST(Exceptions, value_counts_only_without_a_stack)
{
    std::string_view frame = R"({"module":"a","function":"f"})";
    auto with_value = [&](std::string_view value, std::string_view frames) {
        return R"("platform":"python","exception":{"type":"E","value":")" + std::string(value)
               + R"(","stacktrace":{"frames":[)" + std::string(frames) + "]}}";
    };
    EXPECT_TRUE(same(with_value("x", frame), with_value("y", frame)));
    EXPECT_FALSE(same(with_value("x", ""), with_value("y", "")));
    EXPECT_TRUE(same(with_value("x", ""), R"("exception":{"type":"E","value":" x "})"));
    EXPECT_FALSE(same(R"("exception":{"type":"E","value":"x"})",
                      R"("exception":{"type":"F","value":"x"})"));
}

TEST(Exceptions, synthetic_types_do_not_count_beside_a_stack)
{
    auto signal = [](std::string_view type, std::string_view frames) {
        return R"("exception":{"type":")" + std::string(type)
               + R"(","mechanism":{"synthetic":true},"stacktrace":{"frames":[)"
               + std::string(frames) + "]}}";
    };
    std::string_view frame = R"({"module":"a","function":"f"})";
    EXPECT_TRUE(same(signal("SIGSEGV", frame), signal("SIGBUS", frame)));
    EXPECT_FALSE(same(signal("SIGSEGV", ""), signal("SIGBUS", "")));
}

TEST(Exceptions, chains)
{
    EXPECT_FALSE(same(R"("exception":[{"type":"A"},{"type":"W"}])",
                      R"("exception":[{"type":"B"},{"type":"W"}])"));
    EXPECT_TRUE(same(R"("exception":[{"type":"A"},{"type":"W"},{"type":"W"}])",
                     R"("exception":[{"type":"A"},{"type":"W"}])"));
    EXPECT_TRUE(same(R"("exception":[{"type":"A","mechanism":{"exception_id":1}},
                                     {"type":"W","mechanism":{"exception_id":0}}])",
                     R"("exception":[{"type":"W","mechanism":{"exception_id":0}},
                                     {"type":"A","mechanism":{"exception_id":1}}])"));
    std::string list;
    std::string bytes;
    for (int i = 0; i < 30; i++) {
        std::string name(1, static_cast<char>('a' + i % 26));
        list += (i > 0 ? "," : "") + ("{\"type\":\"" + name + std::to_string(i / 26) + "\"}");
        bytes += i < 5 || i >= 25 ? "X(T2:" + name + std::to_string(i / 26) + ";)" : "";
    }
    expect_bytes("\"exception\":[" + list + "]", bytes);
}

TEST(Exceptions, a_lone_one_takes_a_stack_over)
{
    std::string_view frames = R"({"frames":[{"module":"a","function":"f"}]})";
    std::string plain = R"("exception":{"type":"E","thread_id":7,"stacktrace":)"
                        + std::string(frames) + "}";
    EXPECT_TRUE(same(plain, R"("exception":{"type":"E"},"stacktrace":)" + std::string(frames)));
    EXPECT_TRUE(same(plain, R"("exception":{"type":"E","thread_id":7},
        "threads":[{"id":6},{"id":"7","stacktrace":)" + std::string(frames) + "}]"));
    EXPECT_TRUE(same(plain, R"("exception":{"type":"E"},"threads":{"values":[{"id":1},
        {"id":2,"crashed":true,"stacktrace":)" + std::string(frames) + "}]}"));
    EXPECT_FALSE(same(plain, R"("exception":[{"type":"E"},{"type":"F"}],"stacktrace":)"
                                 + std::string(frames)));
}

TEST(Frames, what_never_counts)
{
    EXPECT_TRUE(same(
        error(R"({"module":"a","function":"f","lineno":5,"abs_path":"/x/y.py","vars":{"a":1}})"),
        error(R"({"module":"a","function":"f","lineno":9,"colno":3,"pre_context":["x"]})",
              R"(,"release":"2","transaction":"t","tags":{"a":"b"},"user":{"id":1})")));
    EXPECT_TRUE(same(error(R"({"module":"a","function":"?"})"), error(R"({"module":"a"})")));
}

TEST(Frames, files_loaded_from_a_url_do_not_count)
{
    auto script = [](std::string_view file) {
        return R"("platform":"javascript","exception":{"type":"E","stacktrace":{"frames":[
            {"function":"f","in_app":true,"filename":")" + std::string(file) + R"("}]}})";
    };
    EXPECT_TRUE(same(script("https://a/x.1.js"), script("https://b/y.2.js")));
    EXPECT_FALSE(same(script("app:///x.js"), script("app:///y.js")));
    EXPECT_TRUE(same(script("app:///x.js?v=1"), script("app:///dir\\\\X.js#2")));
}

TEST(Frames, context_lines)
{
    auto line = [](std::string_view platform, std::string_view text) {
        return "\"platform\":\"" + std::string(platform)
               + R"(","exception":{"type":"E","stacktrace":{"frames":[{"module":"m",
               "function":"f","context_line":")" + std::string(text) + R"("}]}})";
    };
    EXPECT_FALSE(same(line("python", "a()"), line("python", "b()")));
    EXPECT_TRUE(same(line("python", "  a(1,  2)"), line("python", "a(1, 2)  ")));
    EXPECT_TRUE(same(line("java", "a()"), line("java", "b()")));
    EXPECT_TRUE(same(line("python", "}"), line("python", "")));
    EXPECT_TRUE(same(line("node", "try {"), line("node", "return")));
    EXPECT_TRUE(same(line("node", "a {snip} b"), line("node", "")));
    EXPECT_TRUE(same(line("python", std::string(121, 'x')), line("python", "")));
    EXPECT_FALSE(same(line("python", std::string(120, 'x')), line("python", "")));
    auto inline_script = [](std::string_view text) {
        return R"("platform":"javascript","exception":{"type":"E","stacktrace":{"frames":[
            {"module":"m","abs_path":"file:///x.html","context_line":")" + std::string(text)
               + R"("}]}})";
    };
    EXPECT_TRUE(same(inline_script("a()"), inline_script("b()")));
}

TEST(Frames, direct_recursion_collapses_before_the_cut)
{
    auto deep = [](int depth) {
        std::string frames = R"({"module":"m","function":"start"})";
        for (int i = 0; i < depth; i++) {
            frames += R"(,{"module":"m","function":"walk","lineno":)" + std::to_string(i) + "}";
        }
        return error(frames);
    };
    EXPECT_TRUE(same(deep(1), deep(900)));
    auto long_stack = [](std::string_view outer) {
        std::string frames = R"({"module":")" + std::string(outer) + R"("})";
        for (int i = 0; i < 100; i++) {
            frames += R"(,{"module":"m)" + std::to_string(i) + R"("})";
        }
        return error(frames);
    };
    EXPECT_TRUE(same(long_stack("a"), long_stack("b")));
}

TEST(Messages, template_before_text)
{
    EXPECT_TRUE(same(R"("logentry":{"message":"user %s","formatted":"user 1"})",
                     R"("logentry":{"message":"user %s","params":["2"]})"));
    EXPECT_TRUE(same(R"("logentry":{"formatted":"hi"})", R"("message":"hi")"));
    EXPECT_FALSE(same(R"("message":"a")", R"("message":"b")"));
    EXPECT_TRUE(same(R"("message":"one\n\n two\nthree")", R"("message":"one\r\ntwo\nfour")"));
}

TEST(Messages, attached_stacks)
{
    auto logged = [](std::string_view text, std::string_view outer, std::string_view inner) {
        return R"("platform":"python","message":")" + std::string(text)
               + R"(","stacktrace":{"frames":[{"module":")" + std::string(outer)
               + R"("},{"module":")" + std::string(inner) + R"("}]})";
    };
    EXPECT_FALSE(same(logged("x", "a", "b"), logged("y", "a", "b")));
    EXPECT_FALSE(same(logged("x", "a", "b"), logged("x", "a", "c")));
    EXPECT_TRUE(same(logged("x", "a", "b"), logged("x", "z", "b")));
    EXPECT_EQ(variants(logged("", "a", "b")), "app");
    EXPECT_EQ(variants(R"("message":"x","threads":[{"crashed":true,"stacktrace":{"frames":[
        {"module":"a","in_app":false}]}}])"), "system");
}

TEST(Fingerprints, default_in_all_spellings)
{
    std::string_view plain = R"("message":"m")";
    for (std::string_view list : {"null", "[]", "[null]", "[\"\"]", "[\" \"]", "{}", "true",
                                  "[\"{{ default }}\"]", "[\"{{DEFAULT}}\"]", "\"{{default}}\"",
                                  "[\"{{ default }}\",\"{{default}}\"]"}) {
        std::string event = R"("message":"m","fingerprint":)" + std::string(list);
        EXPECT_EQ(hashes(event).front().hash, hashes(plain).front().hash) << list;
    }
}

TEST(Fingerprints, custom_ones_decide_alone)
{
    EXPECT_TRUE(same(R"("fingerprint":["x"],"message":"a")", R"("fingerprint":["x"])"));
    EXPECT_FALSE(same(R"("fingerprint":["x"],"message":"a")", R"("message":"a")"));
    EXPECT_FALSE(same(R"("fingerprint":["ab","c"])", R"("fingerprint":["a","bc"])"));
    EXPECT_TRUE(same(R"("fingerprint":"x")", R"("fingerprint":[" x ",null,""])"));
    EXPECT_TRUE(same(R"("fingerprint":[1,2.0,true])", R"("fingerprint":["1","2","true"])"));
    EXPECT_TRUE(same(R"("fingerprint":5)", R"("fingerprint":["5"])"));
    EXPECT_TRUE(same(R"("fingerprint":[{"b":1,"a":2}])", R"("fingerprint":["{\"a\":2,\"b\":1}"])"));
    std::string longest(512, 'x');
    EXPECT_TRUE(same("\"fingerprint\":[\"" + longest + "y\"]",
                     "\"fingerprint\":[\"" + longest + "z\"]"));
}

TEST(Fingerprints, hybrids)
{
    auto hybrid = [](std::string_view list, std::string_view message) {
        return "\"fingerprint\":" + std::string(list) + ",\"message\":\"" + std::string(message)
               + "\"";
    };
    std::string plain = hybrid(R"(["{{ default }}","x"])", "m");
    EXPECT_TRUE(same(plain, hybrid(R"(["{{default}}","x"])", "m")));
    EXPECT_FALSE(same(plain, hybrid(R"(["{{ default }}","y"])", "m")));
    EXPECT_FALSE(same(plain, hybrid(R"(["{{ default }}","x"])", "n")));
    EXPECT_FALSE(same(plain, hybrid("[]", "m")));
    EXPECT_EQ(variants(error(R"({"module":"a","in_app":true},{"module":"b","in_app":false})",
                             R"(,"fingerprint":["{{ default }}","x"])")), "app system");
}

TEST(Fingerprints, variables)
{
    std::string event = R"("platform":"python","level":"info","logger":"l","transaction":"/t",
        "tags":[["a","b"]],"message":"m","exception":{"type":"E","value":"v","stacktrace":{
        "frames":[{"module":"mod","function":"fun","filename":"d/f.py","abs_path":"/d/f.py",
        "package":"/lib/x.so","in_app":true},{"module":"other","in_app":false}]}})";
    auto resolves = [](const std::string &members, std::string_view name, std::string_view text) {
        EXPECT_TRUE(same(members + ",\"fingerprint\":[\"{{ " + std::string(name) + " }}\"]",
                         "\"fingerprint\":[\"" + std::string(text) + "\"]")) << name;
    };
    resolves(event, "transaction", "/t");
    resolves(event, "message", "m");
    resolves(event, "error.type", "E");
    resolves(event, "value", "v");
    resolves(event, "function", "fun");
    resolves(event, "stack.abs_path", "/d/f.py");
    resolves(event, "stack.filename", "d/f.py");
    resolves(event, "module", "mod");
    resolves(event, "package", "x.so");
    resolves(event, "level", "info");
    resolves(event, "logger", "l");
    resolves(event, "tags.a", "b");
    resolves(event, "tags.z", "<no-value-for-tag-z>");
    resolves(event, "nonsense", "<unrecognized-variable-nonsense>");
    resolves("\"x\":1", "transaction", "<no-transaction>");
    resolves("\"x\":1", "function", "<no-function>");
    resolves("\"x\":1", "type", "<no-type>");
}

TEST(Checksums, decide_alone)
{
    EXPECT_TRUE(same(R"("checksum":"a","message":"x")", R"("checksum":"a","fingerprint":["f"])"));
    EXPECT_FALSE(same(R"("checksum":"a")", R"("checksum":"b")"));
    EXPECT_TRUE(same(R"("checksum":"","message":"x")", R"("message":"x")"));
}

}
