/*
 * Which frames of a stack count: what rules say, then recursion, then the limit. Collapse
 * first, cut afterwards: the depth of a recursion must not decide which frames are left.
 *
 * Rules: grouping reference, sections 4, 8 and 15.3.
 */

#include "worker/grouping_variants.hpp"

#include <algorithm>
#include <tuple>

#include "worker/grouping_names.hpp"

namespace errtrack {
namespace {

constexpr std::size_t contributing_frames = 100;
constexpr std::size_t longest_period = 8;

/* A frame that counts, and for how many frames of the stack it stands. */
struct Kept {
    std::size_t index;
    std::size_t weight = 1;
};

bool same_key(const FrameLeaves &a, const FrameLeaves &b)
{
    return a.key == b.key && a.function.value == b.function.value
           && a.location.value == b.location.value;
}

bool key_less(const FrameLeaves &a, const FrameLeaves &b)
{
    return std::tie(a.location.value, a.function.value)
           < std::tie(b.location.value, b.function.value);
}

/* Equal in everything but the source line. */
bool same_place(const Frame &a, const Frame &b)
{
    return a.function == b.function && a.module == b.module && a.filename == b.filename
           && a.abs_path == b.abs_path && a.package == b.package && a.line == b.line
           && a.column == b.column;
}

class Collapse {
public:
    explicit Collapse(const std::vector<Frame> &frames) : frames_(frames) {}

    void run(std::vector<Kept> &kept)
    {
        for (int round = 0; round < 2; round++) {
            std::size_t before = kept.size();
            for (std::size_t period = 1; period <= longest_period; period++) {
                scan(kept, period);
            }
            if (kept.size() == before) {
                break;
            }
        }
    }

    /* Of the cycle that stood for most frames; empty when there was none. */
    const std::vector<Kept> &longest_cycle() const { return cycle_; }

private:
    bool repeats(const Kept &a, const Kept &b) const
    {
        return !is_placeholder(frames_[a.index].function)
               && same_key(frames_[a.index].leaves, frames_[b.index].leaves);
    }

    /* Keeps the last turn of each cycle of that period. */
    void scan(std::vector<Kept> &kept, std::size_t period)
    {
        if (kept.size() < 2 * period) {
            return;
        }
        std::vector<Kept> out;
        out.reserve(kept.size());
        for (std::size_t at = 0; at < kept.size();) {
            std::size_t end = at + period;
            while (end < kept.size() && repeats(kept[end - period], kept[end])) {
                end++;
            }
            std::size_t length = std::min(end, kept.size()) - at;
            if (length < 2 * period) {
                out.push_back(kept[at++]);
                continue;
            }
            std::size_t weight = 0;
            for (std::size_t i = at; i < end; i++) {
                weight += kept[i].weight;
            }
            std::vector<Kept> turn(kept.begin() + static_cast<std::ptrdiff_t>(end - period),
                                   kept.begin() + static_cast<std::ptrdiff_t>(end));
            if (period > 1 && length >= 3 * period) {
                rotate(turn);
            }
            for (Kept &each : turn) {
                each.weight = 1;
            }
            turn.front().weight = weight - (period - 1);
            if (weight > cycle_weight_) {
                cycle_weight_ = weight;
                cycle_ = turn;
            }
            out.insert(out.end(), turn.begin(), turn.end());
            at = end;
        }
        kept = std::move(out);
    }

    /* Where the outer end of a long cycle was cut is chance. */
    void rotate(std::vector<Kept> &turn) const
    {
        std::vector<Kept> least = turn;
        auto less = [this](const Kept &a, const Kept &b) {
            return key_less(frames_[a.index].leaves, frames_[b.index].leaves);
        };
        for (std::size_t i = 1; i < turn.size(); i++) {
            std::rotate(turn.begin(), turn.begin() + 1, turn.end());
            if (std::lexicographical_compare(turn.begin(), turn.end(), least.begin(), least.end(), less)) {
                least = turn;
            }
        }
        turn = std::move(least);
    }

