#include "worker/seal.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr std::string_view version = "v1:";
constexpr std::size_t id_size = 8;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;

/* Room for some sixty keys. */
constexpr std::size_t largest_file = 4096;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX *)>;

const unsigned char *bytes_of(std::string_view text) noexcept
{
    return reinterpret_cast<const unsigned char *>(text.data());
}

unsigned char *bytes_of(std::string &text) noexcept
{
    return reinterpret_cast<unsigned char *>(text.data());
}

/* A text whose bytes do not stay in memory. */
struct Wiped {
    std::string text;

    explicit Wiped(std::size_t size) : text(size, '\0') {}
    Wiped(const Wiped &) = delete;
    Wiped &operator=(const Wiped &) = delete;
    ~Wiped() { OPENSSL_cleanse(text.data(), text.size()); }
};

struct Descriptor {
    int fd;

    explicit Descriptor(int opened) : fd(opened) {}
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    ~Descriptor()
    {
        if (fd != -1) {
            ::close(fd);
        }
    }
};

std::string encode(std::string_view bytes)
{
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    int length = EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/* Only what encode() writes: libcrypto also takes blanks, and what is left over of the last digit. */
std::optional<std::string> decode(std::string_view text)
{
    std::string bytes(text.size() / 4 * 3, '\0');
    int length = text.size() % 4 != 0 || text.empty() ? -1
                 : EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size()));
    if (length < 0) {
        return std::nullopt;
    }
    std::size_t padding = text[text.size() - 1] != '=' ? 0 : text[text.size() - 2] != '=' ? 1 : 2;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    Wiped again(0);
    again.text = encode(bytes);
    return again.text == text ? std::optional(std::move(bytes)) : std::nullopt;
}

int hex_value(char c) noexcept
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Encrypts or decrypts in place. The tag is written, or else has to be the right one. */
bool transform(bool sealing, const unsigned char *key, const unsigned char *nonce, std::string_view context,
               unsigned char *text, std::size_t size, unsigned char *tag)
{
    Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int n = 0;
    bool done = cipher != nullptr
        && EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key, nonce, sealing ? 1 : 0) == 1
        && EVP_CipherUpdate(cipher.get(), nullptr, &n, bytes_of(context), static_cast<int>(context.size())) == 1
        && EVP_CipherUpdate(cipher.get(), text, &n, text, static_cast<int>(size)) == 1
        && (sealing || EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag) == 1)
        && EVP_CipherFinal_ex(cipher.get(), text + n, &n) == 1
        && (!sealing || EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag) == 1);
    if (!done) {
        /* Or the next one of this thread to use TLS would take it for its own failure. */
        ERR_clear_error();
    }
    return done;
}

/* The bytes of a file that is its owner's alone. Returns how many there are. */
std::size_t read_private(const std::string &path, std::string &into)
{
    /* What is no file must not keep whoever reads it waiting. */
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about = {};
    if (file.fd == -1 || ::fstat(file.fd, &about) == -1) {
        throw SealError("cannot read " + path + ": " + std::system_category().message(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        throw SealError(path + " is no file");
    }
    if ((about.st_mode & 077) != 0) {
        throw SealError("others than its owner have rights on " + path + ": set them to 0600 (chmod 600)");
    }
    std::size_t size = 0;
    while (size < into.size()) {
        ssize_t n = ::read(file.fd, into.data() + size, into.size() - size);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            throw SealError("cannot read " + path + ": " + std::system_category().message(errno));
        }
        if (n == 0) {
            return size;
        }
        size += static_cast<std::size_t>(n);
    }
    throw SealError(path + " is no file of keys: it has " + std::to_string(into.size()) + " bytes or more");
}

}

std::string seal_context(std::string_view owner, std::string_view member)
{
    return std::string(owner).append("/").append(member);
}

std::string_view sealing_key(std::string_view text) noexcept
{
    constexpr std::size_t head = version.size() + id_size;
    bool sealed = text.size() > head && text.substr(0, version.size()) == version && text[head] == ':';
    return sealed ? text.substr(version.size(), id_size) : std::string_view();
}

