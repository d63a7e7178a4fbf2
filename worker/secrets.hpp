/*
 * What is a secret: by the name that a value stands under, and by its looks in a text.
 * Pure. The names are those that Sentry's servers scrub by default; matching by words
 * instead of anywhere leaves names such as "author" and "max_tokens" alone.
 */

#ifndef ERRTRACK_WORKER_SECRETS_HPP
#define ERRTRACK_WORKER_SECRETS_HPP

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* What stands in the place of a secret. */
inline constexpr std::string_view filtered_text = "[Filtered]";

/*
 * Names of members, headers, cookies, parameters. Case and separators do not matter:
 * api_key, apiKey, API-Key and "api key" are one name.
 */
class SecretNames {
public:
    struct Options {
        bool usual = true;                  /* password, token, authorization, ... */
        bool addresses = false;             /* ip_address, REMOTE_ADDR, X-Forwarded-For, ... */
        std::vector<std::string> more;      /* words that a secret name has in it */
        std::vector<std::string> exempt;    /* whole names that are never secret */
    };
    enum class Verdict : std::uint8_t { plain, secret, exempt };

    explicit SecretNames(const Options &options);

    /* Of a long name the first 64 letters and digits count. */
    Verdict judge(std::string_view name) const;

private:
    struct Pattern {
        std::string text;
        bool from_word;                     /* begins where a word begins */
        bool to_word;                       /* ends where a word ends */
        bool whole;                         /* is the whole name */
    };

    void add(std::string_view name, bool from_word, bool to_word, bool whole);

    std::vector<Pattern> patterns_;         /* by their first byte */
    std::array<std::uint16_t, 257> first_{};  /* where the patterns of a byte begin */
    std::vector<std::string> exempt_;
};

struct TextRange {
    std::size_t begin;
    std::size_t end;
};

/*
 * The passages of text that are secrets, in order and apart from each other: private
 * keys in PEM; card numbers; user and password in a URL; what follows Bearer or Basic;
 * the values of secret names in queries, forms, cookies and JSON (name=value, name =
 * "value", "name": value, "name" => value). Linear in the length of text.
 */
std::vector<TextRange> find_secrets(std::string_view text, const SecretNames &names);

/* Whether digits are the number of a payment card, with the length that its issuer uses
 * and a right check digit. */
bool is_card_number(std::string_view digits);

}

#endif
