/*
 * Tokens on their way in and out: making one, reading one, and the hash that is
 * all the database gets of it.
 */

#ifndef ERRTRACK_WORKER_ADMIN_SECRET_HPP
#define ERRTRACK_WORKER_ADMIN_SECRET_HPP

#include <string>

namespace errtrack {

/* "ett_" and 40 hex digits from the generator of OpenSSL. */
std::string make_token();

/* One line of standard input, asked for without echo on a terminal. A secret in
 * an argument could be read by every user of the machine. Throws Failure. */
std::string read_secret();

/* SHA-256 in the form that PostgreSQL reads as bytea. */
std::string sha256_bytea(const std::string &secret);

}

#endif
