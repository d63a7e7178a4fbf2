/*
 * What all scanners share: the summary, the bound of the whole body, and which scanner
 * an endpoint needs.
 */

#include "ngx_module/scan.hpp"

#include "ngx_module/envelope_scan.hpp"
#include "ngx_module/multipart_head.hpp"
#include "ngx_module/multipart_scan.hpp"
#include "ngx_module/security_scan.hpp"
#include "ngx_module/store_scan.hpp"
#include "worker/outcome.hpp"

#include <algorithm>
#include <cstring>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view other = "other";

bool is_word(std::string_view type) noexcept
{
    return std::all_of(type.begin(), type.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_' || c == '-';
    });
}

}

void TypeCounts::add(std::string_view type, std::uint32_t count) noexcept
{
    if (type.size() > max_kept || !is_word(type)) {
        type = other;
    }
    auto find = [&] {
        return std::lower_bound(entries_, entries_ + size_, type,
                                [](const Entry &entry, std::string_view sought) {
                                    return entry.type() < sought;
                                });
    };
    Entry *place = find();
    bool known = place != entries_ + size_ && place->type() == type;
    if (!known && size_ >= max_types) {
        // The room behind the last type is for "other".
        type = other;
        place = find();
        known = place != entries_ + size_ && place->type() == type;
    }
    if (!known) {
        std::copy_backward(place, entries_ + size_, entries_ + size_ + 1);
        size_++;
        place->count = 0;
        place->size = static_cast<std::uint8_t>(type.size());
        std::memcpy(place->text, type.data(), type.size());
    }
    place->count += count;
}

void Summary::add(std::string_view type, std::uint32_t count) noexcept
{
    if (count == 0) {
        return;
    }
    items.add(type, count);
    if (type == "client_report") {
        return;
    }
    counts[static_cast<std::size_t>(Category::all)] += count;
    Category category = category_of(type);
    if (category != Category::all) {
        counts[static_cast<std::size_t>(category)] += count;
    }
}

std::string Summary::items_text() const
{
    std::string text;
    for (const TypeCounts::Entry &entry : items) {
        text.append(text.empty() ? "" : ",").append(entry.type()).append(":")
            .append(std::to_string(entry.count));
    }
    return text;
}

Fault Scanner::push(std::string_view bytes)
{
    summary_.plain_bytes += bytes.size();
    if (summary_.plain_bytes > limits_.plain_bytes) {
        return {reason::too_large, "request body exceeds the size limit",
                "the body is larger than allowed"};
    }
    return scan(bytes);
}

Fault Scanner::finish()
{
    if (summary_.plain_bytes == 0) {
        return {reason::no_data, "empty request body", {}};
    }
    return end();
}

std::unique_ptr<Scanner> make_scanner(Endpoint endpoint, const ScanLimits &limits,
                                      std::string_view content_type)
{
    switch (endpoint) {
    case Endpoint::envelope:
    case Endpoint::tunnel:
        return std::make_unique<EnvelopeScanner>(limits);
    case Endpoint::store:
        return std::make_unique<StoreScanner>(limits);
    case Endpoint::security:
        return std::make_unique<SecurityScanner>(limits, "raw_security");
    case Endpoint::nel:
        return std::make_unique<SecurityScanner>(limits, "nel");
    case Endpoint::minidump:
        if (is_multipart_type(content_type)) {
            return std::make_unique<MinidumpScanner>(limits, content_type);
        }
        return std::make_unique<RawMinidumpScanner>(limits);
    case Endpoint::attachments:
        return std::make_unique<AttachmentsScanner>(limits, content_type);
    default:
        return nullptr;
    }
}

}
