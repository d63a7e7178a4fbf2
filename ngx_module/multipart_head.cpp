/*
 * Parameters are ; name = value, where the value is a token or a quoted string.
 */

#include "ngx_module/multipart_head.hpp"

#include <strings.h>

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

bool equals(std::string_view text, std::string_view word) noexcept
{
    return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

std::string_view trimmed(std::string_view text) noexcept
{
    constexpr std::string_view blanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/* The worker sees what the queue entry carries: blanks for control characters. */
std::string as_queued(std::string_view content_type)
{
    std::string text(content_type.substr(0, max_content_type));
    auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    std::replace_if(text.begin(), text.end(), is_control, ' ');
    return text;
}

/* The quoted string at the front of text, which is cut off. Browsers put backslashes
 * of file names as they are, so only one before a quote or another escapes. */
std::string take_quoted(std::string_view &text)
{
    std::string value;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != '"'; i++) {
        bool escape = text[i] == '\\' && i + 1 < text.size()
                      && (text[i + 1] == '"' || text[i + 1] == '\\');
        i += escape;
        value.push_back(text[i]);
    }
    text.remove_prefix(std::min(i + 1, text.size()));
    return value;
}

/* Calls each(name, value) for the parameters behind the first semicolon. */
template <class Each>
void for_each_parameter(std::string_view text, Each each)
{
    std::size_t semicolon = text.find(';');
    while (semicolon != std::string_view::npos) {
        text.remove_prefix(semicolon + 1);
        std::size_t sign = text.find_first_of("=;");
        if (sign == std::string_view::npos) {
            return;
        }
        if (text[sign] == '=') {
            std::string_view name = trimmed(text.substr(0, sign));
            text = trimmed(text.substr(sign + 1));
            if (!text.empty() && text.front() == '"') {
                std::string value = take_quoted(text);
                each(name, std::move(value));
            } else {
                each(name, std::string(trimmed(text.substr(0, text.find(';')))));
            }
        }
        semicolon = text.find(';');
    }
}

}

bool is_multipart_type(std::string_view content_type)
{
    constexpr std::string_view prefix = "multipart/";
    std::string queued = as_queued(content_type);
    return equals(trimmed(queued).substr(0, prefix.size()), prefix);
}

std::string boundary_of(std::string_view content_type)
{
    std::string boundary;
    if (!is_multipart_type(content_type)) {
        return boundary;
    }
    for_each_parameter(as_queued(content_type), [&](std::string_view name, std::string value) {
        if (boundary.empty() && equals(name, "boundary")) {
            boundary = std::move(value);
        }
    });
    bool printable = std::all_of(boundary.begin(), boundary.end(), [](unsigned char c) {
        return c >= 0x20 && c < 0x7f;
    });
    return printable ? boundary : std::string();
}

std::optional<Disposition> disposition_of(std::string_view line)
{
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !equals(trimmed(line.substr(0, colon)),
                                                   "content-disposition"))
    {
        return std::nullopt;
    }
    Disposition found{{}, false, {}};
    for_each_parameter(line.substr(colon + 1), [&](std::string_view name, std::string value) {
        if (equals(name, "name")) {
            found.name = std::move(value);
        } else if (equals(name, "filename") || equals(name, "filename*")) {
            found.file = true;
            found.filename = equals(name, "filename") ? std::move(value) : found.filename;
        }
    });
    return found;
}

}
