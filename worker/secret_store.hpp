/*
 * The secrets that people have given for what the worker calls: addresses and tokens of
 * channels and trackers. PostgreSQL keeps one as
 *
 *     v1:KEY:TEXT   sealed, see worker/seal.hpp
 *     file:NAME     a file in a folder of the worker, its first line. Files are for all
 *                   projects, so a file NAME.for beside it can bind it: the beginnings of the
 *                   addresses that it may be sent to, a line each
 *
 * What is to be hidden in events is worker/secrets.hpp.
 */

#ifndef ERRTRACK_WORKER_SECRET_STORE_HPP
#define ERRTRACK_WORKER_SECRET_STORE_HPP

#include <stdexcept>
#include <string>
#include <vector>

namespace errtrack {

struct SecretSettings {
    std::string key_file;           /* opens what is sealed; empty: none */
    std::string dir;                /* where files that are named lie; empty: none */
};

/* The settings cannot work: trying again does not help. */
class SecretSettingsError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* A secret cannot be had. Says what is missing, without the secret. */
class SecretError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* Where a secret is to be sent. */
struct SecretPlaces {
    std::vector<std::string> addresses;     /* empty ones do not count */
    bool listed = false;                    /* a file goes nowhere unless NAME.for has them all */
    bool shown = true;                      /* may be named in errors */
};

/* Keeps no secret and no key in memory. May be used by several threads. */
class SecretStore {
public:
    /* Throws SecretSettingsError. */
    explicit SecretStore(const SecretSettings &settings);

    /* What is kept as stored, for what seal_context() says. Files are read anew each time:
     * they may have been replaced. Throws SecretError. */
    std::string plain(const std::string &stored, const std::string &context, const SecretPlaces &places = {}) const;

    /* Ids of the keys that there were at the start; empty: there is no key file. */
    const std::string &keys() const noexcept { return keys_; }

private:
    std::string from_file(const std::string &name, const SecretPlaces &places) const;

    const SecretSettings settings_;
    std::string keys_;
};

}

#endif
