#include "worker/channel_webhook.hpp"

#include "worker/channel_parts.hpp"
#include "worker/item.hpp"
#include "worker/notice_text.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <new>

namespace errtrack {
namespace {

constexpr std::int64_t body_version = 1;

std::string signature(std::string_view secret, const std::string &text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char *>(text.data()),
             text.size(), digest.data(), &size) == nullptr)
    {
        throw std::bad_alloc();         // there is nothing else that fails
    }
    std::string hex;
    for (unsigned char byte : std::basic_string_view(digest.data(), size)) {
        hex += {digits[byte >> 4], digits[byte & 15]};
    }
    return hex;
}

}

std::vector<std::string> signed_headers(const Delivery &delivery, std::string_view event, std::string_view secret,
                                        std::string_view body)
{
    std::string now = std::to_string(delivery.now);
    std::vector<std::string> headers = {
        "Content-Type: application/json; charset=utf-8",
        "X-Errtrack-Delivery: " + delivery.id,
        "X-Errtrack-Event: " + std::string(event),
        "X-Errtrack-Timestamp: " + now,
    };
    if (!secret.empty()) {
        headers.push_back("X-Errtrack-Signature: v1=" + signature(secret, now + '.' + std::string(body)));
    }
    return headers;
}

WebRequest compose_webhook(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    std::string links = JsonObject().text(notice.issue ? "issue" : "issues", page_of(notice, delivery.base)).done();
    std::string own = JsonObject().integer("version", body_version).text("delivery_id", delivery.id).raw("links", links).done();
    // The members of the notice follow those of ours.
    own.back() = ',';
    WebRequest request = post_json(channel.url, own + notice.json.substr(1));
    request.headers = signed_headers(delivery, word_of(notice.kind), channel.secret, request.body);
    for (const std::string &line : setting(channel, "headers")) {
        if (std::string fault = header_fault(line); !fault.empty()) {
            throw ChannelError("a header of the channel cannot be sent: " + fault);
        }
        request.headers.push_back(line);
    }
    return request;
}

}
