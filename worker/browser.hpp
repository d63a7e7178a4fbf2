/*
 * Which browsers are too old for their errors to be of interest, by their User-Agent.
 *
 * Shared by the nginx modules, which see the agent of a request, and the worker, which
 * sees the one that an event tells of: standard library only.
 */

#ifndef ERRTRACK_WORKER_BROWSER_HPP
#define ERRTRACK_WORKER_BROWSER_HPP

#include <cstdint>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace browser {

inline bool contains(std::string_view text, std::string_view part) noexcept
{
    return text.find(part) != std::string_view::npos;
}

/* Reads digits at the front of text, four at most: a version that has more is no old one. */
inline std::uint32_t take_number(std::string_view &text) noexcept
{
    std::uint32_t number = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9' && number < 1000) {
        number = number * 10 + static_cast<std::uint32_t>(text.front() - '0');
        text.remove_prefix(1);
    }
    return number;
}

/* Whether the number after name, which may have a fraction, is there and less than major.minor. */
inline bool older(std::string_view agent, std::string_view name, std::uint32_t major,
                  std::uint32_t minor) noexcept
{
    std::size_t at = agent.find(name);
    if (at == std::string_view::npos) {
        return false;
    }
    std::string_view number = agent.substr(at + name.size());
    if (number.empty() || number.front() < '0' || number.front() > '9') {
        return false;
    }
    std::uint32_t first = take_number(number);
    std::uint32_t second = 0;
    if (!number.empty() && number.front() == '.') {
        number.remove_prefix(1);
        second = take_number(number);
    }
    return first < major || (first == major && second < minor);
}

}

/* Internet Explorer, the Opera of before Chromium, and the first browsers of Android
 * and Apple. Chromium says that it is Safari, so it is ruled out by its name. */
inline bool is_legacy_browser(std::string_view agent) noexcept
{
    using browser::contains;
    using browser::older;
    for (std::string_view name : {"MSIE ", "Trident/", "Opera Mini/", "Presto/"}) {
        if (contains(agent, name)) {
            return true;
        }
    }
    if (!contains(agent, "Version/") || !contains(agent, "Safari/") || contains(agent, "Chrome/")) {
        return false;
    }
    if (contains(agent, "Android ")) {
        return older(agent, "Android ", 4, 4);
    }
    for (std::string_view system : {"Macintosh", "Windows", "iPhone", "iPad", "iPod"}) {
        if (contains(agent, system)) {
            return older(agent, "Version/", 6, 0);
        }
    }
    return false;
}

}

#endif
