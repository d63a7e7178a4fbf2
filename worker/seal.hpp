/*
 * Secrets that PostgreSQL keeps and cannot read: AES-256-GCM with a key out of a file.
 *
 *     v1:KEY:TEXT
 *
 *     KEY    id of the key: the first 8 hexadecimal digits of its SHA-256
 *     TEXT   base64 of nonce (12 bytes), ciphertext and tag (16 bytes)
 *
 * The context is what a text is for. It is not in the text, and a text is opened only for
 * what it was sealed for. When a secret comes in, its row may not be there yet, and slugs
 * in the path may change. So the context names kind and member alone: it keeps the token
 * of a tracker from being taken for the address of a channel, but not one row's from being
 * put into another row.
 *
 * Shared by the query module and the command, which seal, and the worker, which opens:
 * standard library and libcrypto only.
 */

#ifndef ERRTRACK_WORKER_SEAL_HPP
#define ERRTRACK_WORKER_SEAL_HPP

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

inline constexpr std::size_t longest_secret = 4096;

/* Says what is wrong with a key file or a sealed text, and never holds a secret. */
class SealError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* owner: channel or tracker; member: url, secret or token. */
std::string seal_context(std::string_view owner, std::string_view member);

/* The id of the key that a text is sealed with; empty when it is none that is sealed. */
std::string_view sealing_key(std::string_view text) noexcept;

/*
 * The keys in a file: a line each, 64 hexadecimal digits or 32 bytes in base64. The first
 * one seals, all of them open: a new key is put before the old ones. May be used by
 * several threads.
 */
class SealKeys {
public:
    /* Throws SealError, for a file that others than its owner can read, too. */
    explicit SealKeys(const std::string &path);

    /* Of what is not empty and at most longest_secret bytes. Throws SealError. */
    std::string seal(std::string_view plain, std::string_view context) const;

    /* Throws SealError. */
    std::string open(std::string_view text, std::string_view context) const;

    /* Their ids, that of the one which seals first, with commas between them. */
    std::string ids() const;

private:
    struct Key {
        std::array<unsigned char, 32> bytes = {};
        std::string id;

        Key() = default;
        Key(const Key &) = default;
        Key &operator=(const Key &) = default;
        ~Key();
    };

    static bool read_key(std::string_view line, Key &key);

    std::string path_;
    std::vector<Key> keys_;
};

}

#endif
