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

/* 32 letters and digits for a password: 160 bits. */
std::string make_password();

/* The password in a file, of one line. Throws Failure: it must be one that every client
 * writes alike, without blanks, of ASCII, and long enough not to be guessed. */
std::string read_password(const std::string &path);

/* What PostgreSQL stores of a password (SCRAM-SHA-256, RFC 5803): the server, and the log
 * of its statements, get nothing by which somebody could log in. */
std::string scram_verifier(const std::string &password);

/* One line of standard input, asked for with these words and without echo on a terminal. A
 * secret in an argument could be read by every user of the machine. */
std::string read_line_silently(const std::string &prompt);

/* The token of GitLab, from standard input. Throws Failure. */
std::string read_secret();

/* 64 hexadecimal digits: 256 bits, as worker/seal.hpp reads them. */
std::string make_seal_key();

/* SHA-256 in the form that PostgreSQL reads as bytea. */
std::string sha256_bytea(const std::string &secret);

}

#endif
