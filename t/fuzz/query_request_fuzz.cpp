/*
 * Whatever a request to the query API is: it is refused, or becomes one JSON document that
 * PostgreSQL takes and that no secret is left in, and no header that is made of it holds a
 * line break.
 *
 * The input is a line each of method, path and arguments, content type, and the body.
 */

#include "ngx_module/exchange.hpp"

#include <cstdint>
#include <cstdlib>

#include <jansson.h>

using namespace errtrack;

namespace {

std::string_view take_line(std::string_view &text)
{
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

void check(bool good)
{
    if (!good) {
        std::abort();
    }
}

/* seals: of a route whose body has secrets. */
void check_document(std::string_view text, bool seals)
{
    check(is_text(text));
    json_t *document = json_loadb(text.data(), text.size(), 0, nullptr);
    check(document != nullptr && json_is_object(json_object_get(document, "path")));
    for (const char *secret : {"secret", "token"}) {
        const char *left = json_string_value(json_object_get(json_object_get(document, "body"), secret));
        check(!seals || left == nullptr || *left == '\0' || left == taken_out);
    }
    json_decref(document);
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    std::string_view method = take_line(text);
    std::string_view target = take_line(text);
    Request request;
    request.match = match_route(method, target.substr(0, target.find('?')));
    if (request.match.route == nullptr) {
        check_document(R"({"path":{},"refused":)" + refusal_json(surface_of(target), request.match.status, "") + "}", false);
        return 0;
    }
    std::size_t mark = target.find('?');
    request.arguments = parse_arguments(mark == std::string_view::npos ? "" : target.substr(mark + 1));
    request.base = "http://localhost:80";
    request.address = "::1";
    request.content_type = take_line(text);
    request.has_body = !text.empty();
    request.body = text;
    std::string refusal;
    if (std::optional<std::string> json = request_json(request, refusal)) {
        check_document(*json, !request.match.route->seals.empty());
    } else {
        check(is_text(refusal) && !refusal.empty());
    }
    check_document(head_json(request), false);
    SqlAnswer answer;
    answer.status = 200;
    answer.next_cursor = "bi5s";
    answer.total = 45;
    for (const auto &[name, value] : page_headers(request, answer)) {
        check(value.find_first_of("\r\n") == std::string::npos && !name.empty());
    }
    return 0;
}
