/*
 * Credentials of a request: where an SDK may put its public key, and what is
 * wrong with them. Rules: protocol reference, section 2. Sources in order of
 * precedence: X-Sentry-Auth, Authorization (of the kinds Sentry and Basic), query
 * string, path; an envelope without any of them may name its DSN in its first line.
 * Pure: views in, views out, nothing is allocated.
 */

#ifndef ERRTRACK_NGX_MODULE_AUTH_HPP
#define ERRTRACK_NGX_MODULE_AUTH_HPP

#include <array>
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
    ambiguous,           /* different keys in two places */
};

/*
 * The views are into the request, or into the credentials themselves for what had to
 * be decoded: they are good as long as both are. Copies have views of their own.
 */
struct Credentials {
    using Decoded = std::array<char, 128>;

    AuthState state = AuthState::absent;
    bool from_header = false;
    std::string_view key;
    std::string_view client;   /* sentry_client: name and version of the SDK */
    unsigned version = 7;
    Decoded decoded;           /* what key and client are views into, if it is no source */

    Credentials() noexcept {}
    Credentials(const Credentials &other) noexcept { *this = other; }
    Credentials &operator=(const Credentials &other) noexcept;
};

/* Two header values, the query string, and the key of a path that has one (check-ins);
 * each empty when absent. Sources that agree are fine, the first one counts. */
Credentials find_credentials(std::string_view sentry_auth, std::string_view authorization,
                             std::string_view query, std::string_view path_key = {}) noexcept;

/* Key, host (with its port, if it has one) and project of a DSN, nothing if it is none.
 * The views are into dsn. */
struct Dsn {
    std::string_view key;
    std::string_view host;
    std::uint64_t project = 0;
};
std::optional<Dsn> parse_dsn(std::string_view dsn) noexcept;

/* A decimal project id of at most 64 bits; leading zeros are fine, 0 itself is no project. */
std::optional<std::uint64_t> parse_project(std::string_view text) noexcept;

}

#endif
