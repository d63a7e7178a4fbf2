/* Tags that are sent, and those that attributes and contexts amount to. */

#include "worker/tags.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

std::string tags(std::string_view members)
{
    std::optional<Event> event = parse_event("{" + std::string(members) + "}", EventContext());
    std::string text;
    for (const auto &[key, value] : event->tags) {
        text.append(text.empty() ? "" : ", ").append(key).append("=").append(value);
    }
    return text;
}

TEST(Tags, sent)
{
    EXPECT_EQ(tags(R"("tags":{"a":"b","c":true,"d":1.9})"), "a=b, c=True, d=1, level=error");
    EXPECT_EQ(tags(R"("tags":[["a","b"],["a","c"],[1,"d"],["x"],null,"y",[],["e",{}]])"),
              "a=b, 1=d, level=error");
    EXPECT_EQ(tags(R"("tags":{"user":"x","release":"x","dist":"x","filename":"x","function":"x"})"),
              "level=error");
    EXPECT_EQ(tags(R"("tags":{"a b":"c","ü":"d","":"e","f":" ","g":"h\ni"})"), "a-b=c, level=error");
}

TEST(Tags, of_attributes)
{
    EXPECT_EQ(tags(R"("logger":"l","environment":"e","release":"r","dist":"d","transaction":"/t",)"
                   R"("server_name":"s","site":"i","request":{"url":"https://x/"},"level":"info")"),
              "level=info, logger=l, environment=e, release=r, dist=d, transaction=/t, server_name=s, "
              "site=i, url=https://x/");
    EXPECT_EQ(tags(R"("tags":{"server_name":"own"},"server_name":"s")"), "server_name=own, level=error");
    EXPECT_EQ(tags(R"("exception":[{"type":"A"},{"type":"B","mechanism":{"type":"m","handled":false}}])"),
              "level=error, handled=no, mechanism=m");
    EXPECT_EQ(tags("\"request\":{\"url\":\"" + std::string(300, 'u') + "\"}"),
              "level=error, url=" + std::string(200, 'u'));
}

TEST(Tags, of_the_user)
{
    EXPECT_EQ(tags(R"("user":{"id":7,"email":"a@b"})"), "level=error, user=id:7, (user)=email:a@b");
    EXPECT_EQ(tags(R"("user":{"email":"a@b","username":"bob"})"),
              "level=error, user=email:a@b, (user)=username:bob");
    EXPECT_EQ(tags(R"("user":{"id":7,"email":" ","username":"bob","ip_address":"192.0.2.1"})"),
              "level=error, user=id:7, (user)=username:bob");
    EXPECT_EQ(tags(R"*("tags":{"(user)":"x"},"user":{"id":7,"ip_address":"192.0.2.1"})*"),
              "level=error, user=id:7, (user)=ip:192.0.2.1");
    EXPECT_EQ(tags(R"("user":{"username":"bob"})"), "level=error, user=username:bob");
    EXPECT_EQ(tags(R"("user":{"ip_address":"192.0.2.1"})"), "level=error, user=ip:192.0.2.1");
}

TEST(Tags, of_contexts)
{
    EXPECT_EQ(tags(R"("contexts":{"os":{"name":"Linux","version":"6.1","rooted":false},)"
                   R"("browser":{"name":"Firefox"},"runtime":{"name":"CPython","version":3},)"
                   R"("device":{"model":"M","family":"F"},"gpu":{"name":"G","vendor_name":"V"},)"
                   R"("app":{"device_app_hash":"h"},"monitor":{"id":"i","slug":"s"},"x":5,"trace":{"op":"o"}})"),
              "level=error, os=Linux 6.1, os.name=Linux, os.rooted=no, browser=Firefox, "
              "browser.name=Firefox, runtime=CPython 3, runtime.name=CPython, device=M, "
              "device.family=F, gpu.name=G, gpu.vendor=V, app.device=h, monitor.id=i, monitor.slug=s");
    EXPECT_EQ(tags(R"("contexts":{"client_os":{"type":"os","name":"iOS"}})"),
              "level=error, client_os=iOS, client_os.name=iOS");
    EXPECT_EQ(tags(R"("request":{"headers":{"User-Agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) )"
                   R"(Version/17.1 Mobile Safari/604.1"}},"contexts":{"browser":{"name":"mine"}})"),
              "level=error, browser=mine, browser.name=mine, client_os=iOS 17.1, client_os.name=iOS, "
              "device=iPhone, device.family=iPhone")
        << "those of the User-Agent too";
}

TEST(Tags, are_bounded)
{
    std::string members = "\"tags\":{";
    for (int i = 0; i < 1000; i++) {
        members.append(i > 0 ? "," : "").append("\"k").append(std::to_string(i)).append("\":\"v\"");
    }
    std::optional<Event> event = parse_event("{" + members + "}}", EventContext());
    EXPECT_EQ(event->tags.size(), 200u);
}

}
