/*
 * One walk over the tree, or over parts of it, collects what is to be replaced; the
 * document is then spliced once.
 */

#include "worker/scrub.hpp"

#include <algorithm>
#include <array>

#include "worker/card_number.hpp"

namespace errtrack {
namespace {

using Verdict = SecretNames::Verdict;

/* Names of packages, often a hundred of them, and names of members that stand elsewhere. */
constexpr std::string_view other_names[] = {"modules", "_meta"};

SecretNames::Options options_of(const ScrubOptions &options)
{
    SecretNames::Options names;
    names.usual = options.secrets;
    names.addresses = options.addresses;
    if (options.secrets) {
        names.more = options.keys;
        names.exempt = options.exempt;
    }
    return names;
}

SecretNames::Options addresses_of(const ScrubOptions &options)
{
    SecretNames::Options names;
    names.usual = false;
    names.addresses = options.addresses;
    return names;
}

std::string without(std::string_view text, const std::vector<TextRange> &secrets)
{
    std::string clean;
    std::size_t kept = 0;
    for (const TextRange &range : secrets) {
        clean.append(text.substr(kept, range.begin - kept)).append(filtered_text);
        kept = range.end;
    }
    return clean.append(text.substr(kept));
}

class Walk {
public:
    /* Whether strings are looked into, too. */
    Walk(const SecretNames &names, bool texts, std::vector<JsonEdit> &edits)
        : names_(names), texts_(texts), edits_(edits)
    {
    }

    /* A member of an object or an element of a list, and what is in it. Recursion is
     * bounded by the depth that documents may have. */
    void value(JsonValue value, bool named, bool secret)
    {
        if (value.is_null()) {
            return;
        }
        secret = named ? verdict(value, secret) : secret;
        if (value.is_object() || value.is_array()) {
            children(value, secret);
        } else {
            leaf(value, secret);
        }
    }

    /* Whether all that is in the value is secret by the names that it lies under. */
    bool lies_in_secret(JsonValue value)
    {
        JsonValue above = value.parent();
        return above && verdict(above, lies_in_secret(above));
    }

private:
    void children(JsonValue container, bool secret)
    {
        bool named = container.is_object();
        for (JsonValue child : container) {
            if (!named && child.is_array()) {
                pair(child, secret);
            } else {
                value(child, named, secret);
            }
        }
    }

    bool verdict(std::string_view name, bool otherwise) const
    {
        Verdict own = names_.judge(name);
        return own == Verdict::plain ? otherwise : own == Verdict::secret;
    }

    /* The same of a key. Frames and breadcrumbs have the same keys again and again, so
     * what was said of one is remembered until another takes its place. */
    bool verdict(JsonValue member, bool otherwise)
    {
        std::string unescaped;
        std::string_view key = member.key(unescaped);
        if (key.empty() || !unescaped.empty()) {
            return verdict(key, otherwise);
        }
        std::size_t hash = key.size() * 5u + static_cast<unsigned char>(key.front()) * 3u
                           + static_cast<unsigned char>(key.back()) * 11u
                           + static_cast<unsigned char>(key[key.size() / 2]) * 17u;
        Judged &judged = judged_[hash % judged_.size()];
        if (judged.key != key) {
            judged = {key, names_.judge(key)};
        }
        return judged.verdict == Verdict::plain ? otherwise : judged.verdict == Verdict::secret;
    }

    /* Headers, cookies and tags may be lists of a name and a value each. */
    void pair(JsonValue list, bool secret)
    {
        auto name = list.begin();
        auto second = name;
        bool is_pair = name != list.end() && name->is_string() && ++second != list.end()
                       && std::next(second) == list.end();
        if (!is_pair) {
            children(list, secret);
            return;
        }
        bool inner = verdict(name->text(buffer_), secret);
        leaf(*name, secret && inner);
        value(*second, false, inner);
    }

    void leaf(JsonValue value, bool secret)
    {
        if (!value.is_string() && !value.is_number()) {
            return;
        }
        if (secret || (value.is_number() && texts_ && is_card_number(value.raw()))) {
            constexpr std::string_view filtered = "\"[Filtered]\"";
            if (value.raw() != filtered && value.raw() != "\"\"") {
                edits_.push_back({value.index(), std::string(filtered)});
            }
        } else if (value.is_string() && texts_) {
            text(value);
        }
    }

    /* A string without escapes is read where it stands. */
    void text(JsonValue value)
    {
        std::string_view text = value.text(buffer_);
        std::vector<TextRange> found = find_secrets(text, names_);
        if (found.empty()) {
            return;
        }
        std::string quoted;
        append_json_string(quoted, without(text, found));
        edits_.push_back({value.index(), std::move(quoted)});
    }

    struct Judged {
        std::string_view key;                /* as it stands in the text */
        Verdict verdict = Verdict::plain;
    };

    const SecretNames &names_;
    const bool texts_;
    std::vector<JsonEdit> &edits_;
    std::array<Judged, 128> judged_{};
    std::string buffer_;
};

}

Scrubber::Scrubber(const ScrubOptions &options)
    : names_(options_of(options)), address_names_(addresses_of(options)),
      secrets_(options.secrets), addresses_(options.addresses)
{
}

void Scrubber::scrub(Json &document) const
{
    if (!secrets_ && !addresses_) {
        return;
    }
    std::vector<JsonEdit> edits;
    Walk walk(names_, secrets_, edits);
    Walk other(address_names_, false, edits);
    for (JsonValue member : document.root()) {
        bool others = std::any_of(std::begin(other_names), std::end(other_names),
                                  [&](std::string_view name) { return member.has_key(name); });
        if (!others) {
            walk.value(member, true, false);
        } else if (addresses_) {
            other.value(member, true, false);
        }
    }
    document.splice(edits);
}

void Scrubber::scrub(Json &document, std::vector<JsonValue> parts) const
{
    if (!secrets_ && !addresses_) {
        return;
    }
    std::sort(parts.begin(), parts.end(),
              [](JsonValue a, JsonValue b) { return a.index() < b.index(); });
    std::vector<JsonEdit> edits;
    Walk walk(names_, secrets_, edits);
    for (JsonValue part : parts) {
        walk.value(part, true, walk.lies_in_secret(part));
    }
    document.splice(edits);
}

std::string Scrubber::scrub(std::string_view text) const
{
    return secrets_ ? without(text, find_secrets(text, names_)) : std::string(text);
}

}
