/*
 * Edits of a document, written out once: a value without an edit in it is copied as it
 * stands in the text, a container above one is put together again from its children.
 */

#ifndef ERRTRACK_WORKER_JSON_EDITOR_HPP
#define ERRTRACK_WORKER_JSON_EDITOR_HPP

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "worker/json.hpp"

namespace errtrack {

/* Valid as long as the document is. Of several edits of one value the strongest counts:
 * drop, replace, wrap. Edits inside a value that is dropped or replaced are void. */
class JsonEditor {
public:
    explicit JsonEditor(const Json &document)
        : document_(document), root_(document.root()), marks_(document.size())
    {
    }

    const Json &document() const { return document_; }
    JsonValue root() const { return root_; }

    /* All of these do nothing for a value that is nowhere. */
    void drop(JsonValue value) { mark(value, Mark::drop); }
    void replace(JsonValue value, std::string json);
    void wrap(JsonValue value) { mark(value, Mark::wrap); }   /* into {"values":[..]} */

    /* A member of the root or of another object, as JSON text; such come first. */
    void add(std::string member);
    void add(JsonValue object, std::string member);

    /* The document with all edits, and further members of the root, as add() takes them. */
    std::string write(const std::vector<std::string> &more = {}) const;

    /* One value with the edits in it; empty when it is dropped. */
    std::string write(JsonValue value) const;

private:
    enum class Mark : std::uint8_t { keep, rebuild, wrap, replace, drop };

    void mark(JsonValue value, Mark wanted);
    void append(std::string &out, JsonValue value) const;
    void append_children(std::string &out, JsonValue value, std::size_t empty) const;

    const Json &document_;
    JsonValue root_;
    std::vector<Mark> marks_;
    std::vector<std::string> added_;     /* to the root */
    std::map<std::uint32_t, std::vector<std::string>> added_inside_;
    std::map<std::uint32_t, std::string> replacements_;
};

}

#endif
