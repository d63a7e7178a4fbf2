/*
 * What an error is called, where it is, and who did it: for people, never for the
 * identity. Follows the latest event of an issue.
 *
 * Rules: grouping reference, section 16.
 */

#include "worker/grouping.hpp"

#include <algorithm>

#include "worker/grouping_names.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t type_characters = 128;
constexpr std::size_t value_characters = 1024;
constexpr std::size_t title_characters = 256;
constexpr std::size_t culprit_characters = 200;

std::string_view first_line(std::string_view text)
{
    text = trim(text);
    return trim(text.substr(0, text.find_first_of("\r\n")));
}

bool is_usable_function(std::string_view function)
{
    return !function.empty() && !is_one_of(function, {"<redacted>", "<unknown>"});
}

/* The frame that a person wants to see: nearest to the crash, in the application if
 * possible, with a name if possible. */
const Frame *shown_frame(const std::vector<Frame> &frames)
{
    const Frame *named = nullptr;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        if (!is_usable_function(frame->function)) {
            continue;
        }
        if (frame->in_app) {
            return &*frame;
        }
        named = named == nullptr ? &*frame : named;
    }
    return named != nullptr ? named : crash_frame(frames);
}

std::string_view place_of(const Frame &frame)
{
    return !frame.module.empty()     ? frame.module
           : !frame.filename.empty() ? frame.filename
                                     : frame.abs_path;
}

std::string frame_culprit(const Frame &frame)
{
    std::string_view function = frame.function.empty() ? std::string_view("?") : frame.function;
    std::string_view place = place_of(frame);
    std::string out;
    if (is_javascript(frame.platform)) {
        out.append(function).append("(").append(place.empty() ? "?" : place).append(")");
    } else if (is_native(frame.platform) || place.empty()) {
        out.append(function);
    } else {
        out.append(place).append(" in ").append(function);
    }
    return out;
}

/* Of the exception that names the error, else what stands beside it. */
const std::vector<Frame> &named_frames(const GroupingInput &input)
{
    bool own = !input.exceptions.empty() && !input.exceptions[input.main_exception].frames.empty();
    return own ? input.exceptions[input.main_exception].frames : main_frames(input);
}

std::string report_title(const SecurityReport &report)
{
    if (report.kind == "csp") {
        return "Blocked '" + report.directive + "' from '" + report.blocked + "'";
    }
    std::string_view what = report.kind == "hpkp"       ? "Public key pinning"
                            : report.kind == "expectct" ? "Expect-CT"
                                                        : "Expect-Staple";
    return std::string(what) + " failed for '" + report.host + "'";
}

std::string message_title(const GroupingInput &input)
{
    std::string_view line = first_line(input.message);
    line = line.empty() ? first_line(input.message_template) : line;
    if (line.empty() && !input.report.kind.empty()) {
        return report_title(input.report);
    }
    return std::string(line.empty() ? "<unlabeled event>" : line);
}

std::string exception_title(const GroupingInput &input)
{
    const Exception &exception = input.exceptions[input.main_exception];
    std::string title = cut_with_dots(exception.type, type_characters);
    /* One without a type is a message with the stack of its caller, as SDKs for JavaScript send. */
    bool typeless = exception.type.empty() && !first_line(exception.value).empty();
    if (exception.synthetic && !typeless) {
        const Frame *frame = shown_frame(named_frames(input));
        if (frame != nullptr && !frame->function.empty()) {
            title = frame->function;
        }
    } else {
        std::string line = cut_with_dots(first_line(exception.value), value_characters);
        title.append(title.empty() || line.empty() ? "" : ": ").append(line);
    }
    return title.empty() ? "<unknown>" : title;
}

}

const std::vector<Frame> &main_frames(const GroupingInput &input)
{
    bool own = !input.exceptions.empty() && !input.exceptions.back().frames.empty();
    return own ? input.exceptions.back().frames : input.attached;
}

const Frame *crash_frame(const std::vector<Frame> &frames)
{
    auto app = std::find_if(frames.rbegin(), frames.rend(),
                            [](const Frame &frame) { return frame.in_app; });
    return app != frames.rend() ? &*app : frames.empty() ? nullptr : &frames.back();
}

std::string title_of(const GroupingInput &input)
{
    std::string title = input.rule_title;
    if (title.empty()) {
        title = input.exceptions.empty() ? message_title(input) : exception_title(input);
    }
    return cut_with_dots(title, title_characters);
}

std::string culprit_of(const GroupingInput &input)
{
    const std::vector<Frame> &frames = named_frames(input);
    bool synthetic = !input.exceptions.empty() && input.exceptions[input.main_exception].synthetic;
    std::string culprit;
    if (!input.transaction.empty()) {
        culprit = input.transaction;
    } else if (synthetic) {
        return {};
    } else if (!frames.empty()) {
        culprit = frame_culprit(*shown_frame(frames));
    } else {
        culprit = input.url;
    }
    return cut_with_dots(culprit, culprit_characters);
}

std::string location_of(const GroupingInput &input)
{
    const Frame *frame = shown_frame(named_frames(input));
    if (frame == nullptr) {
        return {};
    }
    return cut_with_dots(frame->filename.empty() ? frame->abs_path : frame->filename,
                         culprit_characters);
}

}
