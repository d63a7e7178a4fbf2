/* What the built-in rules say about a frame of each platform: one case for each of them. */

#include <string>

#include <gtest/gtest.h>

#include "worker/in_app.hpp"

using namespace errtrack;

namespace {

/* The rule that has touched a frame with these names. */
std::string rule_of(std::string_view platform, std::string_view module, std::string_view function,
                    std::string_view file = {}, std::string_view package = {})
{
    Frame frame;
    frame.platform = platform;
    frame.module = module;
    frame.function = function;
    frame.filename = file;
    frame.abs_path = file;
    frame.package = package;
    frame.leaves = frame_leaves(frame);
    Judgement judgement = judge(frame);
    EXPECT_TRUE(judgement.library || judgement.bundle || judgement.rule.empty()) << judgement.rule;
    return std::string(judgement.rule);
}

TEST(InApp, python)
{
    EXPECT_EQ(rule_of("python", "sentry_sdk.integrations.flask", "f"), "python:sdk");
    EXPECT_EQ(rule_of("python", "sentry_sdkish", "f"), "");
    EXPECT_EQ(rule_of("python", "logging", "error"), "python:logging");
    EXPECT_EQ(rule_of("python", "flask.app", "f", "/srv/venv/lib/site-packages/flask/app.py"), "python:library");
    EXPECT_EQ(rule_of("python", "importlib", "f", "<frozen importlib._bootstrap>"), "python:library");
    EXPECT_EQ(rule_of("python", "shop.cart", "f", "/srv/shop/cart.py"), "");
}

TEST(InApp, javascript)
{
    EXPECT_EQ(rule_of("javascript", "@sentry/browser", "f"), "javascript:sdk");
    EXPECT_EQ(rule_of("node", "", "f", "/srv/node_modules/@sentry/node/index.js"), "javascript:sdk");
    EXPECT_EQ(rule_of("node", "", "log", "/srv/node_modules/winston/lib/logger.js"), "javascript:logging");
    EXPECT_EQ(rule_of("node", "", "processTicksAndRejections", "node:internal/process/task_queues"), "javascript:helpers");
    EXPECT_EQ(rule_of("node", "", "f", "/srv/node_modules/express/index.js"), "javascript:library");
    EXPECT_EQ(rule_of("javascript", "", "f", "https://shop.example/static/cart.js"), "");
}

TEST(InApp, java)
{
    EXPECT_EQ(rule_of("java", "java.util.concurrent.ThreadPoolExecutor", "runWorker"), "java:thread-base");
    EXPECT_EQ(rule_of("java", "jdk.internal.reflect.DirectMethodHandleAccessor", "invoke"), "java:reflection");
    EXPECT_EQ(rule_of("java", "ch.qos.logback.classic.Logger", "error"), "java:logging");
    EXPECT_EQ(rule_of("java", "io.sentry.SentryClient", "send"), "java:sdk");
    EXPECT_EQ(rule_of("java", "io.sentry.samples.Main", "main"), "") << "what an SDK shows as an example is an application";
    EXPECT_EQ(rule_of("java", "org.springframework.web.Filter", "f"), "java:library");
    EXPECT_EQ(rule_of("java", "com.shop.Cart", "add"), "");
}

TEST(InApp, go)
{
    EXPECT_EQ(rule_of("go", "github.com/getsentry/sentry-go", "Recover"), "go:sdk");
    EXPECT_EQ(rule_of("go", "github.com/getsentry/sentry-go", "main", "/src/sentry-go/_examples/basic/main.go"), "");
    EXPECT_EQ(rule_of("go", "runtime", "gopanic"), "go:runtime");
    EXPECT_EQ(rule_of("go", "github.com/sirupsen/logrus", "Error"), "go:logging");
    EXPECT_EQ(rule_of("go", "net/http", "HandlerFunc.ServeHTTP"), "go:library");
    EXPECT_EQ(rule_of("go", "shop.example/cart", "Add", "/root/go/pkg/mod/shop.example/cart.go"), "go:library");
    EXPECT_EQ(rule_of("go", "shop.example/cart", "Add", "/src/cart.go"), "");
}

TEST(InApp, php)
{
    EXPECT_EQ(rule_of("php", "", "Sentry\\captureException"), "php:sdk");
    EXPECT_EQ(rule_of("php", "", "handle", "/srv/vendor/sentry/sentry/src/Hub.php"), "php:sdk");
    EXPECT_EQ(rule_of("php", "", "Monolog\\Logger::error"), "php:logging");
    EXPECT_EQ(rule_of("php", "", "run", "/srv/vendor/symfony/http-kernel/Kernel.php"), "php:library");
    EXPECT_EQ(rule_of("php", "", "add", "/srv/src/Cart.php"), "");
}

TEST(InApp, ruby)
{
    EXPECT_EQ(rule_of("ruby", "", "call", "/usr/local/bundle/gems/sentry-ruby-5.0/lib/hub.rb"), "ruby:sdk");
    EXPECT_EQ(rule_of("ruby", "", "call", "/usr/local/bundle/gems/rack-2.2/lib/rack.rb"), "ruby:library");
    EXPECT_EQ(rule_of("ruby", "", "add", "/srv/app/cart.rb"), "");
}

TEST(InApp, csharp)
{
    EXPECT_EQ(rule_of("csharp", "System.Runtime.ExceptionServices.ExceptionDispatchInfo", "Throw"), "csharp:plumbing");
    EXPECT_EQ(rule_of("csharp", "Serilog.Log", "Error"), "csharp:logging");
    EXPECT_EQ(rule_of("csharp", "Sentry.Samples.Console.Program", "Main"), "");
    EXPECT_EQ(rule_of("csharp", "Sentry.SentrySdk", "CaptureException"), "csharp:sdk");
    EXPECT_EQ(rule_of("csharp", "System.Linq.Enumerable", "First"), "csharp:library");
    EXPECT_EQ(rule_of("csharp", "Shop.Cart", "Add"), "");
}

TEST(InApp, dart)
{
    EXPECT_EQ(rule_of("dart", "", "captureException", "package:sentry/src/hub.dart"), "dart:sdk");
    EXPECT_EQ(rule_of("dart", "", "build", "package:flutter/src/widgets/framework.dart"), "dart:library");
    EXPECT_EQ(rule_of("dart", "", "add", "package:shop/cart.dart"), "");
}

TEST(InApp, native)
{
    auto native = [](std::string_view function, std::string_view package = "/opt/shop/bin/shop") {
        return rule_of("native", "", function, "", package);
    };
    EXPECT_EQ(native("_start"), "native:thread-base");
    EXPECT_EQ(native("abort"), "native:throwing");
    EXPECT_EQ(native("__restore_rt"), "native:handler");
    EXPECT_EQ(native("sentry_capture_event"), "native:sdk");
    EXPECT_EQ(native("std::vector<int>::at"), "native:standard-library");
    EXPECT_EQ(native("objc_msgSend"), "native:glue");
    EXPECT_EQ(native("malloc"), "native:allocator");
    EXPECT_EQ(native("draw", "C:\\driver\\nvoglv64.dll"), "native:driver");
    EXPECT_EQ(native("read", "/lib/x86_64-linux-gnu/libc.so.6"), "native:library");
    EXPECT_EQ(native("add", "/private/var/containers/Bundle/Application/1/Shop.app/Shop"), "native:bundle");
    EXPECT_EQ(native("add"), "");
}

TEST(InApp, vendored_code_of_any_platform_is_a_library)
{
    EXPECT_EQ(rule_of("perl", "", "f", "/srv/vendor/JSON/PP.pm"), "all:vendor");
    EXPECT_EQ(rule_of("perl", "", "f", "/srv/lib/Cart.pm"), "");
}

}
