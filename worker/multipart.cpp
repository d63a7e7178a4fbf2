/*
 * Delimiters are searched with the LF in front of them; the CR before that is not part
 * of the content either.
 */

#include "worker/multipart.hpp"

#include "worker/outcome.hpp"
#include "worker/repair.hpp"

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
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

/* Calls each(name in lower case, value) for the parameters behind the first semicolon. */
template <class Each>
void for_each_parameter(std::string_view text, Each each)
{
    std::size_t semicolon = text.find(';');
    while (semicolon != text.npos) {
        text.remove_prefix(semicolon + 1);
        std::size_t sign = text.find_first_of("=;");
        if (sign == text.npos) {
            return;
        }
        if (text[sign] == '=') {
            std::string name = lower(trimmed(text.substr(0, sign)));
            text = trimmed(text.substr(sign + 1));
            std::string value = text.starts_with('"')
                                    ? take_quoted(text)
                                    : std::string(trimmed(text.substr(0, text.find(';'))));
            each(name, std::move(value));
        }
        semicolon = text.find(';');
    }
}

std::string boundary_of(std::string_view content_type)
{
    std::string boundary;
    for_each_parameter(content_type, [&](const std::string &name, std::string value) {
        if (boundary.empty() && name == "boundary") {
            boundary = std::move(value);
        }
    });
    return boundary;
}

void read_header(std::string_view line, MultipartPart &part)
{
    std::size_t colon = line.find(':');
    if (colon == line.npos) {
        return;
    }
    std::string header = lower(trimmed(line.substr(0, colon)));
    if (header == "content-type") {
        part.content_type = trimmed(line.substr(colon + 1));
    }
    if (header != "content-disposition") {
        return;
    }
    part.name.clear();
    part.file = false;
    part.filename.clear();
    for_each_parameter(line.substr(colon + 1), [&](const std::string &name, std::string value) {
        if (name == "name") {
            part.name = std::move(value);
        } else if (name == "filename") {
            part.file = true;
            part.filename = std::move(value);
        } else if (name == "filename*") {
            part.file = true;
        }
    });
}

class MultipartReader {
public:
    MultipartReader(std::string_view bytes, const std::string &boundary)
        : bytes_(bytes), delimiter_("\n--" + boundary) {}

    std::string_view run(std::vector<MultipartPart> &parts)
    {
        bool at_once = bytes_.starts_with(std::string_view(delimiter_).substr(1));
        std::size_t first = at_once ? 0 : bytes_.find(delimiter_);
        if (first == bytes_.npos) {
            return reason::invalid_multipart;
        }
        at_ = first + delimiter_.size() - at_once;
        while (!bytes_.substr(at_).starts_with("--")) {
            if (parts.size() == max_multipart_parts) {
                return reason::too_large;
            }
            MultipartPart &part = parts.emplace_back();
            if (!end_of_delimiter() || !headers(part) || !content(part)) {
                return reason::invalid_multipart;
            }
        }
        return reason::none;
    }

private:
    bool end_of_delimiter()
    {
        at_ = std::min(bytes_.find_first_not_of(" \t\r", at_), bytes_.size());
        return at_ < bytes_.size() && bytes_[at_++] == '\n';
    }

    bool headers(MultipartPart &part)
    {
        for (;;) {
            std::size_t end = bytes_.find('\n', at_);
            if (end == bytes_.npos) {
                return false;
            }
            std::string_view line = bytes_.substr(at_, end - at_);
            at_ = end + 1;
            line.remove_suffix(line.ends_with('\r') ? 1 : 0);
            if (line.empty()) {
                return true;
            }
            read_header(line, part);
        }
    }

    /* The delimiter of an empty part may share the LF of the headers. */
    bool content(MultipartPart &part)
    {
        std::size_t end = bytes_.find(delimiter_, at_ - 1);
        if (end == bytes_.npos) {
            return false;
        }
        part.content = bytes_.substr(at_, end < at_ ? 0 : end - at_);
        part.content.remove_suffix(part.content.ends_with('\r') ? 1 : 0);
        at_ = end + delimiter_.size();
        return true;
    }

    std::string_view bytes_;
    std::string delimiter_;
    std::size_t at_ = 0;
};

}

bool is_multipart(std::string_view content_type)
{
    return lower(trimmed(content_type).substr(0, 10)) == "multipart/";
}

std::string_view parse_multipart(std::string_view content_type, std::string_view bytes,
                                 std::vector<MultipartPart> &parts)
{
    parts.clear();
    std::string boundary = boundary_of(content_type);
    std::string_view failed = is_multipart(content_type) && !boundary.empty()
                                  ? MultipartReader(bytes, boundary).run(parts)
                                  : reason::invalid_multipart;
    if (failed != reason::none) {
        parts.clear();
    }
    return failed;
}

}
