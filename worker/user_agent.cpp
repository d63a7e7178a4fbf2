/*
 * Every browser claims to be others too, so the first name of a list that occurs is the
 * one that it goes by.
 */

#include "worker/user_agent.hpp"

#include <algorithm>
#include <utility>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

/* Looked at; more is no browser's. */
constexpr std::size_t most_agent = 512;
constexpr std::size_t most_model = 64;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

std::string_view behind(std::string_view text, std::string_view part)
{
    std::size_t at = text.find(part);
    return at == text.npos ? std::string_view() : text.substr(at + part.size());
}

/* Numbers apart by dots, or by underscores as Apple writes them. */
std::string version_at(std::string_view text)
{
    constexpr std::size_t most_parts = 3;
    std::string version;
    std::size_t parts = 1;
    for (char c : text) {
        bool digit = c >= '0' && c <= '9';
        bool dot = (c == '.' || c == '_') && !version.empty() && version.back() != '.';
        parts += dot;
        if ((!digit && !dot) || parts > most_parts || version.size() > 24) {
            break;
        }
        version.push_back(digit ? c : '.');
    }
    version.erase(version.find_last_not_of('.') + 1);
    return version;
}

void read_browser(std::string_view agent, UserAgent &found)
{
    struct Name {
        std::string_view mark;
        std::string_view name;
        std::string_view mobile;         /* what it is called on a telephone */
    };
    constexpr Name names[] = {
        {"EdgiOS/", "Edge", "Edge Mobile"}, {"EdgA/", "Edge", "Edge Mobile"},
        {"Edg/", "Edge", "Edge Mobile"}, {"Edge/", "Edge", "Edge Mobile"},
        {"OPR/", "Opera", "Opera Mobile"}, {"OPiOS/", "Opera", "Opera Mobile"},
        {"Opera Mini/", "Opera Mini", "Opera Mini"},
        {"SamsungBrowser/", "Samsung Internet", "Samsung Internet"},
        {"YaBrowser/", "Yandex Browser", "Yandex Browser"}, {"Vivaldi/", "Vivaldi", "Vivaldi"},
        {"FxiOS/", "Firefox iOS", "Firefox iOS"},
        {"CriOS/", "Chrome Mobile iOS", "Chrome Mobile iOS"},
        {"Firefox/", "Firefox", "Firefox Mobile"},
        {"HeadlessChrome/", "HeadlessChrome", "HeadlessChrome"},
        {"Chrome/", "Chrome", "Chrome Mobile"}, {"MSIE ", "IE", "IE Mobile"}};
    bool mobile = contains(agent, "Mobile") || contains(agent, "iPhone");
    for (const Name &each : names) {
        found.browser_version = version_at(behind(agent, each.mark));
        if (!found.browser_version.empty()) {
            bool view = each.mark == "Chrome/" && contains(agent, "; wv)");
            found.browser = view ? "Chrome Mobile WebView" : mobile ? each.mobile : each.name;
            return;
        }
    }
    if (contains(agent, "Trident/")) {
        found.browser = "IE";
        found.browser_version = version_at(behind(agent, "rv:"));
    } else if (agent.starts_with("Opera/")) {
        std::string_view version = behind(agent, "Version/");
        found.browser = "Opera";
        found.browser_version = version_at(version.empty() ? behind(agent, "Opera/") : version);
    } else if (contains(agent, "Version/") && contains(agent, "Safari/")) {
        found.browser = contains(agent, "Android") ? "Android"
                        : mobile                   ? "Mobile Safari"
                                                   : "Safari";
        found.browser_version = version_at(behind(agent, "Version/"));
    }
}

std::string windows_version(std::string_view number)
{
    constexpr std::pair<std::string_view, std::string_view> versions[] = {
        {"10.0", "10"}, {"6.3", "8.1"}, {"6.2", "8"}, {"6.1", "7"},
        {"6.0", "Vista"}, {"5.2", "XP"}, {"5.1", "XP"}};
    std::string plain = version_at(number);
    const auto *known = std::find_if(std::begin(versions), std::end(versions),
                                     [&](const auto &each) { return each.first == plain; });
    return known == std::end(versions) ? plain : std::string(known->second);
}

void read_os(std::string_view agent, UserAgent &found)
{
    auto is = [&](std::string_view name, std::string version) {
        found.os = name;
        found.os_version = std::move(version);
    };
    if (contains(agent, "Windows Phone")) {
        is("Windows Phone", version_at(behind(agent, "Windows Phone ")));
    } else if (contains(agent, "Windows NT ")) {
        is("Windows", windows_version(behind(agent, "Windows NT ")));
    } else if (contains(agent, "like Mac OS X")) {
        is("iOS", version_at(behind(agent, " OS ")));
    } else if (contains(agent, "Mac OS X")) {
        is("Mac OS X", version_at(behind(agent, "Mac OS X ")));
    } else if (contains(agent, "Android")) {
        is("Android", version_at(behind(agent, "Android ")));
    } else if (contains(agent, "CrOS ")) {
        is("Chrome OS", version_at(behind(behind(agent, "CrOS "), " ")));
    } else if (contains(agent, "Ubuntu")) {
        is("Ubuntu", version_at(behind(agent, "Ubuntu/")));
    } else if (contains(agent, "Linux")) {
        is("Linux", "");
    }
}

/* "Android 13; Pixel 6 Build/X; wv)", or with a language before the model. Browsers that
 * do not want to tell say "K", or what kind of device it is. */
std::string android_model(std::string_view agent)
{
    std::string_view rest = behind(agent, "Android");
    rest = rest.substr(0, rest.find(')'));
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    while (rest.starts_with(';')) {
        rest.remove_prefix(1);
        std::string_view word = trim(rest.substr(0, rest.find(';')));
        rest.remove_prefix(std::min(rest.find(';'), rest.size()));
        word = trim(word.substr(0, word.find("Build/")));
        bool language = (word.size() == 2 || word.size() == 5) && word[0] >= 'a' && word[0] <= 'z'
                        && (word.size() == 2 || word[2] == '-' || word[2] == '_');
        bool none = word.empty() || word == "K" || word == "U" || word == "wv" || word == "Mobile"
                    || word == "Tablet" || word.starts_with("rv:");
        if (!language && !none) {
            return std::string(cut_characters(word, most_model));
        }
    }
    return {};
}

void read_device(std::string_view agent, UserAgent &found)
{
    for (std::string_view name : {"iPhone", "iPad", "iPod", "Macintosh"}) {
        if (contains(agent, name)) {
            found.device = name == "Macintosh" ? "Mac" : name;
            found.brand = "Apple";
            return;
        }
    }
    if (found.os == "Android") {
        found.device = android_model(agent);
    }
}

}

UserAgent read_user_agent(std::string_view agent)
{
    UserAgent found;
    agent = agent.substr(0, most_agent);
    if (agent.starts_with("Mozilla/") || agent.starts_with("Opera/")) {
        read_browser(agent, found);
        if (!found.browser.empty()) {
            read_os(agent, found);
            read_device(agent, found);
        }
    }
    return found;
}

}
