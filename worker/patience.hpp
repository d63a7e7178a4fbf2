/*
 * Waiting for PostgreSQL or Redis to come back.
 */

#ifndef ERRTRACK_WORKER_PATIENCE_HPP
#define ERRTRACK_WORKER_PATIENCE_HPP

#include "worker/metrics.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

namespace errtrack {

/* Waits longer each time, and says once why it waits and once that it is over. By any
 * thread. */
class Patience {
public:
    Patience(const char *what, Service service, Metrics &metrics)
        : what_(what), service_(service), metrics_(metrics)
    {
    }

    void wait(const std::string &why)
    {
        metrics_.fails(service_);
        std::unique_lock lock(mutex_);
        if (why != why_) {
            spdlog::error("{}: {}, retrying", what_, why);
            why_ = why;
        }
        delay_ = std::clamp(delay_ * 2, std::chrono::milliseconds(50),
                            std::chrono::milliseconds(1000));
        std::chrono::milliseconds delay = delay_;
        lock.unlock();
        std::this_thread::sleep_for(delay);
    }

    void over()
    {
        metrics_.answers(service_);
        std::lock_guard lock(mutex_);
        if (delay_ != delay_.zero()) {
            spdlog::info("{}: back", what_);
        }
        delay_ = delay_.zero();
        why_.clear();
    }

private:
    const char *what_;
    const Service service_;
    Metrics &metrics_;
    std::mutex mutex_;
    std::string why_;
    std::chrono::milliseconds delay_{0};
};

}

#endif
