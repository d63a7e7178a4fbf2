/*
 * Credentials of a request: where an SDK may put its public key, and what is
 * wrong with them. Rules: protocol reference, section 2. Sources in order of
 * precedence: X-Sentry-Auth, Authorization, query string; an envelope without any
 * of them may name its DSN in its first line. Pure: views in, views out, nothing
 * is allocated.
 */

#ifndef ERRTRACK_NGX_MODULE_AUTH_HPP
#define ERRTRACK_NGX_MODULE_AUTH_HPP

#include <cstdint>
#include <optional>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class AuthState {
    found,               /* key is set and well formed */
    absent,              /* no source held credentials */
    no_key,              /* credentials without a key */
    bad_key,             /* a key that cannot be one */
    bad_version,         /* sentry_version is no number */
    unsupported_version, /* sentry_version above 7 */
    ambiguous,           /* two sources with different keys */
};

struct Credentials {
    AuthState state = AuthState::absent;
    bool from_header = false;
    std::string_view key;
    std::string_view client;   /* sentry_client: name and version of the SDK, as sent */
    unsigned version = 7;
};

/* The three header values and the query string, each empty when absent. */
Credentials find_credentials(std::string_view sentry_auth, std::string_view authorization,
                             std::string_view query) noexcept;

/* Key and project of a DSN, nothing if it is none. The views are into dsn. */
struct Dsn {
    std::string_view key;
    std::uint64_t project = 0;
};
std::optional<Dsn> parse_dsn(std::string_view dsn) noexcept;

/* A decimal project id of at most 64 bits; leading zeros are fine. */
std::optional<std::uint64_t> parse_project(std::string_view text) noexcept;

}

#endif
