/*
 * How long grouping of one event takes: of a usual one, whose goal is 50 microseconds,
 * and of events made to be slow. To be run by hand on a quiet machine:
 *
 *     make $PWD/build/bench/grouping && build/bench/grouping
 */

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "worker/fields.hpp"
#include "worker/fingerprint.hpp"
#include "worker/grouping.hpp"
#include "worker/json.hpp"
#include "worker/parameterize.hpp"

using namespace errtrack;

namespace {

/* The median of rounds, in microseconds of the processor for one run of body. */
template <class Body>
double median(Body body)
{
    std::vector<double> rounds;
    for (int round = 0; round < 15; round++) {
        int runs = 0;
        std::clock_t start = std::clock();
        std::clock_t passed = 0;
        for (; passed < CLOCKS_PER_SEC / 50; passed = std::clock() - start, runs++) {
            body();
        }
        rounds.push_back(1e6 * static_cast<double>(passed) / CLOCKS_PER_SEC / runs);
    }
    std::sort(rounds.begin(), rounds.end());
    return rounds[rounds.size() / 2];
}

void measure_event(const char *name, const std::string &json, const std::string &platform)
{
    Json document;
    if (!document.parse(json)) {
        std::printf("%s is not JSON\n", name);
        return;
    }
    double read = median([&] { read_grouping_input(document.root(), platform); });
    double all = median([&] {
        GroupingInput input = read_grouping_input(document.root(), platform);
        mark_frames(input);
        apply_fingerprint_rules(input);
        grouping_hashes(input);
    });
    std::printf("%-28s %8.1f us to group, %8.1f us to read before\n", name, all - read, read);
}

void measure_text(const char *name, std::string_view part)
{
    std::string text;
    while (text.size() < max_message_bytes) {
        text += part;
    }
    text.resize(max_message_bytes);
    std::printf("%-28s %8.1f us for 8 KB\n", name, median([&] { parameterize(text); }));
}

std::string event_with(std::string_view frames, std::string_view value)
{
    return R"({"exception":{"type":"KeyError","value":")" + std::string(value) + R"(","stacktrace":{"frames":[)"
           + std::string(frames) + "]}}}";
}

std::string frames(int count, std::string_view function)
{
    std::string out;
    for (int i = 0; i < count; i++) {
        std::string number = std::to_string(i);
        out += (i > 0 ? "," : "") + (R"({"module":"shop.views.part)" + number + R"(","filename":"shop/views/part)"
               + number + R"(.py","abs_path":"/srv/app/shop/views/part)" + number + R"(.py","function":")"
               + std::string(function) + number + R"(","lineno":41,"context_line":"    total = cart.total","in_app":)"
               + (i % 3 == 0 ? "true" : "false") + "}");
    }
    return out;
}

}

int main()
{
    std::string usual = event_with(frames(30, "handle"), "user 4711 not found in 10.0.0.1:5432");
    measure_event("usual, python, 30 frames", usual, "python");
    measure_event("usual, java, 30 frames", usual, "java");
    measure_event("usual, javascript, 30 frames", usual, "javascript");
    measure_event("usual, native, 30 frames",
                  event_with(frames(30, "shop::Cart<int>::total(int, char const*)::{lambda(int)#1}::"), "x"), "native");
    measure_event("message", R"({"message":"upstream 10.2.0.14:8080 timed out after 1.2s, attempt 1"})", "python");
    measure_event("1000 frames", event_with(frames(1000, "f"), "v"), "python");
    std::string nested(2000, '<');
    measure_event("100 unbalanced names", event_with(frames(100, nested), "v"), "native");
    for (std::string_view part : {"a", "1", "a.", "1.", "1,234,", "a@", "IN (1,", "a=\"", "f:", "12:", "2026-01-01",
                                  "Mon, ", "status ", "a-1-", "user 4711 of 10.0.0.1 at 12:31:09; "}) {
        measure_text(std::string(part).c_str(), part);
    }
}
