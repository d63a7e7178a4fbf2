#include "worker/settings_cache.hpp"

namespace errtrack {
namespace {

using namespace std::chrono_literals;

constexpr auto read_every = 30s;

}

void SettingsCache::refresh()
{
    changed_ |= store_.event_settings_changed();
    if (!changed_ && Clock::now() - read_ < read_every) {
        return;
    }
    std::unordered_map<std::int64_t, EventSettings> projects;
    for (const auto &[project, json] : store_.event_settings()) {
        projects.emplace(project, read_event_settings(json));
    }
    projects_ = std::move(projects);
    known_ = true;
    changed_ = false;
    read_ = Clock::now();
}

const EventSettings &SettingsCache::of(std::int64_t project) const
{
    auto found = projects_.find(project);
    return found == projects_.end() ? usual_ : found->second;
}

}
