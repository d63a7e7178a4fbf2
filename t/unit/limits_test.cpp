/* One huge part of a body does not cost the rest, and is named. */

#include "worker/limits.hpp"

#include <gtest/gtest.h>

#include "worker/payload.hpp"

using namespace errtrack;

namespace {

std::string limited(std::string_view text)
{
    Json document;
    EXPECT_TRUE(document.parse(text)) << text.substr(0, 100);
    JsonEditor editor(document);
    std::string payload = make_payload(editor, "", {limit_parts(editor), ""});
    EXPECT_TRUE(Json().parse(payload)) << payload.substr(0, 100);
    return payload;
}

std::string many(std::string_view text, std::size_t times)
{
    std::string made;
    for (std::size_t i = 0; i < times; i++) {
        made.append(text);
    }
    return made;
}

TEST(Limits, texts_end_in_dots)
{
    std::string long_text(20'000, 'x');
    EXPECT_EQ(limited("{\"extra\":{\"a\":\"" + long_text + "\",\"b\":1}}"),
              "{\"_errtrack\":{\"trimmed\":[\"extra\"]},\"extra\":{\"a\":\"" + std::string(16'384, 'x')
                  + "...\",\"b\":1}}");
    EXPECT_EQ(limited("{\"message\":\"" + long_text + "\"}"),
              "{\"_errtrack\":{\"trimmed\":[\"message\"]},\"message\":\"" + std::string(8192, 'x') + "...\"}");
    std::string umlauts = limited("{\"message\":\"" + many("ü", 5000) + "\"}");
    EXPECT_NE(umlauts.find("ü...\""), std::string::npos);
    EXPECT_EQ(limited("{\"message\":\"" + std::string(8190, 'x') + "\"}").size(), 8204u);
}

TEST(Limits, what_does_not_fit_goes)
{
    std::string text = "{\"extra\":{\"a\":[" + many("1,", 30'000) + "1]},\"b\":2}";
    std::string payload = limited(text);
    EXPECT_LT(payload.size(), 20'000u);
    EXPECT_NE(payload.find("1]},\"b\":2}"), std::string::npos) << payload.substr(payload.size() - 50);
    text = "{\"breadcrumbs\":[{\"data\":{\"a\":\"" + std::string(3000, 'x') + "\",\"b\":1}},{\"data\":{\"c\":2}}]}";
    EXPECT_NE(limited(text).find("...\"}},{\"data\":{\"c\":2}}]}"), std::string::npos);
}

TEST(Limits, depth)
{
    EXPECT_EQ(limited(R"({"extra":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{},"i":[],"j":2}}}}}}}}})"),
              R"({"_errtrack":{"trimmed":["extra"]},"extra":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":"{Object}","i":"[Array]","j":2}}}}}}}}})");
}

TEST(Limits, frames)
{
    std::string text = "{\"exception\":[{\"type\":\"E\",\"stacktrace\":{\"frames\":["
                       + many("{\"function\":\"old\"},", 9750) + many("{\"function\":\"f\"},", 249)
                       + "{\"function\":\"last\"}]}}]}";
    std::string payload = limited(text);
    EXPECT_EQ(payload.find("old"), std::string::npos);
    EXPECT_NE(payload.find("last"), std::string::npos);
    EXPECT_NE(payload.find(R"({"trimmed":["frames"]})"), std::string::npos);
    text = "{\"exception\":[{\"stacktrace\":{\"frames\":[" + many("{},", 249) + "{}]}}]}";
    EXPECT_EQ(limited(text), text);
}

TEST(Limits, what_fits_stays)
{
    std::string text = R"({ "extra" : {"a":[1,{"b":"c"}]}, "request":{"data":{"x":1},"headers":{"A":"b"}},)"
                       R"("contexts":{"os":{"name":"Linux"}},"modules":{"a":"1"},"logentry":{"params":[1]}})";
    EXPECT_EQ(limited(text), text);
}

}
