/*
 * Secrets in the hands of the command. None of these functions puts a secret
 * into a message.
 */

#include "worker/admin_secret.hpp"

#include <array>
#include <iostream>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <termios.h>
#include <unistd.h>

#include "worker/admin_database.hpp"

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

/* Switches the echo of the terminal off for as long as it lives. */
class SilentTerminal {
public:
    SilentTerminal() : active_(isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0)
    {
        if (active_) {
            termios silent = before_;
            silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
            std::cerr << "Error tracking token of GitLab: " << std::flush;
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
    std::array<unsigned char, 20> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw Failure(Exit::refused, "this machine gives no random numbers");
    }
    return "ett_" + hex(bytes);
}

std::string read_secret()
{
    std::string secret;
    {
        SilentTerminal terminal;
        std::getline(std::cin, secret);
    }
    if (!secret.empty() && secret.back() == '\r') {
        secret.pop_back();
    }
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

std::string sha256_bytea(const std::string &secret)
{
    std::array<unsigned char, 32> digest;
    if (EVP_Digest(secret.data(), secret.size(), digest.data(), nullptr, EVP_sha256(), nullptr)
        != 1) {
        throw Failure(Exit::refused, "OpenSSL cannot compute SHA-256 here");
    }
    return "\\x" + hex(digest);
}

}
