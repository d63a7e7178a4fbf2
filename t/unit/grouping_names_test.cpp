/* Names without what compilers, runtimes and builds put into them. */

#include "worker/grouping_names.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "worker/grouping_frames.hpp"

using namespace errtrack;

namespace {

using Clean = std::string (*)(std::string_view);
using Row = std::pair<std::string_view, std::string_view>;

template <std::size_t Count>
void expect_rows(Clean clean, const Row (&rows)[Count])
{
    for (const auto &[name, expected] : rows) {
        EXPECT_EQ(clean(name), expected) << name;
    }
}

TEST(Names, javascript)
{
    expect_rows(clean_javascript_function,
                {{"Object.foo", "foo"}, {"Foo.prototype.bar", "bar"}, {"async bar", "bar"}, {"new Foo", "Foo"},
                 {"foo [as bar]", "foo"}, {"async Promise.all (index 3)", "all"}, {"a/b/<", ""}, {"?", ""},
                 {"<anonymous>", ""}, {"Anonymous function", ""}, {"Object.<anonymous>", ""}, {"", ""}});
}

TEST(Names, java)
{
    expect_rows(clean_java_function,
                {{"lambda$place$0", "lambda$place"}, {"lambda$0", "lambda"}, {"onCreate$lambda$3", "onCreate$lambda"},
                 {"onCreate$lambda-3", "onCreate$lambda"}, {"access$000", "access$"}, {"place", "place"}});
    expect_rows(clean_java_module,
                {{"a.X$$Lambda$142/0x0000000800c0", "a.X$$Lambda"}, {"a.X$$Lambda/0x12", "a.X$$Lambda"},
                 {"jdk.internal.reflect.GeneratedMethodAccessor12", "jdk.internal.reflect.GeneratedMethodAccessor"},
                 {"com.sun.proxy.$Proxy15", "$Proxy"}, {"jdk.proxy2.$Proxy7", "$Proxy"},
                 {"a.X$$EnhancerBySpringCGLIB$$1f2e", "a.X$$Generated"}, {"a.X$$SpringCGLIB$$0", "a.X$$Generated"},
                 {"a.X$HibernateProxy$q1w2", "a.X$$Generated"}, {"a.X$MockitoMock$12", "a.X$$Generated"},
                 {"a.X$$ExternalSyntheticLambda7", "a.X$$ExternalSyntheticLambda"},
                 {"app.core$fn__1539", "app.core$fn__"}, {"a.X$1", "a.X$1"}});
}

TEST(Names, scripts)
{
    expect_rows(clean_python_function, {{"Cart.total", "total"}, {"<lambda>", "<lambda>"}});
    expect_rows(clean_php_function,
                {{"class@anonymous\xef\xbf\xbd/srv/a.php:12$0::run", "class@anonymous::run"},
                 {"{closure:App\\Foo::bar():19}", "{closure}"}, {"App\\Foo::{closure}", "{closure}"},
                 {"__TwigTemplate_ab12cd::doDisplay", "__TwigTemplate::doDisplay"}});
    expect_rows(clean_ruby_function,
                {{"_app_views_cart_html_erb___123456789_4567", "_app_views_cart_html_erb"},
                 {"block (2 levels) in import", "block in import"}, {"rescue in Foo#bar", "block in bar"},
                 {"block in Foo.bar", "block in bar"}, {"Foo#bar", "bar"}, {"<top (required)>", "<top (required)>"},
                 {"<class:Foo.Bar>", "<class:Foo.Bar>"}, {"block", "block"}});
    expect_rows(clean_go_function,
                {{"Map[go.shape.int]", "Map"}, {"Map[...].func1", "Map.func1"}, {"open[", "open["}});
    expect_rows(clean_elixir_function,
                {{"anonymous fn/1 in Foo.bar/2", "fn in Foo.bar/2"}, {"-bar/2-fun-0-", "-bar/2-fun-"}, {"bar/2", "bar/2"}});
}

TEST(Names, csharp)
{
    auto clean = [](std::string_view module, std::string_view function) {
        CsharpName name = clean_csharp_name(module, function);
        return name.module + " " + name.function;
    };
    EXPECT_EQ(clean("Acme.Cart+<Total>d__4", "MoveNext"), "Acme.Cart Total");
    EXPECT_EQ(clean("Acme.Cart.<Total>d__4", "MoveNext"), "Acme.Cart Total");
    EXPECT_EQ(clean("Acme.Cart+<>c", "<Total>b__5_1"), "Acme.Cart Total.lambda");
    EXPECT_EQ(clean("Acme.Cart+<>c__DisplayClass5_0", "<Total>b__0"), "Acme.Cart Total.lambda");
    EXPECT_EQ(clean("Acme.Cart", "<Total>g__Inner|5_0"), "Acme.Cart Total.Inner");
    EXPECT_EQ(clean("Acme.Repo`1[[Acme.Item, Acme, Version=1.0]]", "Execute[T]"), "Acme.Repo Execute");
    EXPECT_EQ(clean("A", "async Task<int> Run(string text)"), "A Run");
}

TEST(Names, native)
{
    expect_rows(clean_native_function,
                {{"<redacted>", ""}, {"?", ""}, {"-[Cart total:]", "-[Cart total:]"},
                 {"__25-[Cart total:]_block_invoke_2", "-[Cart total:]_block_invoke"},
                 {"__main_block_invoke", "main_block_invoke"},
                 {"int Cart::total(int, char const*) const", "Cart::total"}, {"Cart::total", "Cart::total"},
                 {"_ZN4Cart5totalEi", "Cart::total"}, {"foo.cold", "foo"}, {"foo.part.0.cold.1", "foo"},
                 {"foo.constprop.0", "foo"}, {"foo(int) [clone .isra.3]", "foo"},
                 {"app::run::h0123456789abcdef", "app::run"}, {"memcpy@GLIBC_2.14", "memcpy"},
                 {"memcpy@@GLIBC_2.14", "memcpy"}, {"_name@12", "name"},
                 {"closure #1 (Swift.Int) -> () in Cart.total()", "Cart.total"},
                 {"partial apply for Cart.total() -> Swift.Int", "Cart.total"}, {"@objc Cart.total()", "Cart.total"},
                 {"(anonymous namespace)::f(int)", "anonymous::f"}, {"`anonymous namespace'::f", "anonymous::f"},
                 {"?A0x12ab34cd::f", "anonymous::f"},
                 {"Cart::total()::{lambda(int)#1}::operator()(int) const", "Cart::total::lambda::operator()"},
                 {"Cart::total()::$_0::operator()(int) const", "Cart::total::lambda::operator()"},
                 {"Cart::total()::'lambda0'(int)::operator()(int) const", "Cart::total::lambda::operator()"},
                 {"app::run::{closure#0}", "app::run::{{closure}}"}, {"app::run::{{closure}}", "app::run::{{closure}}"},
                 {"<app::Cart as app::Total>::total", "app::Cart::total"}, {"<T as app::Total>::total", "app::Total::total"},
                 {"<app::Cart>::total", "app::Cart::total"}, {"std::vector<int, std::allocator<int> >::push_back(int)",
                 "std::vector<T>::push_back"}, {"a::operator<<(int)", "a::operator<<"}, {"a::operator<(b)", "a::operator<"},
                 {"a::operator->()", "a::operator->"}, {"operator new(unsigned long)", "operator new"},
                 {"Foo::operator bool() const", "Foo::operator bool"}, {"core::f::<u8>", "core::f"},
                 {"void", "void"}, {"broken(", "broken("}, {"broken<a", "broken<a"}, {"a)b", "a)b"}});
}

TEST(Names, hostile_ones_stay_bounded)
{
    std::string bomb = "_Z1f";
    for (int i = 0; i < 200; i++) {
        bomb += "St4pairIS" + std::to_string(i % 10) + "_S_E";
    }
    for (std::string name : {std::string(2048, '<'), std::string(2048, '('), std::string(2048, '{'), bomb,
                             std::string(1000, '<') + std::string(1000, '>'), std::string(2048, '&')}) {
        EXPECT_LE(clean_native_function(name).size(), 2 * name.size());
    }
}

Frame script(std::string_view file, std::string_view module = "")
{
    Frame frame;
    frame.platform = "javascript";
    frame.filename = file;
    frame.module = module;
    frame.function = "f";
    return frame;
}

TEST(Files, of_javascript)
{
    auto location = [](const Frame &frame) { return frame_leaves(frame).location.value; };
    EXPECT_EQ(location(script("app:///main.3f9a1c07.js")), "main.js");
    EXPECT_EQ(location(script("app:///cart-DkVx9a1b.js")), "cart.js");
    EXPECT_EQ(location(script("app:///3f9a1c07.js")), "<hash>.js");
    EXPECT_EQ(location(script("app:///17.a1b2c3d4.js")), "<n>.js");
    EXPECT_EQ(location(script("app:///_app.js?v=1")), "_app.js");
    EXPECT_EQ(location(script("https://x.example/a.js")), "");
    EXPECT_EQ(location(script("chrome-extension://abcd/background.js")), "background.js");
    EXPECT_EQ(location(script("/srv/cart/index.js")), "cart/index.js");
    EXPECT_EQ(location(script("/srv/releases/20260301/index.js")), "index.js");
    EXPECT_EQ(location(script("/srv/src/index.js")), "index.js");
    EXPECT_EQ(location(script("/srv/cart/index.html")), "index.html");
    EXPECT_EQ(location(script("x.js", "app/chunk-3f9a1c07/cart")), "app/chunk/cart");
}

TEST(Files, of_other_languages)
{
    auto location = [](std::string_view platform, std::string_view file) {
        Frame frame = script(file);
        frame.platform = platform;
        return frame_leaves(frame).location.value;
    };
    EXPECT_EQ(location("java", "SourceFile"), "");
    EXPECT_EQ(location("java", "Cart.java"), "cart.java");
    EXPECT_EQ(location("php", "/a/x.php(12) : eval()'d code"), "x.php : eval()'d code");
    EXPECT_EQ(location("php", "/views/0123456789abcdef0123456789abcdef01234567.php"), "<view>.php");
    EXPECT_EQ(location("python", "<ipython-input-5-abc>"), "<ipython-input>");
    EXPECT_EQ(location("python", "shop/cart/__init__.py"), "cart/__init__.py");
    EXPECT_EQ(location("native", "/src/Cart.cpp"), "cart.cpp");
}

}
