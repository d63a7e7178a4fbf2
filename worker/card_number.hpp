/* Numbers of payment cards. Pure. */

#ifndef ERRTRACK_WORKER_CARD_NUMBER_HPP
#define ERRTRACK_WORKER_CARD_NUMBER_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace errtrack {

inline constexpr std::size_t fewest_card_digits = 13;
inline constexpr std::size_t most_card_digits = 19;

/* Whether digits are the number of a payment card, with the length that its issuer uses
 * and a right check digit. */
bool is_card_number(std::string_view digits);

/* How digits are grouped. Blanks and dashes may stand anywhere in the number of a card; of
 * other separators, which decimals and versions have too, only as it is printed on cards. */
class CardGroups {
public:
    void add(std::size_t digits_before, std::string_view separator);
    bool may_be_card(std::size_t digits) const;

private:
    std::uint32_t begins_ = 0;              /* a bit for each digit that begins a group */
    std::string_view separator_;            /* the first one */
    bool usual_ = true;
    bool same_ = true;
};

}

#endif