    const std::vector<Frame> &frames_;
    std::vector<Kept> cycle_;
    std::size_t cycle_weight_ = 0;
};

/* The frames that rules let count, with the reason for the others in hints. */
std::vector<Kept> counting_frames(const std::vector<Frame> &frames, Scope scope,
                                  std::vector<Hint> &hints)
{
    std::vector<Kept> kept;
    std::vector<Kept> soft;
    bool named = false;
    for (std::size_t i = 0; i < frames.size(); i++) {
        const Frame &frame = frames[i];
        Hint &hint = hints[i];
        if (!frame.leaves.contribute()) {
            hint = frame.leaves.function.hint != Hint::none ? frame.leaves.function.hint
                                                            : frame.leaves.location.hint;
        } else if (frame.noise == Noise::hard) {
            hint = Hint::noise_rule;
        } else if (scope == Scope::app && !frame.in_app) {
            hint = Hint::not_in_app;
        } else if (is_placeholder(frame.function) && i > 0 && same_place(frames[i - 1], frame)) {
            hint = Hint::recursion;
        } else if (frame.noise == Noise::soft) {
            hint = Hint::soft_noise;
            soft.push_back({i});
        } else {
            kept.push_back({i});
            named = named || !frame.leaves.function.value.empty();
        }
    }
    if (kept.empty()) {
        kept = std::move(soft);
        named = false;
        for (const Kept &each : kept) {
            hints[each.index] = Hint::none;
            named = named || !frames[each.index].leaves.function.value.empty();
        }
    }
    if (named) {
        // Whether system libraries get symbols differs from machine to machine.
        std::erase_if(kept, [&](const Kept &each) {
            bool bare = frames[each.index].leaves.package_only;
            hints[each.index] = bare ? Hint::package_only : hints[each.index];
            return bare;
        });
    }
    return kept;
}

}

void append_leaf(std::string &out, char tag, std::string_view text)
{
    if (!text.empty()) {
        out.push_back(tag);
        out.append(std::to_string(text.size())).append(":").append(text).append(";");
    }
}

void append_frame(std::string &out, const FrameLeaves &leaves)
{
    out.push_back('{');
    append_leaf(out, 'L', leaves.location.value);
    append_leaf(out, 'F', leaves.function.value);
    append_leaf(out, 'C', leaves.context.value);
    out.push_back('}');
}

StackPart stack_part(const std::vector<Frame> &frames, const FrameBounds &bounds, Scope scope,
                     bool exhausted)
{
    StackPart part;
    part.hints.resize(frames.size());
    std::vector<Kept> kept = counting_frames(frames, scope, part.hints);
    std::vector<Kept> before = kept;
    Collapse collapse(frames);
    collapse.run(kept);
    if (exhausted && !collapse.longest_cycle().empty()) {
        kept = collapse.longest_cycle();
    }
    if (kept.size() < before.size()) {
        for (const Kept &each : before) {
            part.hints[each.index] = Hint::recursion;
        }
        for (const Kept &each : kept) {
            part.hints[each.index] = Hint::none;
        }
    }
    std::size_t most = bounds.most == 0 ? contributing_frames
                                        : std::min(bounds.most, contributing_frames);
    std::size_t first = kept.size() - std::min(kept.size(), most);
    for (std::size_t i = 0; i < kept.size(); i++) {
        if (i < first) {
            part.hints[kept[i].index] = Hint::beyond_limit;
        } else {
            part.frames.push_back(kept[i].index);
        }
    }
    if (part.frames.size() < bounds.least) {
        for (std::size_t index : part.frames) {
            part.hints[index] = Hint::too_few_frames;
        }
        part.frames.clear();
    }
    if (part.frames.empty()) {
        return part;
    }
    part.weak = true;
    part.bytes.push_back('S');
    for (std::size_t index : part.frames) {
        append_frame(part.bytes, frames[index].leaves);
        part.weak = part.weak && is_native(frames[index].platform)
                    && frames[index].leaves.function.value.empty();
    }
    return part;
}

}
