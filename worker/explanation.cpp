/*
 * Why an event is grouped as it is, as one JSON object:
 *
 *     algo, strategy, confidence and its reason
 *     matched_by    the hash of the version before that gave the event to its issue
 *     fingerprint   what the client sent, what it resolved to, the rule that replaced it
 *     hashes        hash and variant, in the order in which they are looked up
 *     variants      each with its components: exceptions, stacks, frames, leaves
 *     preceded      the strategies that found something, but came too late
 *
 * A component has its value as it is hashed, raw where it was changed, contributes and,
 * where it does not, a hint; a frame its place in the stack as sent, and the rule that
 * touched it last. Rules: grouping reference, section 17.
 */

#include "worker/grouping.hpp"

#include <algorithm>

#include "worker/fingerprint.hpp"
#include "worker/grouping_variants.hpp"
#include "worker/json.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t shown_characters = 200;
constexpr std::size_t enough_bytes = 64 * 1024;

/* Writes JSON, one member or element after the other. */
class Writer {
public:
    void open(char bracket)
    {
        out_.push_back(bracket);
        first_ = true;
    }

    void close(char bracket)
    {
        out_.push_back(bracket);
        first_ = false;
    }

    void key(std::string_view name)
    {
        next();
        append_json_string(out_, name);
        out_.push_back(':');
        first_ = true;
    }

    /* Comma where one is due. */
    void next()
    {
        if (!first_) {
            out_.push_back(',');
        }
        first_ = false;
    }

    void text(std::string_view value)
    {
        next();
        append_json_string(out_, cut_with_dots(value, shown_characters));
    }

    void member(std::string_view name, std::string_view value)
    {
        key(name);
        text(value);
    }

    void flag(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
    void number(std::string_view name, std::size_t value) { raw(name, std::to_string(value)); }
    void hint(Hint hint)
    {
        if (hint != Hint::none) {
            member("hint", to_text(hint));
        }
    }

    bool is_full() const { return out_.size() >= enough_bytes; }
    std::string take() { return std::move(out_); }

private:
    void raw(std::string_view name, std::string_view value)
    {
        key(name);
        out_.append(value);
        first_ = false;
    }

    std::string out_;
    bool first_ = true;
};

class Explanation {
public:
    Explanation(const GroupingInput &input, const PreviousMatch &match)
        : input_(input), match_(match)
    {
    }

    std::string run()
    {
        explicit_ = is_explicit(input_);
        DefaultGrouping grouping = default_grouping(input_, input_.algorithm);
        bool weak = !explicit_ && std::any_of(grouping.variants.begin(), grouping.variants.end(),
                                              [](const Variant &each) { return each.weak; });
        out_.open('{');
        out_.member("algo", to_text(input_.algorithm));
        out_.member("strategy", !input_.checksum.empty() ? "checksum"
                                : explicit_              ? "fingerprint"
                                                         : grouping.strategy);
        out_.member("confidence", weak ? "low" : "high");
        if (weak) {
            out_.member("reason", "no function of the stack has a name");
        }
        matched_by();
        fingerprint();
        hashes(grouping);
        out_.key("variants");
        out_.open('[');
        for (const Variant &each : grouping.variants) {
            variant(each);
        }
        out_.close(']');
        out_.key("preceded");
        out_.open('[');
        for (std::string_view name : preceded_strategies(input_, grouping.strategy)) {
            out_.text(name);
        }
        out_.close(']');
        if (out_.is_full()) {
            out_.flag("shortened", true);
        }
        out_.close('}');
        return out_.take();
    }

private:
    void texts(std::string_view name, const std::vector<std::string> &list)
    {
        out_.key(name);
        out_.open('[');
        for (const std::string &each : list) {
            out_.text(each);
        }
        out_.close(']');
    }

    void matched_by()
    {
        if (match_.hash.empty()) {
            return;
        }
        out_.key("matched_by");
        out_.open('{');
        out_.member("algo", to_text(match_.algorithm));
        out_.member("hash", match_.hash);
        out_.close('}');
    }

    void fingerprint()
    {
        if (input_.fingerprint.empty()) {
            return;
        }
        bool replaced = !input_.fingerprint_rule.empty();
        std::vector<std::string> resolved;
        for (const std::string &entry : input_.fingerprint) {
            resolved.push_back(is_default_entry(entry) ? entry : resolved_entry(input_, entry));
        }
        out_.key("fingerprint");
        out_.open('{');
        texts("sent", replaced ? input_.sent_fingerprint : input_.fingerprint);
        texts("resolved", resolved);
        if (replaced) {
            out_.member("rule", input_.fingerprint_rule);
        }
        out_.close('}');
    }

