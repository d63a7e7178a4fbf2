/*
 * Paths as SDKs, browsers and the DSNs of GitLab write them, and paths that are none.
 */

#include "ngx_module/endpoint.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace errtrack {
namespace {

TEST(Endpoint, KnowsThePathsOfSdks)
{
    struct Case {
        std::string name;
        Endpoint endpoint;
    };
    const std::vector<Case> cases = {
        {"envelope", Endpoint::envelope}, {"store", Endpoint::store},
        {"security", Endpoint::security}, {"csp-report", Endpoint::security},
        {"nel", Endpoint::nel},           {"minidump", Endpoint::minidump}};
    for (const Case &c : cases) {
        for (const std::string &path : {"/api/42/" + c.name + "/", "/api/42/" + c.name,
                                        "//api//42///" + c.name + "//", "api/42/" + c.name,
                                        "/any/prefix/at/all/api/42/" + c.name + "/"})
        {
            Target target = find_target(path);
            EXPECT_EQ(target.endpoint, c.endpoint) << path;
            EXPECT_EQ(target.project, "42") << path;
        }
    }
}

TEST(Endpoint, KnowsThePathsOfGitlab)
{
    for (std::string_view path : {"/api/v4/error_tracking/collector/api/42/envelope",
                                  "/errortracking/api/v1/projects/api/42/envelope/"})
    {
        EXPECT_EQ(find_target(path).endpoint, Endpoint::envelope) << path;
        EXPECT_EQ(find_target(path).project, "42") << path;
    }
    Target store = find_target("/errortracking/api/v1/projects/api/42/store/");
    EXPECT_EQ(store.endpoint, Endpoint::store);
    EXPECT_EQ(store.project, "42");
}

TEST(Endpoint, AStoreMayNameNoProject)
{
    for (std::string_view path : {"/api/store/", "/api/store", "/prefix//api//store/", "/api/api/store"}) {
        EXPECT_EQ(find_target(path).endpoint, Endpoint::store) << path;
        EXPECT_EQ(find_target(path).project, "") << path;
    }
    EXPECT_EQ(find_target("/api/envelope/").endpoint, Endpoint::unknown);
}

TEST(Endpoint, ReadsWhatStandsInThePath)
{
    Target files = find_target("/x/api/42/events/0123456789abcdef0123456789abcdef/attachments/");
    EXPECT_EQ(files.endpoint, Endpoint::attachments);
    EXPECT_EQ(files.project, "42");
    EXPECT_EQ(files.event_id, "0123456789abcdef0123456789abcdef");

    Target plain = find_target("/api/42/cron/nightly-backup/");
    EXPECT_EQ(plain.endpoint, Endpoint::checkin);
    EXPECT_EQ(plain.project, "42");
    EXPECT_EQ(plain.slug, "nightly-backup");
    EXPECT_EQ(plain.key, "");

    Target keyed = find_target("/api/42/cron//nightly-backup/0123456789abcdef");
    EXPECT_EQ(keyed.endpoint, Endpoint::checkin);
    EXPECT_EQ(keyed.project, "42");
    EXPECT_EQ(keyed.slug, "nightly-backup");
    EXPECT_EQ(keyed.key, "0123456789abcdef");

    Target twice = find_target("/api/42/cron/cron/0123456789abcdef");
    EXPECT_EQ(twice.slug, "cron");
    EXPECT_EQ(twice.key, "0123456789abcdef");

    EXPECT_EQ(find_target("/api/embed/error-page/").endpoint, Endpoint::dialog);
    EXPECT_EQ(find_target("/prefix/api/embed/error-page").endpoint, Endpoint::dialog);
}

TEST(Endpoint, AProjectIsReturnedAsWritten)
{
    EXPECT_EQ(find_target("/api/abc/envelope/").project, "abc");
    EXPECT_EQ(find_target("/api/-1/envelope/").project, "-1");
    EXPECT_EQ(find_target("/api/042/envelope/").project, "042");
    EXPECT_EQ(find_target(std::string_view("/api/4\0002/envelope/", 18)).project,
              std::string_view("4\0002", 3));
}

TEST(Endpoint, NothingElseIsKnown)
{
    for (std::string_view path :
         {"", "/", "//////", "/api", "/api/", "/api/42/", "/api/42/nothing/", "/api/42/Envelope/",
          "/API/42/envelope/", "/42/envelope/", "/envelope/", "/xapi/42/envelope/",
          "/api/42/envelope/more", "/api/42/events/1/attachments/more", "/api/42/events/attachments",
          "/api/42/cron/", "/api/42/cron/a/b/c", "/cron/nightly", "/api/embed/", "/error-page",
          "/api/42/tunnel", "/api/42/dialog"})
    {
        EXPECT_EQ(find_target(path).endpoint, Endpoint::unknown) << path;
    }
    std::string slashes(100000, '/');
    EXPECT_EQ(find_target("/api/42/envelope" + slashes).endpoint, Endpoint::envelope);
    EXPECT_EQ(find_target(slashes + slashes).endpoint, Endpoint::unknown);
}

TEST(Endpoint, HasANameAndMethods)
{
    EXPECT_EQ(endpoint_name(Endpoint::unknown), "unknown");
    EXPECT_EQ(endpoint_name(Endpoint::attachments), "attachments");
    EXPECT_EQ(endpoint_name(Endpoint::tunnel), "tunnel");
    EXPECT_EQ(methods_of(Endpoint::envelope), method_post);
    EXPECT_EQ(methods_of(Endpoint::tunnel), method_post);
    EXPECT_EQ(methods_of(Endpoint::store), method_get | method_post);
    EXPECT_EQ(methods_of(Endpoint::checkin), method_get | method_post);
    EXPECT_EQ(methods_of(Endpoint::unknown), 0);
}

}
}
