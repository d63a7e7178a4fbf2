/* Passages of texts that are secrets, by the names before them and by their looks. Pure. */

#ifndef ERRTRACK_WORKER_SECRETS_HPP
#define ERRTRACK_WORKER_SECRETS_HPP

#include <cstddef>
#include <string_view>
#include <vector>

#include "worker/secret_names.hpp"

namespace errtrack {

/* What stands in the place of a secret. */
inline constexpr std::string_view filtered_text = "[Filtered]";

struct TextRange {
    std::size_t begin;
    std::size_t end;
};

/*
 * The passages of text that are secrets, in order and apart from each other: private
 * keys in PEM; card numbers; user and password in a URL; what follows Bearer or Basic;
 * the values of secret names in queries, forms, cookies and JSON, which may be JSON in JSON
 * (name=value, name = "value", "name": value, "name" => value, {name: "value"}). Linear in
 * the length of text.
 */
std::vector<TextRange> find_secrets(std::string_view text, const SecretNames &names);

}

#endif
