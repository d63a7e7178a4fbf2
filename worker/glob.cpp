#include "worker/glob.hpp"

#include <algorithm>

#include "worker/words.hpp"

namespace errtrack {
namespace {

constexpr std::size_t max_text = 1024;

std::string as_path(std::string_view text)
{
    std::string path = lower(text);
    std::replace(path.begin(), path.end(), '\\', '/');
    return path;
}

unsigned char byte(char c)
{
    return static_cast<unsigned char>(c);
}

}

std::optional<Glob> Glob::parse(std::string_view pattern, Case letters, Kind kind)
{
    if (pattern.empty() || pattern.size() > max_bytes) {
        return {};
    }
    Glob glob;
    glob.letters_ = letters;
    glob.kind_ = kind;
    std::string text = kind == Kind::path             ? as_path(pattern)
                       : letters == Case::insensitive ? lower(pattern)
                                                      : std::string(pattern);
    glob.relative_ = kind == Kind::path && text.front() != '/';
    Set any = Set().set();
    Set in_folder = any;
    in_folder.reset('/');
    for (std::size_t at = 0; at < text.size(); at++) {
        Step step;
        if (text[at] == '*') {
            bool crosses = kind == Kind::text || text.substr(at, 2) == "**";
            at += text.substr(at, 2) == "**";
            step.of = crosses ? any : in_folder;
            step.repeats = true;
        } else if (text[at] == '?') {
            step.of = kind == Kind::path ? in_folder : any;
        } else if (text[at] == '[') {
            std::size_t end = text.find(']', at + 2);
            if (end == text.npos) {
                return {};
            }
            bool negated = text[at + 1] == '!';
            for (at += negated ? 2 : 1; at < end; at++) {
                bool range = at + 2 < end && text[at + 1] == '-';
                for (int c = byte(text[at]); c <= byte(text[at + (range ? 2 : 0)]); c++) {
                    step.of.set(static_cast<std::size_t>(c));
                }
                at += range ? 2 : 0;
            }
            step.of = negated ? ~step.of : step.of;
        } else {
            step.of.set(byte(text[at]));
        }
        glob.steps_.push_back(step);
    }
    return glob;
}

bool Glob::matches_from_start(std::string_view text) const
{
    // reached[i]: the steps before i have taken the text so far.
    std::vector<bool> reached(steps_.size() + 1);
    auto spread = [&] {
        for (std::size_t i = 0; i < steps_.size(); i++) {
            if (reached[i] && steps_[i].repeats) {
                reached[i + 1] = true;
            }
        }
    };
    reached[0] = true;
    spread();
    for (char c : text) {
        bool any = false;
        for (std::size_t i = steps_.size() + 1; i-- > 0;) {
            bool stays = i < steps_.size() && reached[i] && steps_[i].repeats && steps_[i].of[byte(c)];
            bool comes = i > 0 && reached[i - 1] && !steps_[i - 1].repeats && steps_[i - 1].of[byte(c)];
            reached[i] = stays || comes;
            any = any || reached[i];
        }
        if (!any) {
            return false;
        }
        spread();
    }
    return reached.back();
}

bool Glob::matches(std::string_view text) const
{
    text = text.substr(0, max_text);
    if (kind_ == Kind::path) {
        std::string path = as_path(text);
        return matches_from_start(path)
               || (relative_ && !path.empty() && path.front() == '/' && matches_from_start(std::string_view(path).substr(1)));
    }
    return letters_ == Case::insensitive ? matches_from_start(lower(text)) : matches_from_start(text);
}

}
