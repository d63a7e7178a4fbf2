/*
 * The patterns of parameterize(): each tells how much of a text it matches from one
 * place on. Grouping reference, section 12.3, pass C and the first rule of pass D.
 */

#ifndef ERRTRACK_WORKER_PARAMETERIZE_PATTERNS_HPP
#define ERRTRACK_WORKER_PARAMETERIZE_PATTERNS_HPP

#include <cstddef>
#include <string_view>

namespace errtrack {

/* What stands at a place of a text. */
struct DataMatch {
    std::size_t length = 0;              /* 0: no data, and nothing to keep */
    std::string_view placeholder;        /* empty: these bytes are meaning, they stay */
};

/*
 * Finds what begins at places of one text, asked in rising order. It remembers where
 * the name at hand ends, so that a long name is not read again from each of its parts.
 */
class DataPatterns {
public:
    explicit DataPatterns(std::string_view text) : text_(text) {}

    /* The first pattern in order that matches there. */
    DataMatch match(std::size_t at);

private:
    DataMatch match_letters(std::size_t at);
    DataMatch match_digits(std::size_t at);
    std::size_t email(std::size_t at);
    std::size_t url(std::size_t at) const;
    std::size_t host(std::size_t at);
    std::size_t name_end(std::size_t at);

    std::string_view text_;
    std::size_t name_end_ = 0;           /* of the name that was read last */
};

bool is_digit(char c);
bool is_letter(char c);                  /* of ASCII */
bool is_hex(char c);

/* Letters, digits, _, and whatever is beyond ASCII. */
bool is_name(char c);

}

#endif
