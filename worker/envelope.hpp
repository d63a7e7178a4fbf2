/*
 * The framing of requests: envelopes into their items, and the body of the old store
 * endpoint into the JSON text that it stands for. Pure: views into the bytes go in
 * and come out; what an item means is the business of others.
 *
 * Strict on lengths and headers, because a wrong length shows that the rest cannot
 * be trusted; lenient on CR before LF and on blank lines, which some clients write.
 */

#ifndef ERRTRACK_WORKER_ENVELOPE_HPP
#define ERRTRACK_WORKER_ENVELOPE_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

struct EnvelopeItem {
    std::string type;
    std::string filename;
    std::string content_type;
    std::string attachment_type;
    std::string_view payload;            /* part of the envelope's bytes */
};

struct Envelope {
    std::string event_id;                /* 32 hex digits, or empty */
    std::optional<std::int64_t> sent_at; /* microseconds since 1970 (UTC) */
    std::string client;                  /* "name/version" of the SDK, or empty */
    std::vector<EnvelopeItem> items;
};

/* More items than any client sends; a header costs far more memory than bytes. */
inline constexpr std::size_t max_envelope_items = 10'000;

/* Returns reason::none, or invalid_envelope, no_data or too_large (too many items);
 * the envelope holds nothing to use then. */
std::string_view parse_envelope(std::string_view bytes, Envelope &envelope);

/*
 * The body of the store endpoint: JSON, or base64 of JSON, or base64 of deflated JSON,
 * or one of these in the parameter sentry_data of a form. Returns reason::none, no_data,
 * too_large, invalid_form or invalid_json. json is part of bytes or of buffer and begins
 * with a brace.
 */
std::string_view decode_store_body(std::string_view bytes, std::size_t limit,
                                   std::string &buffer, std::string_view &json);

}

#endif
