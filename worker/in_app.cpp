/*
 * The lists, one language after the other, each anchored at segments of names; then
 * what a whole stack makes of them. A list is part of the algorithm: it changes with
 * its version only.
 */

#include "worker/in_app.hpp"

#include <algorithm>
#include <iterator>

#include "worker/grouping_names.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

template <std::size_t Count>
using Words = const std::string_view (&)[Count];

template <std::size_t Count>
bool is_any(std::string_view text, Words<Count> words)
{
    return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

/* Most words differ in their first letter already. */
bool begins(std::string_view text, std::string_view word)
{
    return !text.empty() && text.front() == word.front() && text.starts_with(word);
}

template <std::size_t Count>
bool begins_any(std::string_view text, Words<Count> words)
{
    return std::any_of(std::begin(words), std::end(words),
                       [text](std::string_view word) { return begins(text, word); });
}

template <std::size_t Count>
bool holds_any(std::string_view text, Words<Count> words)
{
    return std::any_of(std::begin(words), std::end(words), [text](std::string_view word) {
        return text.find(word) != text.npos;
    });
}

/* Whether name is one of the words, or goes on behind one with a new segment. */
template <std::size_t Count>
bool is_within_any(std::string_view name, Words<Count> words)
{
    return std::any_of(std::begin(words), std::end(words), [name](std::string_view word) {
        return begins(name, word)
               && (name.size() == word.size()
                   || std::string_view(".$\\/:+").find(name[word.size()]) != std::string_view::npos);
    });
}

Judgement noise(std::string_view rule, Noise noise = Noise::hard)
{
    return {true, false, noise, rule};
}

Judgement library(std::string_view rule)
{
    return {true, false, Noise::none, rule};
}

/* In small letters, with / between the parts. A file that is not the end of the path
 * stands behind it, on a line of its own. */
std::string path_of(const Frame &frame)
{
    std::string path = lower(frame.abs_path);
    if (!frame.abs_path.ends_with(frame.filename)) {
        path.append(path.empty() ? "" : "\n").append(lower(frame.filename));
    }
    std::replace(path.begin(), path.end(), '\\', '/');
    return path;
}

bool is_vendored(std::string_view path)
{
    return path.starts_with("vendor/") || path.find("/vendor/") != path.npos;
}

/* ---- python ---- */

constexpr std::string_view python_folders[] = {
    "site-packages/", "dist-packages/", ".local/share/", "/lib/python"};
constexpr std::string_view python_roots[] = {
    "/usr/lib/", "/usr/local/lib/", "/lib/", "<frozen "};
constexpr std::string_view python_sdk[] = {"sentry_sdk", "raven"};
constexpr std::string_view python_logging[] = {"logging", "structlog", "loguru"};

Judgement judge_python(const Frame &frame, std::string_view path)
{
    if (is_within_any(frame.module, python_sdk)) {
        return noise("python:sdk");
    }
    if (is_within_any(frame.module, python_logging)) {
        return noise("python:logging");
    }
    bool is_library = holds_any(path, python_folders) || begins_any(path, python_roots)
                      || frame.filename.starts_with("<frozen ");
    return is_library ? library("python:library") : Judgement{};
}

/* ---- javascript ---- */

constexpr std::string_view script_sdk[] = {
    "@sentry/", "@sentry-internal/", "sentry-cdn.com/", "node_modules/raven"};
constexpr std::string_view script_helpers[] = {
    "@babel/", "babel-runtime/", "node_modules/core-js/", "core-js/modules/",
    "regenerator-runtime/", "node_modules/regenerator", "node_modules/tslib/", "tslib/tslib",
    "node_modules/zone.js/", "zone.js/dist", "zone.js/fesm"};
constexpr std::string_view script_helper_functions[] = {
    "runMicrotasks", "queueMicrotask", "processTicksAndRejections", "runNextTicks", "nextTick",
    "_tickCallback", "asyncGeneratorStep", "_asyncToGenerator", "__awaiter", "__generator"};
constexpr std::string_view script_libraries[] = {
    "node_modules/", "/~/", "webpack/bootstrap", "(webpack)", "//unpkg.com/",
    "//cdnjs.cloudflare.com/", "//cdn.jsdelivr.net/", "//esm.run/", "node:internal/",
    "newrelic", "logrocket"};
constexpr std::string_view script_roots[] = {"~/", "node:", "internal/"};

Judgement judge_javascript(const Frame &frame, std::string_view path)
{
    std::string_view file = path.substr(path.find('\n') + 1);
    if (holds_any(path, script_sdk) || frame.module.starts_with("@sentry")) {
        return noise("javascript:sdk");
    }
    if (path.find("node_modules/winston/") != path.npos) {
        return noise("javascript:logging");
    }
    if (holds_any(path, script_helpers)
        || is_any(frame.leaves.function.value, script_helper_functions)) {
        return noise("javascript:helpers");
    }
    bool is_library = holds_any(path, script_libraries) || begins_any(path, script_roots)
                      || begins_any(file, script_roots) || begins_any(frame.filename, script_roots);
    return is_library ? library("javascript:library") : Judgement{};
}

/* ---- java ---- */

constexpr std::string_view java_reflection[] = {
    "java.lang.reflect", "jdk.internal.reflect", "sun.reflect", "java.lang.invoke"};
constexpr std::string_view java_logging[] = {
    "org.apache.log4j", "org.apache.logging", "org.apache.commons.logging", "ch.qos.logback",
    "org.slf4j", "java.util.logging", "org.jboss.logging", "timber.log"};
constexpr std::string_view java_samples[] = {
    "io.sentry.example", "io.sentry.examples", "io.sentry.sample", "io.sentry.samples",
    "io.sentry.demo"};
constexpr std::string_view java_sdk[] = {"io.sentry", "com.getsentry"};
constexpr std::string_view java_libraries[] = {
    "java", "javax", "jakarta", "jdk", "sun", "com.sun", "kotlin", "kotlinx", "scala",
    "android", "androidx", "com.android", "dalvik", "libcore", "org.springframework",
    "org.apache", "org.hibernate", "org.eclipse", "org.jboss", "org.glassfish",
    "org.postgresql", "com.zaxxer", "com.fasterxml", "com.microsoft", "io.netty", "io.ktor",
    "io.opentelemetry", "io.reactivex", "reactor", "akka", "feign", "okhttp3", "retrofit2",
    "oauth", "io.sentry", "$Proxy"};

Judgement judge_java(const Frame &frame)
{
    const std::string &module = frame.module;
    const std::string &clean = frame.leaves.location.value;
    if ((module == "android.os.Looper" && frame.function == "loop")
        || (module == "android.app.ActivityThread" && frame.function == "main")
        || (module == "java.util.concurrent.ThreadPoolExecutor" && frame.function == "runWorker")) {
        return noise("java:thread-base", Noise::base);
    }
    if (is_within_any(module, java_reflection) || module.find("$$FastClassBy") != module.npos
        || clean.ends_with("MethodAccessor") || clean.ends_with("ConstructorAccessor")) {
        return noise("java:reflection");
    }
    if (is_within_any(module, java_logging)) {
        return noise("java:logging");
    }
    if (is_within_any(module, java_sdk) && !is_within_any(module, java_samples)) {
        return noise("java:sdk");
    }
    if (is_within_any(module, java_samples)) {
        return {};
    }
    return is_within_any(clean, java_libraries) ? library("java:library") : Judgement{};
}

/* ---- go ---- */

constexpr std::string_view go_sdk[] = {
    "github.com/getsentry/sentry-go", "github.com/getsentry/raven-go"};
constexpr std::string_view go_logging[] = {
    "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog", "log/slog", "log",
    "github.com/pkg/errors"};
constexpr std::string_view go_runtime[] = {"gopanic", "goPanic", "panic", "goexit", "sigpanic"};
constexpr std::string_view go_standard[] = {
    "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto",
    "database", "debug", "embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash",
    "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net",
    "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv",
    "strings", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe",
    "weak"};

/* Modules of people begin with a host, those of Go itself have no dot. */
Judgement judge_go(const Frame &frame, std::string_view path)
{
    const std::string &module = frame.module;
    bool sample = path.find("/_examples/") != path.npos || path.find("/example/") != path.npos;
    if (is_within_any(module, go_sdk) && !sample) {
        return noise("go:sdk");
    }
    if (module == "runtime" && begins_any(frame.function, go_runtime)) {
        return noise("go:runtime");
    }
    if (is_within_any(module, go_logging)) {
        return noise("go:logging");
    }
    bool is_library = path.find("/go/pkg/mod/") != path.npos || is_vendored(path)
                      || is_within_any(module, go_standard);
    return is_library ? library("go:library") : Judgement{};
}

/* ---- php, ruby, c#, dart ---- */

Judgement judge_php(const Frame &frame, std::string_view path)
{
    if (frame.function.starts_with("Sentry\\") || path.find("vendor/sentry/") != path.npos) {
        return noise("php:sdk");
    }
    if (frame.function.starts_with("Monolog\\") || path.find("vendor/monolog/") != path.npos) {
        return noise("php:logging");
    }
    return is_vendored(path) ? library("php:library") : Judgement{};
}

constexpr std::string_view ruby_sdk[] = {
    "/gems/sentry-", "/bundler/gems/sentry-", "sentry-ruby/lib/"};
constexpr std::string_view ruby_libraries[] = {"/gems/", "/lib/ruby/", "<internal:"};

Judgement judge_ruby(std::string_view path)
{
    if (holds_any(path, ruby_sdk)) {
        return noise("ruby:sdk");
    }
    bool is_library = holds_any(path, ruby_libraries) || is_vendored(path);
    return is_library ? library("ruby:library") : Judgement{};
}

constexpr std::string_view csharp_plumbing[] = {
    "System.Runtime.ExceptionServices", "System.Runtime.CompilerServices"};
constexpr std::string_view csharp_logging[] = {
    "Serilog", "NLog", "log4net", "Microsoft.Extensions.Logging"};
constexpr std::string_view csharp_libraries[] = {
    "System", "Microsoft", "Sentry", "Serilog", "NLog", "Npgsql"};
constexpr std::string_view csharp_samples[] = {"Sentry.Samples", "Sentry.Sample"};

Judgement judge_csharp(const Frame &frame)
{
    const std::string &module = frame.module;
    if (is_within_any(module, csharp_plumbing)) {
        return noise("csharp:plumbing");
    }
    if (is_within_any(module, csharp_logging)) {
        return noise("csharp:logging");
    }
    if (is_within_any(module, csharp_samples)) {
        return {};
    }
    if (module == "Sentry" || module.starts_with("Sentry.")) {
        return noise("csharp:sdk");
    }
    return is_within_any(module, csharp_libraries) ? library("csharp:library") : Judgement{};
}

constexpr std::string_view dart_libraries[] = {
    "org-dartlang-sdk", "packages/flutter", ".pub-cache", "package:flutter", "dart:"};

Judgement judge_dart(std::string_view path)
{
    if (path.find("package:sentry") != path.npos) {
        return noise("dart:sdk");
    }
    return holds_any(path, dart_libraries) ? library("dart:library") : Judgement{};
}

/* ---- native ---- */

constexpr std::string_view throwing[] = {
    "abort", "__abort", "__GI_abort", "raise", "__GI_raise", "gsignal", "tgkill", "__tgkill",
    "kill", "__kill", "pthread_kill", "_pthread_kill", "__pthread_kill",
    "__pthread_kill_internal", "__pthread_kill_implementation", "pthread_kill_implementation",
    "__cxa_throw", "__cxa_rethrow", "_CxxThrowException", "CxxThrowException", "RaiseException",
    "objc_exception_throw", "objc_exception_rethrow", "std::terminate", "std::__terminate",
    "__cxxabiv1::__terminate", "abort_message", "__abort_message",
    "demangling_terminate_handler", "__assert_fail", "__assert_fail_base", "__assert_rtn",
    "__assert", "__assert2", "_assert", "_wassert", "__fortify_fail", "__stack_chk_fail",
    "core::option::unwrap_failed", "core::option::expect_failed", "core::result::unwrap_failed",
    "rust_begin_unwind", "default_hook", "std::panicking::default_hook"};
constexpr std::string_view throwing_families[] = {
    "__asan_", "__ubsan_", "__tsan_", "__msan_", "__sanitizer", "__interceptor_",
    "core::panicking::", "std::panicking::begin_panic", "std::panicking::rust_panic",
    "rust_panic", "anyhow::", "eyre::", "color_eyre::"};
constexpr std::string_view handlers[] = {
    "_sigtramp", "__sigtramp", "sigtramp", "__restore_rt", "__kernel_rt_sigreturn",
    "<signal handler called>"};
constexpr std::string_view handler_families[] = {
    "google_breakpad::", "crashpad::", "kscrash", "KSCrash", "sentrycrash", "SentryCrash"};
constexpr std::string_view bases[] = {
    "start", "_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main",
    "start_thread", "clone", "__clone", "clone3", "__clone3", "thread_start", "thread_start<T>",
    "_pthread_start", "__pthread_start", "_pthread_body", "start_wqthread", "_pthread_wqthread",
    "_dispatch_root_queues_init_once", "BaseThreadInitThunk", "RtlUserThreadStart",
    "_RtlUserThreadStart", "__RtlUserThreadStart", "TppWorkerThread", "RtlpTpWorkCallback",
    "invoke_main", "WinMain", "wWinMain", "__scrt_common_main", "__scrt_common_main_seh",
    "mainCRTStartup", "wmainCRTStartup", "WinMainCRTStartup", "wWinMainCRTStartup",
    "__tmainCRTStartup", "thread_proxy", "boost::anonymous::thread_proxy", "std::thread::spawn",
    "UIApplicationMain", "NSApplicationMain", "-[UIApplication _run]", "-[UIApplication run]",
    "-[NSApplication run]"};
constexpr std::string_view base_families[] = {
    "_dispatch_worker_thread", "std::rt::lang_start", "std::thread::Builder::", "CFRunLoopRun",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::sys::backtrace::__rust_begin_short_backtrace", "__rust_begin_short_backtrace"};
constexpr std::string_view native_sdk[] = {
    "sentry_", "sentry::", "sentry__", "-[Sentry", "+[Sentry", "SentrySDK.", "Sentry.", "log::",
    "tracing::", "tracing_core::", "tracing_subscriber::", "backtrace::"};
constexpr std::string_view standard_library[] = {
    "std::", "__gnu_cxx::", "boost::function", "boost::bind", "boost::_bi::", "boost::detail::",
    "core::ops::function", "alloc::boxed", "__rust_", "operator new", "operator delete"};
constexpr std::string_view glue[] = {
    "_dispatch_", "__CFRUNLOOP", "__CFRunLoop", "objc_msgSend", "objc_retain", "objc_release",
    "swift_retain", "swift_release", "__dynamic_cast", "ImageLoader", "dlopen_internal",
    "_dl_"};
constexpr std::string_view allocator[] = {
    "malloc", "free", "calloc", "realloc", "cfree", "_int_malloc", "_int_free", "_int_realloc",
    "_int_memalign", "malloc_consolidate", "__libc_malloc", "__libc_free", "__libc_calloc",
    "__libc_realloc", "__GI___libc_malloc", "__GI___libc_free", "_malloc_base", "_free_base",
    "HeapAlloc", "HeapFree", "RtlAllocateHeap", "RtlFreeHeap", "malloc_error_break"};
constexpr std::string_view allocator_families[] = {
    "szone_", "tiny_malloc", "tiny_free", "nanov2_", "_nano_malloc", "malloc_zone_",
    "RtlpAllocateHeap", "RtlpFreeHeap", "je_", "scudo::"};
constexpr std::string_view drivers[] = {
    "nvoglv", "nvwgf2um", "nvd3dum", "atidxx", "atio6axx", "atioglxx", "amdxx", "igd10",
    "igd11", "igd12", "igdumd", "ig9icd", "ig75icd", "opengl32", "d3d9", "d3d10", "d3d11",
    "d3d12", "dxgi", "libgl.so", "libgles", "libegl", "libglx_", "libnvidia", "libopencl",
    "opencl.dll", "gldriver", "glengine", "applemetalopengl", "libvulkan"};
constexpr std::string_view native_libraries[] = {
    "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/lib/", "/lib32/", "/lib64/", "/system/",
    "/library/", "c:/windows/", "/apex/", "/rustc/"};
constexpr std::string_view native_names[] = {
    "std::", "boost::", "core::", "alloc::", "__cxa", "__libc", "__rust", "rust_begin_unwind"};
constexpr std::string_view rust_folders[] = {"/rustc/", ".cargo/registry", ".rustup/"};

Judgement judge_native(const Frame &frame, std::string_view path)
{
    const std::string &function = frame.leaves.function.value;
    std::string package = lower(frame.package);
    std::replace(package.begin(), package.end(), '\\', '/');
    if (is_any(function, bases) || begins_any(function, base_families)) {
        return noise("native:thread-base", Noise::base);
    }
    if (is_any(function, throwing) || begins_any(function, throwing_families)) {
        return noise("native:throwing", Noise::throwing);
    }
    if (is_any(function, handlers) || begins_any(function, handler_families)
        || is_any(frame.function, handlers)) {
        return noise("native:handler", Noise::throwing);
    }
    if (begins_any(function, native_sdk)) {
        return noise("native:sdk");
    }
    if (begins_any(function, standard_library)) {
        return noise("native:standard-library", Noise::soft);
    }
    bool loader = function.starts_with("dyld") && function.find("::") != function.npos;
    if (loader || begins_any(function, glue)) {
        return noise("native:glue", Noise::soft);
    }
    if (is_any(function, allocator) || begins_any(function, allocator_families)) {
        return noise("native:allocator", Noise::soft_run);
    }
    if (begins_any(base_name(package), drivers)) {
        return noise("native:driver", Noise::soft_run);
    }
    if (begins_any(package, native_libraries) || begins_any(function, native_names)
        || holds_any(path, rust_folders)) {
        return library("native:library");
    }
    Judgement judgement;
    judgement.bundle = package.find(".app/") != package.npos || package.starts_with("/users/")
                       || package.starts_with("/private/var/containers/bundle/application/");
    judgement.rule = judgement.bundle ? "native:bundle" : "";
    return judgement;
}

/* Whether there is something to judge a frame by that no rule has touched. */
bool has_evidence(const Frame &frame)
{
    if (is_placeholder(frame.function)) {
        return false;
    }
    if (is_native(frame.platform)) {
        return !frame.leaves.function.value.empty()
               && frame.package.find_first_of("/\\") != std::string::npos;
    }
    if (is_java(frame.platform) || is_one_of(frame.platform, {"csharp", "go"})) {
        return !frame.module.empty();
    }
    return !frame.module.empty() || !frame.filename.empty();
}

}

Judgement judge(const Frame &frame)
{
    const std::string &platform = frame.platform;
    if (is_java(platform)) {
        return judge_java(frame);
    }
    if (platform == "csharp") {
        return judge_csharp(frame);
    }
    std::string path = path_of(frame);
    if (is_native(platform)) {
        return judge_native(frame, path);
    }
    Judgement judgement = platform == "python"        ? judge_python(frame, path)
                          : is_javascript(platform) ? judge_javascript(frame, path)
                          : platform == "go"        ? judge_go(frame, path)
                          : platform == "php"       ? judge_php(frame, path)
                          : platform == "ruby"      ? judge_ruby(path)
                          : platform == "dart"      ? judge_dart(path)
                                                    : Judgement{};
    if (judgement.rule.empty() && is_vendored(path)) {
        return library("all:vendor");
    }
    return judgement;
}

/* If one frame of the stack carries the flag, a missing flag means no. If none does, a
 * frame belongs to the application when there is something to judge it by. */
void mark_by_defaults(std::vector<Frame> &frames)
{
    bool flagged = std::any_of(frames.begin(), frames.end(),
                               [](const Frame &frame) { return frame.flag.has_value(); });
    for (Frame &frame : frames) {
        frame.leaves = frame_leaves(frame);
        Judgement judgement = judge(frame);
        frame.noise = judgement.noise;
        frame.rule = judgement.rule;
        frame.in_app = flagged ? frame.flag.value_or(false) : has_evidence(frame);
        frame.in_app = (frame.in_app || judgement.bundle) && !judgement.library;
    }
}

void spread_noise(std::vector<Frame> &frames)
{
    auto is = [](Noise noise) {
        return [noise](const Frame &frame) { return frame.noise == noise; };
    };
    auto silence = [](auto first, auto last) {
        std::for_each(first, last, [](Frame &frame) {
            frame.noise = Noise::hard;
            frame.in_app = false;
        });
    };
    auto base = std::find_if(frames.rbegin(), frames.rend(), is(Noise::base));
    silence(base, frames.rend());
    silence(std::find_if(frames.begin(), frames.end(), is(Noise::throwing)), frames.end());
    // Of a run of frames of an allocator or a driver the outermost tells who called it.
    for (std::size_t i = frames.size(); i-- > 0;) {
        if (frames[i].noise == Noise::soft_run) {
            bool inner = i > 0 && frames[i - 1].noise == Noise::soft_run
                         && frames[i - 1].rule == frames[i].rule;
            frames[i].noise = inner ? Noise::soft : Noise::none;
        }
    }
}

}
