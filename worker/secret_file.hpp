/*
 * Secrets come from files: a line, whatever ends it.
 */

#ifndef ERRTRACK_WORKER_SECRET_FILE_HPP
#define ERRTRACK_WORKER_SECRET_FILE_HPP

#include <fstream>
#include <string>

namespace errtrack {

/* The first line of a file; empty when it cannot be read. */
inline std::string read_secret(const std::string &path)
{
    std::ifstream file(path);
    std::string secret;
    std::getline(file, secret);
    if (!secret.empty() && secret.back() == '\r') {
        secret.pop_back();
    }
    return secret;
}

}

#endif
