#include "ngx_module/form_files.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "ngx_module/multipart_head.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

/* Whoever writes LF alone is read as well. */
std::string_view take_line(std::string_view &text)
{
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return !line.empty() && line.back() == '\r' ? line.substr(0, line.size() - 1) : line;
}

/* Whether what stands behind a delimiter ends it: another boundary may begin with ours. */
bool ends_delimiter(std::string_view rest)
{
    return rest.substr(0, 2) == "--" || rest.find_first_not_of(" \t\r") == rest.find('\n');
}

/* Where the next delimiter stands at the start of a line, or npos. */
std::size_t find_delimiter(std::string_view text, std::string_view delimiter)
{
    for (std::size_t at = text.find(delimiter); at != std::string_view::npos; at = text.find(delimiter, at + 1)) {
        bool starts_line = at == 0 || text[at - 1] == '\n';
        if (starts_line && ends_delimiter(text.substr(at + delimiter.size()))) {
            return at;
        }
    }
    return std::string_view::npos;
}

std::string_view without_line_end(std::string_view content)
{
    if (!content.empty() && content.back() == '\n') {
        content.remove_suffix(1);
        content.remove_suffix(!content.empty() && content.back() == '\r' ? 1 : 0);
    }
    return content;
}

}

std::optional<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body)
{
    std::string boundary = boundary_of(content_type);
    if (boundary.empty()) {
        return std::nullopt;
    }
    std::string delimiter = "--" + boundary;
    std::vector<FormPart> parts;
    std::size_t at = find_delimiter(body, delimiter);
    while (at != std::string_view::npos) {
        body.remove_prefix(at + delimiter.size());
        if (body.substr(0, 2) == "--") {
            return parts;
        }
        take_line(body);
        FormPart part;
        bool named = false;
        for (std::string_view line = take_line(body); !line.empty(); line = take_line(body)) {
            if (std::optional<Disposition> found = disposition_of(line)) {
                part.name = found->name;
                part.filename = found->filename;
                named = true;
            }
        }
        at = find_delimiter(body, delimiter);
        if (!named || at == std::string_view::npos || parts.size() == max_form_parts) {
            return std::nullopt;
        }
        part.content = without_line_end(body.substr(0, at));
        parts.push_back(std::move(part));
    }
    return std::nullopt;
}

std::string hex_sha1(std::string_view bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), digest);
    std::string hex;
    for (unsigned char byte : digest) {
        hex.push_back(digits[byte >> 4]);
        hex.push_back(digits[byte & 15]);
    }
    return hex;
}

std::string base64(std::string_view bytes)
{
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    int length = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()),
                                 reinterpret_cast<const unsigned char *>(bytes.data()),
                                 static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}
