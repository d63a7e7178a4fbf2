/*
 * Names that secrets stand under: those that Sentry's servers scrub by default, and those of
 * a project. They are compared without their separators but with their words in mind, which
 * leaves names such as "author" and "max_tokens" alone. Pure.
 */

#ifndef ERRTRACK_WORKER_SECRET_NAMES_HPP
#define ERRTRACK_WORKER_SECRET_NAMES_HPP

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

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

    /* Linear in the length of the name. */
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

}

#endif
