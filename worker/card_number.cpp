#include "worker/card_number.hpp"

#include <algorithm>
#include <cstdint>

namespace errtrack {
namespace {

constexpr std::size_t fewest_digits = 13;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Issuer {
    int least;                              /* of the first four digits */
    int most;
    std::uint32_t lengths;                  /* a bit for each */
};

constexpr std::uint32_t of_length(unsigned n) { return std::uint32_t(1) << n; }

constexpr Issuer issuers[] = {
    {4000, 4999, of_length(13) | of_length(16) | of_length(19)},    /* Visa */
    {5100, 5599, of_length(16)},                                    /* Mastercard */
    {2221, 2720, of_length(16)},
    {3400, 3499, of_length(15)},                                    /* American Express */
    {3700, 3799, of_length(15)},
    {6011, 6011, of_length(16) | of_length(19)},                    /* Discover */
    {6440, 6599, of_length(16) | of_length(19)},
    {3528, 3589, of_length(16)},                                    /* JCB */
    {3000, 3059, of_length(14)},                                    /* Diners Club */
    {3600, 3699, of_length(14)},
    {3800, 3999, of_length(14)},
    {6200, 6299, of_length(16) | of_length(19)},                    /* UnionPay */
};

}

bool is_card_number(std::string_view digits)
{
    if (digits.size() < fewest_digits || digits.size() > most_card_digits
        || !std::all_of(digits.begin(), digits.end(), is_digit)) {
        return false;
    }
    int head = 0;
    for (char c : digits.substr(0, 4)) {
        head = head * 10 + (c - '0');
    }
    bool issued = std::any_of(std::begin(issuers), std::end(issuers), [&](const Issuer &each) {
        return head >= each.least && head <= each.most && (each.lengths >> digits.size() & 1) != 0;
    });
    int sum = 0;
    for (std::size_t i = 0; i < digits.size(); i++) {
        int digit = digits[digits.size() - 1 - i] - '0';
        int weighted = i % 2 == 0 ? digit : digit * 2;
        sum += weighted > 9 ? weighted - 9 : weighted;
    }
    return issued && sum % 10 == 0;
}

}
