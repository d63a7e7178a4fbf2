#include "worker/key_verifier.hpp"

#include "worker/entry.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <utility>

namespace errtrack {
namespace {

using namespace std::chrono_literals;

/* In which ten questions are asked at most. */
constexpr auto usual_pause = 1s;
constexpr auto pause_after_trouble = 5s;

constexpr int redis_patience = 10;

}

KeyVerifier::KeyVerifier(std::string conninfo, const RedisSettings &redis, const GitlabSettings &gitlab,
                         const WebClientSettings &web, Metrics &metrics)
    : redis_settings_(redis), metrics_(metrics), store_(std::move(conninfo)), gitlab_(gitlab, web),
      thread_([this](const std::stop_token &stop) { run(stop); })
{
}

void KeyVerifier::run(const std::stop_token &stop)
{
    while (!stop.stop_requested()) {
        auto pause = pause_after_trouble;
        std::string trouble;
        try {
            turn(stop);
            pause = usual_pause;
        } catch (const GitlabError &e) {
            if (stop.stop_requested()) {
                return;
            }
            metrics_.asked_gitlab("failed");
            trouble = std::string("asking GitLab: ") + e.what();
        } catch (const StoreError &e) {
            // A database that is away is spoken of by whoever files.
            trouble = e.kind == StoreError::Kind::down ? complaint_ : std::string("keys of GitLab: ") + e.what();
        } catch (const RedisError &e) {
            redis_.reset();
            trouble = std::string("giving requests back to the queue: ") + e.what();
        } catch (const std::exception &e) {
            trouble = std::string("keys of GitLab: ") + e.what();
        }
        if (trouble != complaint_) {
            if (trouble.empty()) {
                spdlog::info("keys of GitLab: back");
            } else {
                spdlog::error("{}, trying again every {} s", trouble, pause_after_trouble.count());
            }
            complaint_ = trouble;
        }
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, stop, pause, [] { return false; });
    }
}

void KeyVerifier::turn(const std::stop_token &stop)
{
    if (!answered_) {
        // Address and token are tried before a report depends on them.
        gitlab_.allows(1, std::string(min_key_length, '-'), stop);
        answered_ = true;
        spdlog::info("GitLab answers questions about client keys");
    }
    if (!store_.take_key_duty()) {
        return;
    }
    release();
    std::vector<AskedKey> keys = store_.keys_to_ask();
    std::optional<GitlabError> unanswered;
    for (const AskedKey &key : keys) {
        try {
            bool enabled = gitlab_.allows(key.project, key.public_key, stop);
            metrics_.asked_gitlab(enabled ? "enabled" : "disabled");
            if (!store_.key_answered(key, enabled) && foreign_.insert(key.project).second) {
                spdlog::warn("GitLab vouches for a key of its project {}, but the project of that id here is another "
                             "one: its reports are discarded (see projects.gitlab)", key.project);
            }
        } catch (const GitlabError &e) {
            // One that it fails at is not to keep it from the others.
            if (!e.is_there) {
                throw;
            }
            unanswered.emplace(e);
        }
    }
    if (!keys.empty()) {
        release();
    }
    if (unanswered) {
        throw GitlabError(*unanswered);
    }
}

void KeyVerifier::release()
{
    auto requeue = [this](const WaitingRequest &request) {
        if (!redis_) {
            redis_ = std::make_unique<Redis>(redis_settings_, redis_patience);
        }
        redis_->must({"XADD", stream_key(0, request.body.size() > large_body), "*", field_meta, request.meta,
                      field_body, request.body});
    };
    while (store_.release_requests(requeue) > 0) {
    }
}

}
