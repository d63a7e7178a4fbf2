#include "worker/card_number.hpp"

#include <algorithm>
#include <cstdint>

namespace errtrack {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Issuer {
    int least;                              /* of the first four digits */
    int most;
    std::uint32_t lengths;                  /* a bit for each */
};

constexpr std::uint32_t bit(unsigned n) { return std::uint32_t(1) << n; }

constexpr Issuer issuers[] = {
    {4000, 4999, bit(13) | bit(16) | bit(19)},    /* Visa */
    {5100, 5599, bit(16)},                                    /* Mastercard */
    {2221, 2720, bit(16)},
    {3400, 3499, bit(15)},                                    /* American Express */
    {3700, 3799, bit(15)},
    {6011, 6011, bit(16) | bit(19)},                    /* Discover */
    {6440, 6599, bit(16) | bit(19)},
    {3528, 3589, bit(16)},                                    /* JCB */
    {3000, 3059, bit(14)},                                    /* Diners Club */
    {3600, 3699, bit(14)},
    {3800, 3999, bit(14)},
    {6200, 6299, bit(16) | bit(19)},                    /* UnionPay */
};

}

bool is_card_number(std::string_view digits)
{
    if (digits.size() < fewest_card_digits || digits.size() > most_card_digits
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

void CardGroups::add(std::size_t digits_before, std::string_view separator)
{
    if (begins_ == 0) {
        separator_ = separator;
    }
    begins_ |= bit(static_cast<unsigned>(digits_before));
    usual_ = usual_ && (separator == " " || separator == "-");
    same_ = same_ && separator == separator_;
}

bool CardGroups::may_be_card(std::size_t digits) const
{
    std::uint32_t fours = bit(4) | bit(8) | bit(12);
    std::uint32_t printed = digits < 16   ? bit(4) | bit(10)
                            : digits > 16 ? fours | bit(16)
                                          : fours;
    return usual_ || (same_ && begins_ == printed);
}

}