SealKeys::Key::~Key()
{
    OPENSSL_cleanse(bytes.data(), bytes.size());
}

/* False: the line is no key. */
bool SealKeys::read_key(std::string_view line, Key &key)
{
    const std::size_t size = key.bytes.size();
    if (line.size() == 2 * size) {
        for (std::size_t i = 0; i < size; i++) {
            int high = hex_value(line[2 * i]);
            int low = hex_value(line[2 * i + 1]);
            if (high < 0 || low < 0) {
                return false;
            }
            key.bytes[i] = static_cast<unsigned char>(high << 4 | low);
        }
    } else {
        Wiped bytes(0);
        bytes.text = decode(line).value_or("");
        if (bytes.text.size() != size) {
            return false;
        }
        bytes.text.copy(reinterpret_cast<char *>(key.bytes.data()), size);
    }
    unsigned char digest[32];
    if (EVP_Digest(key.bytes.data(), size, digest, nullptr, EVP_sha256(), nullptr) != 1) {
        throw SealError("OpenSSL cannot compute SHA-256 here");
    }
    for (std::size_t i = 0; i < id_size / 2; i++) {
        static constexpr char digits[] = "0123456789abcdef";
        key.id.push_back(digits[digest[i] >> 4]);
        key.id.push_back(digits[digest[i] & 15]);
    }
    return true;
}

SealKeys::SealKeys(const std::string &path) : path_(path)
{
    Wiped content(largest_file);
    std::string_view rest(content.text.data(), read_private(path, content.text));
    for (unsigned number = 1; !rest.empty(); number++) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        }
        Key key;
        if (!read_key(line, key)) {
            throw SealError("line " + std::to_string(number) + " of " + path + " is no key: 64 hexadecimal digits or 32 bytes "
                            "in base64 are wanted, as \"errtrack secrets-key\" makes them");
        }
        keys_.push_back(key);
    }
    if (keys_.empty()) {
        throw SealError(path + " is empty: \"errtrack secrets-key\" makes a key");
    }
}

std::string SealKeys::seal(std::string_view plain, std::string_view context) const
{
    if (plain.empty() || plain.size() > longest_secret) {
        throw SealError("a secret has 1 to " + std::to_string(longest_secret) + " bytes");
    }
    std::string bytes(nonce_size, '\0');
    bytes.append(plain).append(tag_size, '\0');
    unsigned char *nonce = bytes_of(bytes);
    unsigned char *text = nonce + nonce_size;
    const Key &key = keys_.front();
    if (RAND_bytes(nonce, static_cast<int>(nonce_size)) != 1
        || !transform(true, key.bytes.data(), nonce, context, text, plain.size(), text + plain.size()))
    {
        throw SealError("OpenSSL cannot encrypt here");
    }
    return std::string(version) + key.id + ":" + encode(bytes);
}

std::string SealKeys::open(std::string_view text, std::string_view context) const
{
    std::string_view id = sealing_key(text);
    std::optional<std::string> bytes;
    /* No longer than a secret can be, whoever wrote it. */
    if (!id.empty() && text.size() <= 2 * longest_secret) {
        bytes = decode(text.substr(version.size() + id_size + 1));
    }
    if (!bytes || bytes->size() <= nonce_size + tag_size) {
        throw SealError("it is not sealed as this release does it (v1:KEY:TEXT): set it anew");
    }
    for (const Key &key : keys_) {
        if (key.id != id) {
            continue;
        }
        unsigned char *nonce = bytes_of(*bytes);
        unsigned char *body = nonce + nonce_size;
        std::size_t size = bytes->size() - nonce_size - tag_size;
        if (!transform(false, key.bytes.data(), nonce, context, body, size, body + size)) {
            throw SealError("it was sealed for something else than " + std::string(context) + ", or was changed since: set it anew");
        }
        return bytes->substr(nonce_size, size);
    }
    throw SealError("it is sealed with the key " + std::string(id) + ", which is not in " + path_
                    + ": add that key behind the others, or set it anew");
}

std::string SealKeys::ids() const
{
    std::string text;
    for (const Key &key : keys_) {
        text.append(text.empty() ? "" : ", ").append(key.id);
    }
    return text;
}

}
