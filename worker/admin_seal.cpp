#include "worker/admin_seal.hpp"

#include <cerrno>
#include <iostream>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "worker/admin_database.hpp"
#include "worker/admin_secret.hpp"
#include "worker/seal.hpp"
#include "worker/secret_file.hpp"

namespace errtrack {
namespace {

/* A file of the user's alone, complete or not at all. */
void write_private(const std::string &path, const std::string &content)
{
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1 && errno == EEXIST) {
        throw Failure(Exit::refused, path + " is there already: whoever overwrites a key loses what it has sealed");
    }
    if (fd == -1) {
        throw Failure(Exit::refused, "cannot make " + path + ": " + std::system_category().message(errno));
    }
    bool written = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) && ::fsync(fd) == 0;
    int why = errno;
    ::close(fd);
    if (!written) {
        ::unlink(path.c_str());
        throw Failure(Exit::refused, "cannot write " + path + ": " + std::system_category().message(why));
    }
}

}

std::string read_sealed(const Options &options, const std::string &file, const std::string &context)
try {
    if (options.secrets_key_file.empty()) {
        throw Failure(Exit::refused, "name the file of the key that the worker has with --secrets-key-file");
    }
    SealKeys keys(options.secrets_key_file);
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0) {
        throw Failure(Exit::refused, "cannot read " + file + ": " + std::system_category().message(errno));
    }
    std::string secret = file.empty() ? read_line_silently("Secret, " + context) : read_secret(file);
    if (secret.empty()) {
        throw Failure(Exit::refused, "cannot read a secret from the first line of "
                                         + (file.empty() ? std::string("standard input") : file));
    }
    return keys.seal(secret, context);
} catch (const SealError &e) {
    throw Failure(Exit::refused, e.what());
}

void make_secrets_key(const Options &options)
{
    const std::string line = make_seal_key() + "\n";
    if (options.file.empty()) {
        std::cout << line;
        return;
    }
    write_private(options.file, line);
    std::cout << options.file << " holds the new key " << SealKeys(options.file).ids() << '\n';
}

void seal_secret(const Options &options)
{
    std::cout << read_sealed(options, options.file, seal_context(options.kind, options.value)) << '\n';
}

}
