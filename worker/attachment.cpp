/*
 * Labels of attachments. They are shown to people and offered as names of downloads, so
 * they hold nothing that moves a cursor, turns text around or leaves a folder.
 */

#include "worker/attachment.hpp"

#include "worker/repair.hpp"

#include <openssl/sha.h>

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::size_t label_characters = 256;

/* An unknown type is an ordinary file: this one. */
constexpr std::string_view ordinary = "event.attachment";
constexpr std::string_view types[] = {
    ordinary, "event.minidump", "event.applecrashreport", "event.payload", "event.breadcrumbs",
    "event.view_hierarchy", "unreal.context", "unreal.logs", "playstation.prosperodump",
    "nswitch.dying_message",
};

/* C0, DEL and C1; separators of lines and paragraphs, and what overrides the direction of
 * text: U+2028 to U+202E, U+2066 to U+2069. */
bool is_control(std::string_view character)
{
    unsigned char first = static_cast<unsigned char>(character.front());
    unsigned char last = static_cast<unsigned char>(character.back());
    return first < 0x20 || first == 0x7f || (first == 0xc2 && last < 0xa0)
           || (character.starts_with("\xe2\x80") && last >= 0xa8 && last <= 0xae)
           || (character.starts_with("\xe2\x81") && last >= 0xa6 && last <= 0xa9);
}

/* Valid UTF-8 without control characters. */
std::string label_of(std::string_view text)
{
    std::string label;
    text = trim(text);
    for (std::size_t n = 0; !text.empty() && n < label_characters; n++) {
        std::size_t invalid = 0;
        std::size_t length = utf8_sequence(text, invalid);
        if (length == 0) {
            label.append("\xef\xbf\xbd");
        } else if (is_control(text.substr(0, length))) {
            label.push_back('_');
        } else {
            label.append(text.substr(0, length));
        }
        text.remove_prefix(length == 0 ? invalid : length);
    }
    return label;
}

/* Behind the folders, of which some clients tell. */
std::string name_of(std::string_view path)
{
    constexpr std::string_view separators = "/\\";
    path = path.substr(0, path.find_last_not_of(separators) + 1);
    std::string name = label_of(path.substr(path.find_last_of(separators) + 1));
    return name.find_first_not_of('.') == name.npos ? "attachment" : name;
}

}

Attachment make_attachment(int position, const AttachmentLabels &labels, std::string_view bytes)
{
    Attachment attachment;
    attachment.position = position;
    attachment.name = name_of(labels.name);
    attachment.content_type = label_of(labels.content_type);
    const auto *type = std::find(std::begin(types), std::end(types), labels.type);
    attachment.type = type == std::end(types) ? ordinary : *type;
    attachment.sha256.resize(SHA256_DIGEST_LENGTH);
    SHA256(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char *>(attachment.sha256.data()));
    attachment.bytes = bytes;
    return attachment;
}

}
