#include "worker/tender.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace errtrack {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::duration<double> usual_pause = 2s;
constexpr std::chrono::duration<double> longest_pause = 10s;
constexpr std::chrono::duration<double> pause_after_trouble = 1min;

}

Tender::Tender(std::string conninfo)
    : store_(std::move(conninfo)), thread_([this](const std::stop_token &stop) { run(stop); })
{
}

void Tender::run(const std::stop_token &stop)
{
    while (!stop.stop_requested()) {
        auto pause = usual_pause;
        try {
            auto began = std::chrono::steady_clock::now();
            bool all = store_.tend_issues();
            bool trying = try_rules();
            if (!all || trying) {
                continue;
            }
            // The more events a turn folds the fewer rows it touches for each: when there
            // are many, turns become rare.
            std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
            pause = std::clamp(10 * took, usual_pause, longest_pause);
        } catch (const StoreError &e) {
            // A database that is away is spoken of by whoever files.
            if (e.kind != StoreError::Kind::down) {
                pause = pause_after_trouble;
                spdlog::warn("tending the issues: {}, trying again in {} s", e.what(),
                             pause.count());
            }
        } catch (const std::exception &e) {
            pause = pause_after_trouble;
            spdlog::error("tending the issues: {}", e.what());
        }
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, stop, pause, [] { return false; });
    }
}

/* Its trouble keeps nothing else from being done. */
bool Tender::try_rules()
{
    try {
        return trials_.go_on();
    } catch (const StoreError &e) {
        if (e.kind == StoreError::Kind::down) {
            throw;
        }
        spdlog::warn("trying rules for grouping: {}", e.what());
        return false;
    }
}

}
