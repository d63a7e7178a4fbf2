/*
 * The lines of a file that "errtrack export" writes and "errtrack import" reads:
 *
 *     {"sum":"0123456789abcdef","kind":"issues","row":{...}}
 *
 * The first is of kind header and tells what is in it, the last of kind trailer and tells
 * how many lines there were of each kind. A sum is over the sum before and what follows it
 * in the line, so a line that was changed, left out or moved is found where it is.
 */

#ifndef ERRTRACK_WORKER_ADMIN_LINES_HPP
#define ERRTRACK_WORKER_ADMIN_LINES_HPP

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack {

inline constexpr int transfer_format = 1;

/* Far above what a row can be: bodies of events have 512 KiB at most. */
inline constexpr std::size_t longest_line = 16 * 1024 * 1024;

inline constexpr std::string_view line_begin = "{\"sum\":\"";
inline constexpr std::string_view kind_begin = "\",\"kind\":\"";
inline constexpr std::string_view row_begin = "\",\"row\":";
inline constexpr std::size_t sum_length = 16;

class LineSums {
public:
    /* The sum of the next line, of which this is what follows its sum. */
    std::string next(std::string_view rest)
    {
        unsigned char digest[EVP_MAX_MD_SIZE];
        std::string text = sum_;
        text.append(rest);
        if (EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha256(), nullptr) != 1) {
            throw std::runtime_error("libcrypto has no SHA-256");
        }
        constexpr std::string_view digits = "0123456789abcdef";
        sum_.clear();
        for (std::size_t n = 0; n < sum_length / 2; n++) {
            sum_.push_back(digits[digest[n] >> 4]);
            sum_.push_back(digits[digest[n] & 15]);
        }
        return sum_;
    }

private:
    std::string sum_;
};

/* How many lines there are of each kind, in their order. */
using KindCounts = std::vector<std::pair<std::string, std::int64_t>>;

inline std::string trailer_row(const KindCounts &counts)
{
    std::string row = "{\"counts\":{";
    for (const auto &[kind, lines] : counts) {
        row.append(row.back() == '{' ? "\"" : ",\"").append(kind).append("\":").append(std::to_string(lines));
    }
    return row + "}}";
}

}

#endif
