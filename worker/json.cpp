/*
 * The tree builder on simdjson's On-Demand interface. Its DOM refuses numbers that
 * do not fit 64 bits or a double, and On-Demand leaves tokens unchecked until they
 * are read; so scalars are taken as raw tokens and checked here.
 */

#include "worker/json.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <simdjson.h>

#include "worker/byte_search.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

namespace ondemand = simdjson::ondemand;

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_high_surrogate(std::int32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(std::int32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

/*
 * Looks for the quote that closes the string whose content begins at the front of
 * text, and checks the escapes before it. NUL and lone surrogates are refused. npos
 * when the string is not well-formed.
 */
std::size_t string_length(std::string_view text, bool &escaped)
{
    /* simdjson has refused raw control bytes, so without a backslash there is nothing
     * to check. */
    const char *end = text.data() + text.size();
    const char *first = Quotes::find(text.data(), end);
    escaped = first != end && *first == '\\';
    std::size_t plain = static_cast<std::size_t>(first - text.data());
    if (!escaped) {
        return first == end ? text.npos : plain;
    }
    for (std::size_t i = plain; i < text.size(); i++) {
        if (text[i] == '"') {
            return i;
        }
        if (text[i] != '\\') {
            continue;
        }
        i++;
        if (i == text.size()) {
            return text.npos;
        }
        if (text[i] != 'u') {
            if (std::string_view("\"\\/bfnrt").find(text[i]) == text.npos) {
                return text.npos;
            }
            continue;
        }
        std::int32_t unit = escaped_unit(text, i - 1);
        if (unit <= 0 || is_low_surrogate(unit)) {
            return text.npos;
        }
        i += 4;
        if (is_high_surrogate(unit)) {
            if (!is_low_surrogate(escaped_unit(text, i + 1))) {
                return text.npos;
            }
            i += 6;
        }
    }
    return text.npos;
}

bool is_number_token(std::string_view token)
{
    std::size_t i = 0;
    auto digits = [&] {
        std::size_t first = i;
        while (i < token.size() && is_digit(token[i])) {
            i++;
        }
        return i > first;
    };
    auto skip = [&](std::string_view any) {
        bool found = i < token.size() && any.find(token[i]) != any.npos;
        i += found;
        return found;
    };
    skip("-");
    if (!skip("0") && !digits()) {
        return false;
    }
    if (skip(".") && !digits()) {
        return false;
    }
    if (skip("eE")) {
        skip("+-");
        if (!digits()) {
            return false;
        }
    }
    return i == token.size();
}

/* What PostgreSQL's numbers may not hold, or only as text of many times the size. */
bool is_vast_number(std::string_view token)
{
    constexpr std::size_t most_bytes = 1000;
    constexpr std::size_t most_digits = 3;       /* of an exponent */
    std::size_t exponent = token.size() > most_digits ? token.find_first_of("eE") : token.npos;
    if (exponent == token.npos) {
        return token.size() > most_bytes;
    }
    std::size_t digits = token.find_first_not_of("+-0", exponent + 1);
    return token.size() > most_bytes
           || (digits != token.npos && token.size() - digits > most_digits);
}

}

struct Json::Reader {
    ondemand::parser parser;
    std::string padded;
    std::size_t length = 0;
    ondemand::document document;
    std::vector<Node> *nodes = nullptr;
    bool escaped_keys = false;              /* some key of the document has escapes */
    bool vast_numbers = false;
    std::uint32_t levels = 0;

    /* Where the token before the reader's position ends. After the last token of the
     * document simdjson has no position to tell. */
    bool container_end(std::uint32_t &end)
    {
        const char *next = nullptr;
        std::size_t at = length;
        if (!document.current_location().get(next)) {
            at = static_cast<std::size_t>(next - padded.data());
        }
        while (at > 0 && is_blank(padded[at - 1])) {
            at--;
        }
        end = static_cast<std::uint32_t>(at);
        return at > 0;
    }

    bool scalar(Node &node)
    {
        std::string_view token(padded.data() + node.begin, node.end - node.begin);
        switch (token.front()) {
        case '"':
            node.type = JsonType::string;
            return token.size() >= 2
                   && string_length(token.substr(1), node.escaped) == token.size() - 2;
        case 't':
        case 'f':
            node.type = JsonType::boolean;
            return token == "true" || token == "false";
        case 'n':
            node.type = JsonType::null;
            return token == "null";
        default:
            node.type = JsonType::number;
            vast_numbers |= is_vast_number(token);
            return is_number_token(token);
        }
    }

    /* A new node, linked behind the last child of its parent. */
    bool add(std::uint32_t parent, std::uint32_t &last, const char *start, std::uint32_t &made)
    {
        if (nodes->size() >= max_nodes) {
            return false;
        }
        made = static_cast<std::uint32_t>(nodes->size());
        Node node{};
        node.begin = static_cast<std::uint32_t>(start - padded.data());
        node.parent = parent;
        nodes->push_back(node);
        (*nodes)[parent].has_children = true;
        if (last != 0) {
            (*nodes)[last].next = made;
        }
        last = made;
        return true;
    }

    /* Recursion is bounded by max_depth. */
    bool children(ondemand::value &value, std::uint32_t node, std::uint32_t depth)
    {
        if (value.type().value_unsafe() == ondemand::json_type::object) {
            ondemand::object object;
            return !value.get_object().get(object) && members(object, node, depth);
        }
        ondemand::array array;
        return !value.get_array().get(array) && elements(array, node, depth);
    }

    bool child(ondemand::value &value, std::uint32_t node, std::uint32_t depth)
    {
        ondemand::json_type type;
        if (value.type().get(type)) {
            return false;
        }
        if (type != ondemand::json_type::object && type != ondemand::json_type::array) {
            std::string_view token = value.raw_json_token();
            while (!token.empty() && is_blank(token.back())) {
                token.remove_suffix(1);
            }
            /* A string that is only looked at is passed over later by a skip that takes
             * a colon behind it for the end of a key. */
            ondemand::raw_json_string consumed;
            if (type == ondemand::json_type::string
                && value.get_raw_json_string().get(consumed)) {
                return false;
            }
            Node &self = (*nodes)[node];
            self.end = self.begin + static_cast<std::uint32_t>(token.size());
            return !token.empty() && scalar(self);
        }
        levels = std::max(levels, depth);
        if (depth > max_depth || !children(value, node, depth)) {
            return false;
        }
        (*nodes)[node].type = type == ondemand::json_type::object ? JsonType::object
                                                                  : JsonType::array;
        return container_end((*nodes)[node].end);
    }

    bool members(ondemand::object &object, std::uint32_t parent, std::uint32_t depth)
    {
        std::uint32_t last = 0;
        for (auto result : object) {
            ondemand::field field;
            if (std::move(result).get(field)) {
                return false;
            }
            const char *key = field.key().raw();
            std::size_t key_begin = static_cast<std::size_t>(key - padded.data());
            bool key_escaped = false;
            std::size_t key_length = string_length(
                std::string_view(key, length - key_begin), key_escaped);
            const char *start = nullptr;
            std::uint32_t made = 0;
            if (key_length == std::string_view::npos
                || field.value().current_location().get(start)
                || !add(parent, last, start, made)) {
                return false;
            }
            Node &node = (*nodes)[made];
            node.key_begin = static_cast<std::uint32_t>(key_begin);
            node.key_end = static_cast<std::uint32_t>(key_begin + key_length);
            node.key_escaped = key_escaped;
            node.key_tag = tag_of(std::string_view(key, key_length));
            escaped_keys |= key_escaped;
            if (!child(field.value(), made, depth + 1)) {
                return false;
            }
        }
        return true;
    }

    bool elements(ondemand::array &array, std::uint32_t parent, std::uint32_t depth)
    {
        std::uint32_t last = 0;
        for (auto result : array) {
            ondemand::value value;
            const char *start = nullptr;
            std::uint32_t made = 0;
            // NOLINTNEXTLINE(performance-move-const-arg): get() asks for it.
            if (std::move(result).get(value) || value.current_location().get(start)
                || !add(parent, last, start, made) || !child(value, made, depth + 1)) {
                return false;
            }
        }
        return true;
    }

    bool read(std::string_view text)
    {
        length = text.size();
        escaped_keys = false;
        vast_numbers = false;
        levels = 1;
        padded.reserve(length + simdjson::SIMDJSON_PADDING);
        padded.assign(text);
        padded.append(simdjson::SIMDJSON_PADDING, ' ');
        if (parser.iterate(padded.data(), length, padded.size()).get(document)) {
            return false;
        }
        Node root{};
        while (is_blank(padded[root.begin])) {
            root.begin++;
        }
        root.type = padded[root.begin] == '{' ? JsonType::object : JsonType::array;
        nodes->push_back(root);
        if (root.type == JsonType::object) {
            ondemand::object object;
            if (document.get_object().get(object) || !members(object, 0, 1)) {
                return false;
            }
        } else {
            ondemand::array array;
            if (document.get_array().get(array) || !elements(array, 0, 1)) {
                return false;
            }
        }
        /* Bytes after the root are left to the caller to notice. */
        const char *behind = nullptr;
        return document.current_location().get(behind) == simdjson::OUT_OF_BOUNDS
               && container_end((*nodes)[0].end);
    }
};

Json::Json() : reader_(std::make_unique<Reader>()) {}

Json::~Json() = default;

bool Json::parse(std::string_view text)
{
    nodes_.clear();
    reader_->nodes = &nodes_;
    /* An empty or blank text has no first byte to look at. */
    bool blank = std::all_of(text.begin(), text.end(), is_blank);
    if (blank || text.size() > std::numeric_limits<std::uint32_t>::max() / 2
        || !reader_->read(text)) {
        nodes_.clear();
        return false;
    }
    text_ = std::string_view(reader_->padded).substr(0, reader_->length);
    for (std::uint32_t at = 0; reader_->escaped_keys && at < size(); at++) {
        if (nodes_[at].key_escaped) {
            nodes_[at].key_tag = tag_of(JsonValue(this, at).key());
        }
    }
    return true;
}

std::uint32_t Json::levels() const
{
    return nodes_.empty() ? 0 : reader_->levels;
}

bool Json::has_vast_numbers() const
{
    return !nodes_.empty() && reader_->vast_numbers;
}

bool JsonValue::is_vast() const
{
    return is_number() && is_vast_number(raw());
}

void Json::splice(const std::vector<JsonEdit> &edits)
{
    if (edits.empty()) {
        return;
    }
    /* How far what lies behind the first n edits is moved, and where those end. */
    std::vector<std::uint32_t> ends;
    std::vector<std::uint32_t> moved = {0};
    std::string spliced;
    std::uint32_t kept = 0;
    for (const JsonEdit &edit : edits) {
        Node &node = nodes_[edit.node];
        spliced.append(slice(kept, node.begin)).append(edit.text);
        kept = node.end;
        ends.push_back(node.end);
        moved.push_back(static_cast<std::uint32_t>(spliced.size()) - kept);
        node.type = JsonType::string;
        node.escaped = edit.text.find('\\') != std::string::npos;
    }
    spliced.append(slice(kept, static_cast<std::uint32_t>(reader_->length)));

    std::size_t before = 0;                  /* edits of nodes before this one */
    for (Node &node : nodes_) {
        while (before < ends.size() && ends[before] <= node.begin) {
            before++;
        }
        auto inside = std::upper_bound(ends.begin() + static_cast<std::ptrdiff_t>(before),
                                       ends.end(), node.end);
        node.end += moved[static_cast<std::size_t>(inside - ends.begin())];
        node.begin += moved[before];
        if (node.key_begin != 0) {
            node.key_begin += moved[before];
            node.key_end += moved[before];
        }
    }
    reader_->length = spliced.size();
    reader_->padded = std::move(spliced);
    text_ = reader_->padded;
}

}