    void hash(const Hash &hash, std::string_view variant)
    {
        out_.next();
        out_.open('{');
        out_.member("hash", to_hex(hash));
        out_.member("variant", variant);
        out_.close('}');
    }

    void hashes(const DefaultGrouping &grouping)
    {
        out_.key("hashes");
        out_.open('[');
        if (explicit_) {
            hash(explicit_hash(input_), "custom");
        } else {
            for (const Variant &each : grouping.variants) {
                hash(variant_hash(input_, each, input_.algorithm), each.name);
            }
        }
        out_.close(']');
    }

    void begin_component(std::string_view name)
    {
        out_.next();
        out_.open('{');
        out_.member("name", name);
    }

    void leaf(std::string_view name, const Leaf &leaf, std::string_view raw)
    {
        if (leaf.value.empty() && raw.empty()) {
            return;
        }
        begin_component(name);
        if (!leaf.value.empty()) {
            out_.member("value", leaf.value);
        }
        if (raw != leaf.value) {
            out_.member("raw", raw);
        }
        out_.flag("contributes", !leaf.value.empty());
        out_.hint(leaf.hint);
        out_.close('}');
    }

    void frame(const Frame &frame, std::size_t index, Hint hint, bool contributes)
    {
        begin_component("frame");
        out_.number("frame", index);
        out_.flag("contributes", contributes);
        out_.flag("in_app", frame.in_app);
        out_.hint(hint);
        if (!frame.rule.empty()) {
            out_.member("rule", frame.rule);
        }
        out_.key("components");
        out_.open('[');
        leaf("location", frame.leaves.location, frame.module.empty() ? frame.filename : frame.module);
        leaf("function", frame.leaves.function, frame.function);
        leaf("context_line", frame.leaves.context, frame.context_line);
        out_.close(']');
        out_.close('}');
    }

    /* Frames that count in the order in which they are hashed, then the others. */
    void stack(const StackPart &part, const std::vector<Frame> &frames, std::string_view name)
    {
        if (frames.empty()) {
            return;
        }
        begin_component(name);
        out_.flag("contributes", !part.frames.empty());
        out_.key("components");
        out_.open('[');
        std::vector<bool> counted(frames.size());
        for (std::size_t index : part.frames) {
            counted[index] = true;
            if (out_.is_full()) {
                break;
            }
            frame(frames[index], index, part.hints[index], true);
        }
        for (std::size_t i = frames.size(); i-- > 0 && !out_.is_full();) {
            if (!counted[i]) {
                frame(frames[i], i, part.hints[i], false);
            }
        }
        out_.close(']');
        out_.close('}');
    }

    void exception(const ExceptionPart &part, const Exception &exception, bool contributes)
    {
        begin_component("exception");
        out_.flag("contributes", contributes);
        out_.hint(part.hint);
        out_.key("components");
        out_.open('[');
        leaf("type", part.type, exception.type);
        leaf("value", part.value, exception.value);
        leaf("ns_error", {exception.ns_error}, exception.ns_error);
        stack(part.stack, exception.frames, "stacktrace");
        out_.close(']');
        out_.close('}');
    }

    void variant(const Variant &variant)
    {
        out_.next();
        out_.open('{');
        out_.member("name", variant.name);
        out_.flag("contributes", !explicit_);
        out_.hint(explicit_ ? Hint::precedence : Hint::none);
        out_.key("components");
        out_.open('[');
        std::vector<bool> counted(variant.exceptions.size());
        for (std::size_t index : variant.order) {
            counted[index] = true;
            exception(variant.exceptions[index], input_.exceptions[index], true);
        }
        for (std::size_t i = 0; i < variant.exceptions.size() && !out_.is_full(); i++) {
            if (!counted[i]) {
                exception(variant.exceptions[i], input_.exceptions[i], false);
            }
        }
        for (const auto &[tag, part] : variant.leaves) {
            leaf(name_of(tag), part, tag == 'G' ? input_.message : part.value);
        }
        if (variant.exceptions.empty() && !variant.stack.hints.empty()) {
            stack(variant.stack, input_.attached, variant.leaves.empty() ? "stacktrace" : "place");
        }
        out_.close(']');
        out_.close('}');
    }

    static std::string_view name_of(char tag)
    {
        switch (tag) {
        case 'A': return "filename";
        case 'B': return "context_line";
        case 'R': return "report";
        case 'Q': return "directive";
        case 'U': return "blocked";
        case 'H': return "host";
        case 'T': return "type";
        case 'W': return "transaction";
        default: return "message";
        }
    }

    const GroupingInput &input_;
    const PreviousMatch &match_;
    Writer out_;
    bool explicit_ = false;
};

}

std::string explain_grouping(const GroupingInput &input, const PreviousMatch &match)
{
    return Explanation(input, match).run();
}

}
