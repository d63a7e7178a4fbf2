/*
 * JSON documents as a flat tree over the text: every node knows the byte range
 * that it stands for, so that a document can be stored by copying ranges instead
 * of being written anew. Only json.cpp knows the parser behind it; json_value.cpp reads.
 *
 * What is accepted here is accepted by PostgreSQL's json type: tokens and escapes
 * are checked while the tree is built. Numbers stay text, so 1e400 and integers of
 * any length are fine. Of equal keys the last one counts.
 */

#ifndef ERRTRACK_WORKER_JSON_HPP
#define ERRTRACK_WORKER_JSON_HPP

#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

enum class JsonType : std::uint8_t { null, boolean, number, string, array, object };

class Json;

/*
 * A place in a document, or nowhere: asking nowhere gives the answer of a null.
 * Valid as long as the document is neither destroyed nor parsed anew.
 */
class JsonValue {
public:
    class Iterator;

    JsonValue() = default;
    JsonValue(const Json *document, std::uint32_t node) : document_(document), node_(node) {}

    explicit operator bool() const { return document_ != nullptr; }
    bool operator==(const JsonValue &other) const = default;

    JsonType type() const;
    bool is_null() const { return type() == JsonType::null; }
    bool is_string() const { return type() == JsonType::string; }
    bool is_number() const { return type() == JsonType::number; }
    bool is_array() const { return type() == JsonType::array; }
    bool is_object() const { return type() == JsonType::object; }

    /* The member of an object; nowhere when it has none or is no object. */
    JsonValue operator[](std::string_view key) const;

    /* Elements or members in the order of the text. */
    Iterator begin() const;
    Iterator end() const;

    /* The object or array that this is a child of. */
    JsonValue parent() const;

    std::string key() const;                 /* of a member, unescaped */
    bool has_key(std::string_view key) const;
    std::string_view raw_key() const;        /* as it stands between its quotes */
    std::string_view raw() const;            /* the value as it stands in the text */
    std::string_view raw_member() const;     /* with its key, as it stands in the text */
    std::string text() const;                /* of a string, unescaped; else empty */
    /* The same without a copy where nothing is escaped: views of the document or of
     * the buffer. */
    std::string_view key(std::string &buffer) const;
    std::string_view text(std::string &buffer) const;
    std::optional<std::int64_t> integer() const;  /* a number written as an integer */
    std::optional<double> number() const;    /* any number that a double can hold */
    std::optional<bool> boolean() const;
    bool is_vast() const;                    /* a number longer than any that counts something */

    /* JSON text without blanks and with sorted keys: equal values, equal texts. */
    std::string canonical() const;

    /* Numbers from 0 to Json::size() - 1 in the order of the text. */
    std::uint32_t index() const { return node_; }

private:
    bool same_key(std::string_view key) const;
    void append_canonical(std::string &out) const;

    const Json *document_ = nullptr;
    std::uint32_t node_ = 0;
};

class JsonValue::Iterator {
public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = JsonValue;
    using difference_type = std::ptrdiff_t;
    using pointer = const JsonValue *;
    using reference = const JsonValue &;

    explicit Iterator(JsonValue value = {}) : value_(value) {}

    reference operator*() const { return value_; }
    pointer operator->() const { return &value_; }
    Iterator &operator++();
    bool operator==(const Iterator &other) const = default;

private:
    JsonValue value_;
};

/* A string or number that is to be the string of this JSON text instead. */
struct JsonEdit {
    std::uint32_t node;                      /* index() of the value */
    std::string text;
};

/*
 * Parses documents, one after the other, reusing its memory. The document owns a
 * copy of its text.
 */
class Json {
public:
    static constexpr std::uint32_t max_depth = 128;
    static constexpr std::uint32_t max_nodes = 1'000'000;

    Json();
    ~Json();
    Json(const Json &) = delete;
    Json &operator=(const Json &) = delete;

    /* False when text is not one JSON object or array, or too deep or too big; the
     * document is empty then. */
    bool parse(std::string_view text);

    /* Puts texts in the place of values, in the order of the text. Every place in the
     * document stays valid, and nothing of what was replaced is kept. */
    void splice(const std::vector<JsonEdit> &edits);

    /* Nowhere when nothing was parsed. */
    JsonValue root() const { return nodes_.empty() ? JsonValue() : JsonValue(this, 0); }
    std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }

    /* Levels of lists and objects, the root the first of them. */
    std::uint32_t levels() const;

    /* Whether some number is_vast(). */
    bool has_vast_numbers() const;

private:
    friend class JsonValue;
    friend class JsonValue::Iterator;
    struct Reader;

    struct Node {
        std::uint32_t begin;                 /* the value's bytes in the text */
        std::uint32_t end;
        std::uint32_t key_begin;             /* between the quotes; both 0 without a key */
        std::uint32_t key_end;
        std::uint32_t next;                  /* sibling; 0 is none, since the root is nobody's */
        std::uint32_t parent;
        std::uint32_t key_tag;
        JsonType type;
        bool has_children;                   /* the first one is the next node */
        bool escaped;                        /* the value, a string, has escapes */
        bool key_escaped;
    };

    /* Nearly all keys of an object differ in it, so it is compared first. */
    static constexpr std::uint32_t tag_of(std::string_view key)
    {
        if (key.empty()) {
            return 0;
        }
        auto byte = [key](std::size_t at) {
            return static_cast<std::uint32_t>(static_cast<unsigned char>(key[at]));
        };
        return static_cast<std::uint32_t>(key.size()) << 24 | byte(0) << 16
               | byte(key.size() / 2) << 8 | byte(key.size() - 1);
    }

    std::string_view slice(std::uint32_t begin, std::uint32_t end) const
    {
        return {text_.data() + begin, end - begin};
    }

    std::unique_ptr<Reader> reader_;
    std::vector<Node> nodes_;
    std::string_view text_;                  /* in the reader's memory */
};

inline JsonType JsonValue::type() const
{
    return document_ == nullptr ? JsonType::null : document_->nodes_[node_].type;
}

inline bool JsonValue::has_key(std::string_view key) const
{
    return document_ != nullptr && document_->nodes_[node_].key_tag == Json::tag_of(key)
           && same_key(key);
}

inline JsonValue::Iterator JsonValue::end() const
{
    return Iterator();
}

inline JsonValue::Iterator JsonValue::begin() const
{
    if (document_ == nullptr || !document_->nodes_[node_].has_children) {
        return end();
    }
    return Iterator(JsonValue(document_, node_ + 1));
}

inline JsonValue::Iterator &JsonValue::Iterator::operator++()
{
    std::uint32_t next = value_.document_->nodes_[value_.node_].next;
    value_ = next == 0 ? JsonValue() : JsonValue(value_.document_, next);
    return *this;
}

inline std::string_view JsonValue::raw_key() const
{
    if (document_ == nullptr) {
        return {};
    }
    const Json::Node &node = document_->nodes_[node_];
    return document_->slice(node.key_begin, node.key_end);
}

inline std::string_view JsonValue::raw() const
{
    if (document_ == nullptr) {
        return {};
    }
    const Json::Node &node = document_->nodes_[node_];
    return document_->slice(node.begin, node.end);
}

/* Appends text as a JSON string with its quotes. */
void append_json_string(std::string &out, std::string_view text);

}

#endif
