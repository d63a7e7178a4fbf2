/* Numbers of payment cards. Pure. */

#ifndef ERRTRACK_WORKER_CARD_NUMBER_HPP
#define ERRTRACK_WORKER_CARD_NUMBER_HPP

#include <cstddef>
#include <string_view>

namespace errtrack {

inline constexpr std::size_t most_card_digits = 19;

/* Whether digits are the number of a payment card, with the length that its issuer uses
 * and a right check digit. */
bool is_card_number(std::string_view digits);

}

#endif
