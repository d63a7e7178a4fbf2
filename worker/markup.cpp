#include "worker/markup.hpp"

#include "worker/repair.hpp"

#include <array>

namespace errtrack {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";
constexpr std::string_view ellipsis = "\xe2\x80\xa6";
constexpr std::string_view zero_width_space = "\xe2\x80\x8b";

/*
 * What a backslash takes the meaning from, and after which characters something invisible has
 * to stand: references are looked for in the text that comes out of the markdown, where the
 * backslash is gone.
 */
struct Rules {
    std::string_view escaped;
    std::string_view severed;
};

/* Mattermost shows a backslash before other characters than these. */
constexpr std::array<Rules, 6> rules_of = {{
    {"", ""},
    {"", ""},
    {"\\`*{}[]()#+-.!_>~|", "@"},
    {"\\`*_~|<>#-[]():@", ""},
    {"!#$&()*+-./:<=>@[\\]^_`{|}~", "@#!$%&~^:"},
    {"", "@#!$%&~^<]:"},
}};

std::string_view entity_of(char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "";
}

/* One of valid UTF-8. */
std::uint32_t code_of(std::string_view character)
{
    auto first = static_cast<unsigned char>(character[0]);
    std::uint32_t code = character.size() == 1 ? first : first & (0x7fu >> character.size());
    for (char c : character.substr(1)) {
        code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
    }
    return code;
}

/* White space and controls, also those of Unicode that end a line. */
bool is_gap(std::uint32_t code)
{
    return code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2028 || code == 0x2029;
}

/* Nothing to see: other directions of writing, which could show a text as another, marks of
 * bytes, and tags. The joiners stay: words and faces are made with them. */
bool is_invisible(std::uint32_t code)
{
    return code == 0x061c || code == 0x180e || code == 0x200b || code == 0x200e || code == 0x200f
           || (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb)
           || (code >= 0xe0000 && code <= 0xe0fff);
}

/* A text that grows up to a bound. */
class Bounded {
public:
    explicit Bounded(std::size_t most) : most_(most) {}

    /* False when the piece does not fit: then the text is complete. */
    bool add(std::string_view piece)
    {
        std::size_t units = units_of(piece);
        if (units_ + units > most_) {
            text_.resize(room_for_ellipsis_);
            text_ += most_ > 0 ? ellipsis : "";
            return false;
        }
        text_ += piece;
        units_ += units;
        room_for_ellipsis_ = units_ < most_ ? text_.size() : room_for_ellipsis_;
        return true;
    }

    std::string text() && { return std::move(text_); }

private:
    std::size_t most_;
    std::string text_;
    std::size_t units_ = 0;
    std::size_t room_for_ellipsis_ = 0;     /* so much of the text leaves room for it */
};

/* A character as it may stand in the markup behind the one before it, a blank or 0 if there
 * is none. */
std::string piece_of(std::string_view character, char before, Markup markup)
{
    char c = character[0];
    if (markup == Markup::entities && !entity_of(c).empty()) {
        return std::string(entity_of(c));
    }
    const Rules &rules = rules_of[static_cast<std::size_t>(markup)];
    // A colon means something only before the slashes of a URL.
    bool severed = before != '\0' && rules.severed.find(before) != rules.severed.npos && (before != ':' || c == '/');
    std::string piece(severed ? zero_width_space : "");
    piece += rules.escaped.find(c) != rules.escaped.npos ? "\\" : "";
    return piece.append(character);
}

}

std::string inert(std::string_view text, Markup markup, std::size_t most)
{
    Bounded out(most);
    bool gap = false;
    char before = '\0';
    while (!text.empty()) {
        std::size_t invalid = 1;
        std::size_t length = utf8_sequence(text, invalid);
        std::string_view character = length > 0 ? text.substr(0, length) : replacement;
        text.remove_prefix(length > 0 ? length : invalid);
        std::uint32_t code = code_of(character);
        if (is_gap(code) || is_invisible(code)) {
            gap = gap || is_gap(code);
            continue;
        }
        if (gap && before != '\0') {
            before = ' ';
            if (!out.add(" ")) {
                break;
            }
        }
        if (!out.add(piece_of(character, before, markup))) {
            break;
        }
        gap = false;
        before = character[0];
    }
    return std::move(out).text();
}

std::size_t units_of(std::string_view text)
{
    std::size_t units = 0;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        // What UTF-8 writes in four bytes are two there.
        units += (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
    }
    return units;
}

}
