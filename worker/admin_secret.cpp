/*
 * Secrets in the hands of the command. None of these functions puts a secret
 * into a message.
 */

#include "worker/admin_secret.hpp"

#include <array>
#include <iostream>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <termios.h>
#include <unistd.h>

#include "worker/admin_database.hpp"
#include "worker/secret_file.hpp"

namespace errtrack {

namespace {

/* GitLab makes 20 characters; fewer than 16 can be guessed. */
constexpr std::size_t min_secret = 16;
constexpr std::size_t max_secret = 512;

template <class Bytes>
std::string hex(const Bytes &bytes)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned char byte : bytes) {
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

template <std::size_t size>
std::array<unsigned char, size> random_bytes()
{
    std::array<unsigned char, size> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(size)) != 1) {
        throw Failure(Exit::refused, "this machine gives no random numbers");
    }
    return bytes;
}

using Digest = std::array<unsigned char, 32>;

[[noreturn]] void no_digest()
{
    throw Failure(Exit::refused, "OpenSSL cannot compute SHA-256 here");
}

template <class Bytes>
Digest sha256(const Bytes &bytes)
{
    Digest digest;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        no_digest();
    }
    return digest;
}

Digest hmac(const Digest &key, const std::string &text)
{
    Digest digest;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char *>(text.data()), text.size(), digest.data(), nullptr) == nullptr) {
        no_digest();
    }
    return digest;
}

template <class Bytes>
std::string base64(const Bytes &bytes)
{
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    int length = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()), bytes.data(),
                                 static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/* Switches the echo of the terminal off for as long as it lives. */
class SilentTerminal {
public:
    explicit SilentTerminal(const std::string &prompt) : active_(isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0)
    {
        if (active_) {
            termios silent = before_;
            silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
            std::cerr << prompt << ": " << std::flush;
        }
    }

    ~SilentTerminal()
    {
        if (active_) {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
            std::cerr << '\n';
        }
    }

    SilentTerminal(const SilentTerminal &) = delete;
    SilentTerminal &operator=(const SilentTerminal &) = delete;

private:
    termios before_ = {};
    bool active_;
};

}

std::string make_token()
{
    return "ett_" + hex(random_bytes<20>());
}

std::string make_password()
{
    // Of 32 signs each takes the five bits of a byte.
    static constexpr char signs[] = "abcdefghijkmnpqrstuvwxyz23456789";
    std::string password;
    for (unsigned char byte : random_bytes<32>()) {
        password.push_back(signs[byte % 32]);
    }
    return password;
}

std::string read_password(const std::string &path)
{
    std::string password = read_secret(path);
    if (password.empty()) {
        throw Failure(Exit::refused, "cannot read a password from the first line of " + path);
    }
    for (unsigned char c : password) {
        if (c <= 0x20 || c >= 0x7f) {
            throw Failure(Exit::refused, "the password in " + path + " holds blanks or characters beyond ASCII, "
                                         "which clients write in different ways");
        }
    }
    if (password.size() < min_secret || password.size() > max_secret) {
        throw Failure(Exit::refused, "the password in " + path + " must have " + std::to_string(min_secret) + " to "
                                         + std::to_string(max_secret) + " characters");
    }
    return password;
}

std::string scram_verifier(const std::string &password)
{
    // As many as PostgreSQL takes when it makes one itself.
    constexpr int rounds = 4096;
    const auto salt = random_bytes<16>();
    Digest salted;
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(), static_cast<int>(salt.size()),
                          rounds, EVP_sha256(), static_cast<int>(salted.size()), salted.data()) != 1) {
        no_digest();
    }
    return "SCRAM-SHA-256$" + std::to_string(rounds) + ":" + base64(salt) + "$"
           + base64(sha256(hmac(salted, "Client Key"))) + ":" + base64(hmac(salted, "Server Key"));
}

std::string read_line_silently(const std::string &prompt)
{
    std::string line;
    {
        SilentTerminal terminal(prompt);
        std::getline(std::cin, line);
    }
    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    return line;
}

std::string read_secret()
{
    std::string secret = read_line_silently("Error tracking token of GitLab");
    // It travels in a header, where nothing else can stand.
    for (unsigned char c : secret) {
        if (c <= 0x20 || c >= 0x7f) {
            throw Failure(Exit::refused, "the token on standard input holds blanks or characters "
                                         "that no header can carry");
        }
    }
    if (secret.size() < min_secret || secret.size() > max_secret) {
        throw Failure(Exit::refused, "expected the token of GitLab on standard input, "
                                         + std::to_string(min_secret) + " to "
                                         + std::to_string(max_secret)
                                         + " characters on one line");
    }
    return secret;
}

std::string make_seal_key()
{
    return hex(random_bytes<32>());
}

std::string sha256_bytea(const std::string &secret)
{
    return "\\x" + hex(sha256(secret));
}

}
