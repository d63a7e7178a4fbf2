/*
 * Whatever headers, query and path hold: a key that is found is one, it is in what was
 * given or in the credentials themselves, and a copy says the same.
 *
 * The input is four texts with a line feed between them.
 */

#include "ngx_module/auth.hpp"
#include "worker/entry.hpp"

#include <array>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    using namespace errtrack;
    std::string_view input(reinterpret_cast<const char *>(data), size);
    std::string_view rest = input;
    std::array<std::string_view, 4> texts;
    for (std::string_view &text : texts) {
        std::size_t end = rest.find('\n');
        text = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    Credentials found = find_credentials(texts[0], texts[1], texts[2], texts[3]);
    Credentials copy(found);
    auto inside = [](std::string_view text, const char *from, std::size_t bytes) {
        return text.data() >= from && text.data() + text.size() <= from + bytes;
    };
    for (const Credentials *one : {&found, &copy}) {
        for (std::string_view text : {one->key, one->client}) {
            if (!text.empty() && !inside(text, input.data(), input.size())
                && !inside(text, one->decoded.data(), one->decoded.size()))
            {
                std::abort();
            }
        }
    }
    if ((found.state == AuthState::found && !is_public_key(found.key)) || found.key != copy.key
        || found.client != copy.client || found.state != copy.state)
    {
        std::abort();
    }
    auto dsn = parse_dsn(texts[0]);
    if (dsn && (!is_public_key(dsn->key) || !inside(dsn->key, input.data(), input.size()))) {
        std::abort();
    }
    return 0;
}
