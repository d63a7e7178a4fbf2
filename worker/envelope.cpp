/*
 * Envelope grammar:
 *
 *     header LF { item header LF payload LF }
 *
 * A header is one JSON object, on one line or several. A payload has the length that
 * its header says, or goes to the next LF; the last LF may be missing.
 */

#include "worker/envelope.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "worker/entry.hpp"
#include "worker/event.hpp"
#include "worker/inflate.hpp"
#include "worker/json.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::string_view blanks = " \t\r\n";

void skip_blanks(std::string_view &text)
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
}

/* Where the object at the front of text ends; npos when it does not. Whether it is
 * well-formed inside is for the parser to say. */
std::size_t object_end(std::string_view text)
{
    bool in_string = false;
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return text.npos;
}

class EnvelopeReader {
public:
    EnvelopeReader(std::string_view bytes, Envelope &envelope)
        : rest_(bytes), envelope_(envelope)
    {
    }

    std::string_view run()
    {
        if (rest_.empty()) {
            return reason::no_data;
        }
        if (!header() || !envelope_header()) {
            return reason::invalid_envelope;
        }
        for (;;) {
            skip_blanks(rest_);
            if (rest_.empty()) {
                return reason::none;
            }
            if (envelope_.items.size() == max_envelope_items) {
                return reason::too_large;
            }
            if (!header() || !item()) {
                return reason::invalid_envelope;
            }
        }
    }

private:
    /* Reads a header and the end of its line. */
    bool header()
    {
        skip_blanks(rest_);
        if (!rest_.starts_with('{')) {
            return false;
        }
        std::size_t end = object_end(rest_);
        if (end == rest_.npos || !json_.parse(repair(rest_.substr(0, end), buffer_))) {
            return false;
        }
        rest_.remove_prefix(end);
        if (rest_.starts_with('\r')) {
            rest_.remove_prefix(1);
        }
        return line_end();
    }

    bool line_end()
    {
        if (rest_.empty()) {
            return true;
        }
        bool ended = rest_.front() == '\n';
        rest_.remove_prefix(1);
        return ended;
    }

    bool envelope_header()
    {
        JsonValue id = json_.root()["event_id"];
        if (!id.is_null()) {
            envelope_.event_id = normalize_uuid(id.text());
            if (envelope_.event_id.empty()) {
                return false;
            }
        }
        envelope_.sent_at = parse_timestamp(json_.root()["sent_at"].text());
        JsonValue sdk = json_.root()["sdk"];
        if (std::string name = sdk["name"].text(); !name.empty()) {
            envelope_.client = name + "/" + sdk["version"].text();
        }
        return true;
    }

    bool item()
    {
        JsonValue head = json_.root();
        if (!head["type"].is_string()) {
            return false;
        }
        EnvelopeItem item;
        item.type = head["type"].text();
        item.filename = head["filename"].text();
        item.content_type = head["content_type"].text();
        item.attachment_type = head["attachment_type"].text();

        JsonValue length = head["length"];
        if (length.is_null()) {
            item.payload = rest_.substr(0, rest_.find('\n'));
        } else {
            std::optional<std::int64_t> bytes = length.integer();
            if (!bytes || *bytes < 0 || *bytes > std::numeric_limits<std::uint32_t>::max()
                || static_cast<std::uint64_t>(*bytes) > rest_.size()) {
                return false;
            }
            item.payload = rest_.substr(0, static_cast<std::size_t>(*bytes));
        }
        rest_.remove_prefix(item.payload.size());
        envelope_.items.push_back(std::move(item));
        return line_end();
    }

    std::string_view rest_;
    Envelope &envelope_;
    Json json_;
    std::string buffer_;
};

