/* The cases of t/faults.jsonl: what is wrong with what people set, as t/faults.t asks SQL. */

#include "worker/json.hpp"
#include "worker/mail_message.hpp"
#include "worker/repair.hpp"
#include "worker/tracker_issues.hpp"
#include "worker/web_request.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace errtrack {
namespace {

std::string tracker_fault(const std::string &provider, const std::string &url)
{
    WebClient client{WebClientSettings{}};
    TrackerSettings settings{provider, url, 0, "token", "", "{}"};
    try {
        (provider == "gitlab" ? make_gitlab : make_github)(client, settings, {});
        return "";
    } catch (const TrackerStop &stop) {
        return stop.judgement.why;
    }
}

std::string fault(const std::string &of, const std::string &text)
{
    return of == "url" ? url_fault(text) : of == "mail" ? mail_address_fault(text) : of == "header" ? header_fault(text)
                                                                                                    : tracker_fault(of, text);
}

TEST(Faults, are_those_that_are_found_at_the_door)
{
    std::ifstream file("t/faults.jsonl");
    ASSERT_TRUE(file) << "run from the top of the tree";
    std::size_t cases = 0;
    for (std::string line; std::getline(file, line); cases++) {
        Json document;
        std::string buffer;
        ASSERT_TRUE(document.parse(repair(line, buffer))) << line;
        JsonValue root = document.root();
        EXPECT_EQ(fault(root["of"].text(), root["text"].text()), root["fault"].text()) << line;
    }
    EXPECT_GT(cases, 150u);
}

}
}
