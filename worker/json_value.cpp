/*
 * Reading the tree: values from the ranges of bytes that its nodes stand for.
 */

#include "worker/json.hpp"

#include <algorithm>
#include <charconv>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

void append_utf8(std::string &out, std::uint32_t code)
{
    if (code < 0x80) {
        out.push_back(static_cast<char>(code));
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned marks[] = {0, 0xc0, 0xe0, 0xf0};
    out.push_back(static_cast<char>(marks[more] | (code >> (6 * more))));
    while (more-- > 0) {
        out.push_back(static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f)));
    }
}

/* The text of a string whose escapes string_length() has checked. */
std::string unescape(std::string_view raw)
{
    std::string out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size();) {
        std::size_t plain = std::min(raw.find('\\', i), raw.size());
        out.append(raw.substr(i, plain - i));
        i = plain;
        if (i == raw.size()) {
            break;
        }
        char kind = raw[i + 1];
        i += 2;
        if (kind != 'u') {
            constexpr std::string_view from = "bfnrt";
            constexpr std::string_view to = "\b\f\n\r\t";
            std::size_t which = from.find(kind);
            out.push_back(which == from.npos ? kind : to[which]);
            continue;
        }
        std::uint32_t code = static_cast<std::uint32_t>(escaped_unit(raw, i - 2));
        i += 4;
        if (code >= 0xd800 && code <= 0xdbff) {
            std::uint32_t low = static_cast<std::uint32_t>(escaped_unit(raw, i));
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            i += 6;
        }
        append_utf8(out, code);
    }
    return out;
}

}

JsonValue JsonValue::operator[](std::string_view key) const
{
    if (!is_object() || !document_->nodes_[node_].has_children) {
        return {};
    }
    // All of them, since the last of equal keys counts: hundreds of times an event.
    const Json::Node *nodes = document_->nodes_.data();
    std::uint32_t tag = Json::tag_of(key);
    std::uint32_t found = 0;
    for (std::uint32_t at = node_ + 1; at != 0; at = nodes[at].next) {
        if (nodes[at].key_tag == tag && JsonValue(document_, at).same_key(key)) {
            found = at;
        }
    }
    return found == 0 ? JsonValue() : JsonValue(document_, found);
}

JsonValue JsonValue::parent() const
{
    if (document_ == nullptr || node_ == 0) {
        return {};
    }
    return JsonValue(document_, document_->nodes_[node_].parent);
}

std::string JsonValue::key() const
{
    std::string buffer;
    return std::string(key(buffer));
}

std::string_view JsonValue::key(std::string &buffer) const
{
    if (document_ == nullptr) {
        return {};
    }
    std::string_view raw = raw_key();
    return document_->nodes_[node_].key_escaped ? buffer = unescape(raw) : raw;
}

bool JsonValue::same_key(std::string_view key) const
{
    const Json::Node &node = document_->nodes_[node_];
    return node.key_escaped ? this->key() == key
                            : document_->slice(node.key_begin, node.key_end) == key;
}

std::string_view JsonValue::raw_member() const
{
    if (document_ == nullptr) {
        return {};
    }
    const Json::Node &node = document_->nodes_[node_];
    std::uint32_t begin = node.key_begin == 0 ? node.begin : node.key_begin - 1;
    return document_->slice(begin, node.end);
}

std::string JsonValue::text() const
{
    std::string buffer;
    return std::string(text(buffer));
}

std::string_view JsonValue::text(std::string &buffer) const
{
    if (!is_string()) {
        return {};
    }
    const Json::Node &node = document_->nodes_[node_];
    std::string_view content = document_->slice(node.begin + 1, node.end - 1);
    return node.escaped ? buffer = unescape(content) : content;
}

std::optional<std::int64_t> JsonValue::integer() const
{
    if (!is_number()) {
        return {};
    }
    std::string_view token = raw();
    std::int64_t value = 0;
    auto [rest, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error != std::errc() || rest != token.data() + token.size()) {
        return {};
    }
    return value;
}

std::optional<double> JsonValue::number() const
{
    if (!is_number()) {
        return {};
    }
    std::string_view token = raw();
    double value = 0;
    if (std::from_chars(token.data(), token.data() + token.size(), value).ec != std::errc()) {
        return {};
    }
    return value;
}

std::optional<bool> JsonValue::boolean() const
{
    if (type() != JsonType::boolean) {
        return {};
    }
    return raw() == "true";
}

std::string JsonValue::canonical() const
{
    std::string out;
    append_canonical(out);
    return out;
}

void JsonValue::append_canonical(std::string &out) const
{
    if (is_string()) {
        append_json_string(out, text());
        return;
    }
    if (!is_object() && !is_array()) {
        out.append(document_ == nullptr ? "null" : raw());
        return;
    }
    std::vector<std::pair<std::string, JsonValue>> children;
    for (JsonValue child : *this) {
        children.emplace_back(child.key(), child);
    }
    if (is_object()) {
        std::stable_sort(children.begin(), children.end(),
                         [](const auto &a, const auto &b) { return a.first < b.first; });
    }
    out.push_back(is_object() ? '{' : '[');
    for (std::size_t i = 0; i < children.size(); i++) {
        const auto &[key, child] = children[i];
        if (is_object() && i + 1 < children.size() && children[i + 1].first == key) {
            continue;
        }
        if (out.back() != '{' && out.back() != '[') {
            out.push_back(',');
        }
        if (is_object()) {
            append_json_string(out, key);
            out.push_back(':');
        }
        child.append_canonical(out);
    }
    out.push_back(is_object() ? '}' : ']');
}

void append_json_string(std::string &out, std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    out.push_back('"');
    for (char c : text) {
        unsigned char byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20) {
            out.append("\\u00");
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

}