/* Standard alphabet, padding optional, blanks skipped. False for anything else. */
bool decode_base64(std::string_view text, std::string &out)
{
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<std::int8_t, 256> values;
    values.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); i++) {
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    }
    out.clear();
    out.reserve(text.size() / 4 * 3 + 3);
    std::uint32_t bits = 0;
    unsigned held = 0;
    std::size_t digits = 0;
    std::size_t padding = 0;
    for (char c : text) {
        if (blanks.find(c) != blanks.npos) {
            continue;
        }
        if (c == '=') {
            padding++;
            continue;
        }
        std::int8_t value = values[static_cast<unsigned char>(c)];
        if (value < 0 || padding > 0) {
            return false;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        digits++;
        if (held >= 8) {
            held -= 8;
            out.push_back(static_cast<char>(bits >> held & 0xff));
        }
    }
    return digits % 4 != 1 && padding <= 2;
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* Without percent encoding. In JSON a plus is a blank, as it is in front of anything; in
 * base64 it is a digit that somebody forgot to encode. */
bool decode_value(std::string_view text, std::string &out)
{
    out.clear();
    out.reserve(text.size());
    bool begun = false;
    bool json = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = static_cast<char>(high << 4 | low);
            i += 2;
        } else if (c == '+' && (json || !begun)) {
            c = ' ';
        }
        if (!begun && blanks.find(c) == blanks.npos) {
            begun = true;
            json = c == '{';
        }
        out.push_back(c);
    }
    return true;
}

/* The edge decides by the same bytes: a name is visible ASCII, base64 has none in front,
 * and behind its first sign of equality there is nothing but padding. */
bool looks_like_form(std::string_view bytes)
{
    std::size_t sign = bytes.substr(0, 65).find_first_of("=&");
    if (sign == bytes.npos
        || !std::all_of(bytes.begin(), bytes.begin() + sign, [](char c) { return c > ' ' && c < 0x7f; }))
    {
        return false;
    }
    if (bytes[sign] == '&') {
        return true;
    }
    return sign + 1 < bytes.size() && bytes[sign + 1] != '='
           && blanks.find(bytes[sign + 1]) == blanks.npos;
}

/* The first value of the parameter; nothing when there is none. */
std::optional<std::string_view> form_value(std::string_view form, std::string_view name)
{
    while (!form.empty()) {
        std::size_t end = std::min(form.find('&'), form.size());
        std::string_view pair = form.substr(0, end);
        form.remove_prefix(std::min(end + 1, form.size()));
        std::size_t sign = pair.find('=');
        if (sign != pair.npos && pair.substr(0, sign) == name) {
            return pair.substr(sign + 1);
        }
    }
    return {};
}

}

std::string_view parse_envelope(std::string_view bytes, Envelope &envelope)
{
    envelope = {};
    std::string_view failed = EnvelopeReader(bytes, envelope).run();
    if (failed != reason::none) {
        envelope = {};
    }
    return failed;
}

std::string_view decode_store_body(std::string_view bytes, std::size_t limit,
                                   std::string &buffer, std::string_view &json)
{
    auto begin = [](std::string_view &text) {
        text.remove_prefix(text.starts_with("\xef\xbb\xbf") ? 3 : 0);
        skip_blanks(text);
        return text.starts_with('{');
    };
    auto bounded = [&json, limit] {
        return json.size() > limit ? reason::too_large : reason::none;
    };
    json = bytes;
    if (begin(json)) {
        return bounded();
    }
    if (json.empty()) {
        return reason::no_data;
    }
    std::string form;
    if (looks_like_form(json)) {
        std::optional<std::string_view> value = form_value(json, "sentry_data");
        if (!value || !decode_value(*value, form)) {
            return reason::invalid_form;
        }
        json = form;
        skip_blanks(json);
        if (json.starts_with('{')) {
            buffer = json;
            json = buffer;
            return bounded();
        }
    }
    std::string decoded;
    if (!decode_base64(json, decoded)) {
        return reason::invalid_json;
    }
    if (decoded.starts_with('{')) {
        buffer = std::move(decoded);
    } else if (std::string_view failed = inflate("deflate", decoded, limit, buffer);
               failed != reason::none) {
        return failed == reason::too_large ? failed : reason::invalid_json;
    }
    json = buffer;
    return begin(json) ? bounded() : reason::invalid_json;
}

}
